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
    """Sizes of a model; no projection has a bias and the embeddings are tied."""

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


def rotary_table(shape: Shape, num_positions: int) -> tuple[Tensor, Tensor]:
    """Return cosines and sines, each [num_positions, head_dim], in transformers' half-split layout."""
    inv_freq = shape.rope_theta ** -(torch.arange(0, shape.head_dim, 2) / shape.head_dim)
    angles = torch.outer(torch.arange(num_positions).float(), inv_freq)
    return torch.cat([angles.cos()] * 2, dim=-1), torch.cat([-angles.sin(), angles.sin()], dim=-1)


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
    """A Llama over concatenated conversations; its state dict is LlamaForCausalLM's without the prefix `model.`."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        """Initialise with normal weights; the projections back into the residual start near zero."""
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.num_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        cos, sin = rotary_table(shape, shape.max_position_embeddings)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                std = 0.02 if "embed" in name else 0.5 / math.sqrt(weight.shape[1])
                nn.init.normal_(weight, std=0.0 if "o_proj" in name or "down_proj" in name else std)

    def forward(
        self,
        input_ids: Tensor,  # [num_tokens] int64, conversations one after another
        positions: Tensor,  # [num_tokens] int64
        lens: list[int],  # tokens of each conversation
        keep: Tensor,  # [num_kept] int64, rows whose logits are wanted
    ) -> Tensor:
        """Return logits, [num_kept, vocab_size]."""
        x = self.embed_tokens(input_ids)
        rotary = (self.cos[positions].unsqueeze(1), self.sin[positions].unsqueeze(1))
        for layer in self.layers[:-1]:
            x = layer(x, rotary, lens)
        x = self.layers[-1](x, rotary, lens, keep)
        return F.linear(self.norm(x), self.embed_tokens.weight)
