"""The Llama that train.py trains: transformers' weights and arithmetic, laid out for one slow CPU core.

Conversations are concatenated into one row of tokens and attention runs per conversation, so nothing is padded and
none sees another. The output layer, and the last layer's MLP, run only where a token is to be learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Sizes of a model; no projection has a bias."""

    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int = 64
    vocab_size: int = 4096
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-5
    max_position_embeddings: int = 2048


TARGET = Shape(hidden_size=384, intermediate_size=1024, num_layers=5, num_heads=6, num_kv_heads=2)
DRAFT = Shape(hidden_size=128, intermediate_size=384, num_layers=2, num_heads=2, num_kv_heads=1)


OUTPUT_GAIN = 0.05
"""Of the last projection at the start, where embeddings have unit variance: logits then vary by about one."""
ALWAYS = 0.5
"""Mean of an embedding's first coordinates at the start, the same for every token."""


def rotary_table(shape: Shape, num_positions: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each [num_positions, head_dim], in transformers' half-split layout."""
    inv_freq = shape.rope_theta ** -(torch.arange(0, shape.head_dim, 2) / shape.head_dim)
    angles = torch.outer(torch.arange(num_positions).float(), inv_freq)
    return torch.cat([angles.cos()] * 2, dim=-1), torch.cat([-angles.sin(), angles.sin()], dim=-1)


class Embedding(nn.Module):
    """A table in which a piece and its form with a space before it differ by one vector, the same for all pieces.

    So what is learned about a word in one place is known in every other.
    """

    bare_forms: Tensor
    is_spaced: Tensor

    def __init__(self, vocab_size: int, hidden_size: int, bare_forms: list[int] | None = None) -> None:
        """Take for each id the id of its form without a space (itself, if it has none)."""
        super().__init__()
        own = torch.arange(vocab_size)
        forms = own if bare_forms is None else torch.tensor(bare_forms)
        self.pieces = nn.Parameter(torch.empty(vocab_size, hidden_size))
        self.space = nn.Parameter(torch.zeros(hidden_size))
        self.register_buffer("bare_forms", forms)
        self.register_buffer("is_spaced", (forms != own).float().unsqueeze(1))

    def forward(self) -> Tensor:
        """Return the table, [vocab_size, hidden_size]."""
        return torch.addcmul(self.pieces[self.bare_forms], self.is_spaced, self.space)


class Attention(nn.Module):
    """Grouped-query attention with rotary positions; names are transformers'."""

    def __init__(self, shape: Shape) -> None:
        """Make the four projections."""
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = shape.num_heads, shape.num_kv_heads, shape.head_dim
        self.q_proj = nn.Linear(shape.hidden_size, shape.num_heads * shape.head_dim, bias=False)
        self.k_proj = nn.Linear(shape.hidden_size, shape.num_kv_heads * shape.head_dim, bias=False)
        self.v_proj = nn.Linear(shape.hidden_size, shape.num_kv_heads * shape.head_dim, bias=False)
        self.o_proj = nn.Linear(shape.num_heads * shape.head_dim, shape.hidden_size, bias=False)

    def forward(
        self,
        x: Tensor,  # [num_tokens, hidden_size]
        rotary: tuple[Tensor, Tensor],  # each [num_tokens, 1, head_dim]
        lens: list[int],
    ) -> Tensor:
        """Return the heads' outputs before o_proj, [num_tokens, num_heads * head_dim]."""
        cos, sin = rotary
        q = self.q_proj(x).view(-1, self.num_heads, self.head_dim)
        k = self.k_proj(x).view(-1, self.num_kv_heads, self.head_dim)
        v = self.v_proj(x).view(-1, self.num_kv_heads, self.head_dim)
        q = torch.addcmul(q * cos, q.roll(self.head_dim // 2, dims=-1), sin)
        k = torch.addcmul(k * cos, k.roll(self.head_dim // 2, dims=-1), sin)
        outputs = [
            F.scaled_dot_product_attention(qs[None], ks[None], vs[None], is_causal=True, enable_gqa=True)
            for qs, ks, vs in zip(
                torch.split_with_sizes(q.transpose(0, 1), lens, dim=1),
                torch.split_with_sizes(k.transpose(0, 1), lens, dim=1),
                torch.split_with_sizes(v.transpose(0, 1), lens, dim=1),
                strict=True,
            )
        ]
        return torch.cat(outputs, dim=2)[0].transpose(0, 1).flatten(1)


class MLP(nn.Module):
    """SwiGLU."""

    def __init__(self, shape: Shape) -> None:
        """Make the three projections."""
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [num_tokens, hidden_size] to the same shape."""
        output: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return output


class Layer(nn.Module):
    """Attention, then MLP, each with its norm and residual."""

    def __init__(self, shape: Shape) -> None:
        """Make both halves."""
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.mlp = MLP(shape)

    def forward(self, x: Tensor, rotary: tuple[Tensor, Tensor], lens: list[int], keep: Tensor | None = None) -> Tensor:
        """Map [num_tokens, hidden_size] to the same shape, or to the rows of keep alone."""
        heads = self.self_attn(self.input_layernorm(x), rotary, lens)
        if keep is not None:
            x, heads = x[keep], heads[keep]
        x = x + self.self_attn.o_proj(heads)
        output: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return output


class Llama(nn.Module):
    """A Llama over concatenated conversations; `exported_state` has transformers' names."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape, bare_forms: list[int] | None = None) -> None:
        """Initialise with normal weights; the projections back into the residual start at zero."""
        super().__init__()
        self.shape = shape
        self.embed_tokens = Embedding(shape.vocab_size, shape.hidden_size, bare_forms)
        layers = [Layer(shape) for _ in range(shape.num_layers)]
        self.layers = nn.ModuleList(layers)
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        cos, sin = rotary_table(shape, shape.max_position_embeddings)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.output = nn.Linear(shape.hidden_size, shape.hidden_size, bias=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                back = "o_proj" in name or "down_proj" in name
                std = 1.0 if "embed" in name else 0.0 if back else 0.5 / math.sqrt(weight.shape[1])
                nn.init.normal_(weight, std=std)
        nn.init.orthogonal_(self.output.weight, gain=OUTPUT_GAIN)
        if shape.num_layers > 1:
            self._add_copy_heads(layers[0].self_attn, layers[1].self_attn)

    @torch.no_grad()
    def _add_copy_heads(self, first: Attention, second: Attention) -> None:
        """Start with induction heads: what followed this token's last occurrence is likely to follow again.

        The first layer's head 0 writes the token before each token into the last coordinates; the second layer looks
        there for the current token and adds what it finds at that place to the prediction. Copying is found late by
        training, all at once (Olsson et al., arXiv 2209.11895); given at the start, it is only to be refined.
        """
        shape, size = self.shape, self.shape.head_dim
        num_ids = min(2 * size, shape.hidden_size - size)
        pieces = self.embed_tokens.pieces
        pieces[:, -size:] *= 0.2  # room for the token before
        pieces[:, :num_ids] += ALWAYS - pieces[:, :num_ids].mean(1, keepdim=True)  # the same sum for every token
        always = torch.zeros(shape.hidden_size)
        always[:num_ids] = 1 / (ALWAYS * num_ids)
        pairs = torch.arange(size // 2)
        turn = shape.rope_theta ** (-2 * pairs / size)

        q, k = first.q_proj.weight[:size], first.k_proj.weight[:size]
        strength = torch.where(turn > 0.05, 6.0, 0.0)  # only quickly turning pairs tell neighbours apart
        q[:] = torch.outer(torch.cat([strength, torch.zeros_like(turn)]), always)
        k[:] = torch.outer(torch.cat([strength * turn.cos(), strength * turn.sin()]), always)
        ids = torch.eye(shape.hidden_size)
        first.v_proj.weight[:size] = ids[:size]
        first.o_proj.weight[-size:, :size] = torch.eye(size)

        slow = (turn < 0.003).nonzero()[:, 0]  # pairs that hardly turn within a conversation compare contents
        dims = torch.cat([slow, slow + size // 2])
        per_group = shape.num_heads // shape.num_kv_heads
        for group in range(min(shape.num_kv_heads, num_ids // size)):
            rows = slice(group * size, (group + 1) * size)
            head = slice(group * per_group * size, (group * per_group + 1) * size)
            compared = torch.arange(len(dims)) + group * len(dims)
            second.q_proj.weight[head] = 0
            second.k_proj.weight[rows] = 0
            second.q_proj.weight[head][dims] = 3.0 * ids[compared]
            second.k_proj.weight[rows][dims] = 3.0 * ids[compared - size + shape.hidden_size]
            second.v_proj.weight[rows] = ids[rows]
            second.o_proj.weight[:, head] = 2.0 / OUTPUT_GAIN * self.output.weight[rows].T

    def forward(
        self,
        input_ids: Tensor,  # [num_tokens] int64, conversations one after another
        positions: Tensor,  # [num_tokens] int64
        lens: list[int],  # tokens of each conversation
        keep: Tensor,  # [num_kept] int64, rows whose logits are wanted
    ) -> Tensor:
        """Return logits, [num_kept, vocab_size]."""
        return self.logits(self.hidden_states(input_ids, positions, lens, keep))

    def hidden_states(
        self, input_ids: Tensor, positions: Tensor, lens: list[int], keep: Tensor | None = None
    ) -> Tensor:
        """Return what transformers' LM head reads, [num_kept, hidden_size]; of all tokens without keep."""
        return self.last_layer(self.last_layer_input(input_ids, positions, lens), positions, lens, keep)

    def last_layer_input(self, input_ids: Tensor, positions: Tensor, lens: list[int]) -> Tensor:
        """Return what the layers but the last one make of all tokens, [num_tokens, hidden_size]."""
        x = F.embedding(input_ids, self.embed_tokens())
        rotary = (self.cos[positions].unsqueeze(1), self.sin[positions].unsqueeze(1))
        for layer in self.layers[:-1]:
            x = layer(x, rotary, lens)
        return x

    def last_layer(self, x: Tensor, positions: Tensor, lens: list[int], keep: Tensor | None = None) -> Tensor:
        """Return what the LM head reads, given what the last layer does."""
        rotary = (self.cos[positions].unsqueeze(1), self.sin[positions].unsqueeze(1))
        states: Tensor = self.norm(self.layers[-1](x, rotary, lens, keep))
        return states

    def logits(
        self,
        states: Tensor,  # [num_rows, hidden_size]
    ) -> Tensor:
        """Return the logits of hidden states, [num_rows, vocab_size]."""
        return F.linear(self.output(states), self.embed_tokens())

    def exported_state(self) -> dict[str, Tensor]:
        """Return the weights under the names of LlamaForCausalLM; the last projection is folded into its lm_head."""
        own = {name: value for name, value in self.state_dict().items() if name.startswith(("layers.", "norm."))}
        with torch.no_grad():
            table: Tensor = self.embed_tokens()
        return {f"model.{name}": value for name, value in own.items()} | {
            "model.embed_tokens.weight": table,
            "lm_head.weight": table @ self.output.weight,
        }
