"""The head that train.py trains for the target: one more layer, which is run again on its own output.

It computes what Helix computes when it drafts. A token that Helix drafts attends to what the target's hidden states
made of the text, and to what the head's own output made of the tokens drafted before it; so every depth here has keys
of its own, and a token looks at depth one of the text and at one token of each depth since.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from helix.demo.network import Attention, Layer, Shape, rotary_table

HEAD_FILE = "mtp.safetensors"
"""Beside the target's weights, where transformers does not look."""


class Head(nn.Module):
    """One layer over the target's hidden states and the next tokens; names are those of Qwen's checkpoints."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        """Initialise with normal weights; the projections back into the residual start at zero."""
        super().__init__()
        self.shape = shape
        self.pre_fc_norm_embedding = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.pre_fc_norm_hidden = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.fc = nn.Linear(2 * shape.hidden_size, shape.hidden_size, bias=False)
        self.layers = nn.ModuleList([Layer(shape)])
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        cos, sin = rotary_table(shape, shape.max_position_embeddings)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                back = "o_proj" in name or "down_proj" in name
                nn.init.normal_(weight, std=0.0 if back else 0.5 / weight.shape[1] ** 0.5)

    def forward(
        self,
        embeddings: Tensor,  # [num_tokens, hidden_size] of all tokens, conversations one after another
        states: Tensor,  # [num_tokens, hidden_size] of the target at all tokens
        positions: Tensor,  # [num_tokens] int64
        lens: list[int],  # tokens of each conversation
        rows: Tensor,  # [num_rows] int64, ascending: where the next token is to be guessed
        depth: int,
    ) -> list[tuple[Tensor, Tensor]]:
        """Return for each depth that reaches a row which of them it reaches, and what the LM head reads there.

        A row is reached by as many depths as rows lie before it without a gap, itself included.
        """
        conversations = torch.repeat_interleave(torch.tensor(lens))
        inputs = self._fuse(embeddings, states_before(states, positions))
        keys, values = self._keys_and_values(inputs, positions)
        own_keys: list[Tensor] = []
        own_values: list[Tensor] = []
        places: list[Tensor] = []
        results: list[tuple[Tensor, Tensor]] = []
        for steps in range(depth):
            reached = torch.arange(steps, len(rows))
            reached = reached[rows[reached] - rows[reached - steps] == steps]
            if not len(reached):
                break
            at = rows[reached]
            if steps:
                last = results[-1][1][places[-1][reached - 1]]
                x = self._fuse(embeddings[at], last)
                k, v = self._keys_and_values(x, positions[at])
            else:
                x, k, v = inputs[at], keys[at], values[at]
            own_keys.append(k)
            own_values.append(v)
            place = torch.full((len(rows),), -1)
            place[reached] = torch.arange(len(reached))
            places.append(place)
            # Depth i has been at the token that lies steps - i before this one; depth 0 at that and all before.
            since = [places[i][reached - (steps - i)] for i in range(1, steps + 1)]
            heads = self._attend(
                self._rotate(self._attention.q_proj(self._layer.input_layernorm(x)), positions[at]),
                (keys, values),
                [(own_keys[i], own_values[i]) for i in range(1, steps + 1)],
                since,
                positions[at] - steps,
                lens,
                torch.bincount(conversations[at], minlength=len(lens)).tolist(),
            )
            x = x + self._attention.o_proj(heads)
            results.append((reached, self.norm(x + self._layer.mlp(self._layer.post_attention_layernorm(x)))))
        return results

    def both(self, embeddings: Tensor, before: Tensor) -> Tensor:
        """Return what the projection reads, [num_rows, 2 * hidden_size]."""
        return torch.cat((self.pre_fc_norm_embedding(embeddings), self.pre_fc_norm_hidden(before)), dim=-1)

    @property
    def _layer(self) -> Layer:
        layer = self.layers[0]
        assert isinstance(layer, Layer)
        return layer

    @property
    def _attention(self) -> Attention:
        return self._layer.self_attn

    def _fuse(self, embeddings: Tensor, before: Tensor) -> Tensor:
        fused: Tensor = self.fc(self.both(embeddings, before))
        return fused

    def _keys_and_values(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:  # [num_rows, num_kv_heads, dim]
        x = self._layer.input_layernorm(x)
        values = self._attention.v_proj(x).view(len(x), -1, self.shape.head_dim)
        return self._rotate(self._attention.k_proj(x), positions), values

    def _rotate(self, x: Tensor, positions: Tensor) -> Tensor:  # [num_rows, num_heads, head_dim]
        x = x.view(len(x), -1, self.shape.head_dim)
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        return torch.addcmul(x * cos, x.roll(self.shape.head_dim // 2, dims=-1), sin)

    def _attend(
        self,
        queries: Tensor,  # [num_rows, num_heads, head_dim]
        text: tuple[Tensor, Tensor],  # keys and values of all tokens
        drafted: list[tuple[Tensor, Tensor]],  # keys and values by depth, behind the first
        since: list[Tensor],  # by those depths: [num_rows] int64, which of them a row sees
        last: Tensor,  # [num_rows] int64, last position of the text that a row sees
        lens: list[int],
        num_rows: list[int],  # by conversation
    ) -> Tensor:  # [num_rows, num_heads * head_dim]
        outputs = []
        start = row = 0
        for length, num in zip(lens, num_rows, strict=True):
            if num:
                mine = slice(row, row + num)
                masks = [torch.arange(length) <= last[mine, None]] + [torch.eye(num, dtype=torch.bool)] * len(drafted)
                k, v = (
                    torch.cat(
                        [text[i][start : start + length]]
                        + [pair[i][which[mine]] for pair, which in zip(drafted, since, strict=True)]
                    )
                    for i in range(2)
                )
                output = F.scaled_dot_product_attention(
                    queries[None, mine].transpose(1, 2),
                    k[None].transpose(1, 2),
                    v[None].transpose(1, 2),
                    attn_mask=torch.cat(masks, dim=1),
                    enable_gqa=True,
                )
                outputs.append(output[0].transpose(0, 1).flatten(1))
            start, row = start + length, row + num
        return torch.cat(outputs)

    def exported_state(self) -> dict[str, Tensor]:
        """Return the weights under the names that Helix looks for."""
        return {f"mtp.{name}": value for name, value in self.state_dict().items()}


def states_before(states: Tensor, positions: Tensor) -> Tensor:
    """Return for each token the hidden state of the one before it; zeros where a conversation begins."""
    return torch.where(positions[:, None] == 0, 0.0, states.roll(1, 0))


def load_head(folder: Path, shape: Shape) -> Head | None:
    """Return the exported head in a target's folder, in float32, if there is one."""
    path = folder / HEAD_FILE
    if not path.exists():
        return None
    head = Head(shape).requires_grad_(False)
    head.load_state_dict({name.removeprefix("mtp."): weight.float() for name, weight in load_file(path).items()})
    return head.eval()
