"""All layers of a decoder in one call: norms, rotary positions, paged attention and gated feed-forward.

Between kernels that take microseconds a call from Python takes longer than they do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from helix.kernels.build import Variant
from helix.kernels.linear import load_linear_kernel
from helix.kernels.quantized import FormatName

WeightLayout = Literal["plain", "bf16"] | FormatName
"""How the weights are packed and multiplied by: as `kernels.linear` does, as `kernels.bf16` does with the same weights,
or in one of the formats of `kernels.quantized`."""


class LayerParts(NamedTuple):
    """The tensors of one layer in the order of the operator; weights are packed, the rest is float32."""

    input_norm: Tensor  # [hidden_size]
    query: Tensor
    key: Tensor
    value: Tensor
    query_bias: Tensor | None
    key_bias: Tensor | None
    value_bias: Tensor | None
    query_norm: Tensor | None  # [head_dim]
    key_norm: Tensor | None  # [head_dim]
    output: Tensor
    output_bias: Tensor | None
    inner_norm: Tensor  # [hidden_size]
    gate: Tensor
    up: Tensor
    down: Tensor

    def as_list(self) -> list[Tensor]:
        """The operator's argument, where an empty tensor stands for an absent one."""
        return [torch.empty(0) if part is None else part for part in self]


_NO_NUMBERS = torch.empty(0, dtype=torch.int64)


class Rows(NamedTuple):
    """Where the rows of a pass stand and which of them are wanted, all int64."""

    slots: Tensor  # [num_query_tokens]
    positions: Tensor  # [num_query_tokens]
    owners: Tensor  # [num_query_tokens], rows of block_tables
    block_tables: Tensor  # [num_requests, max_num_blocks]
    kept: Tensor = _NO_NUMBERS  # [num_kept], rows whose results are wanted; empty: all


@dataclass(frozen=True, slots=True)
class DecoderKernel:
    """The compiled operator of one variant.

    A row's result is bitwise the same whatever rows are computed with it, and the same as in passes of other sizes.
    Whether it computes what a model does is for its caller to try, with that model.
    """

    variant: str
    operator: Any

    def __call__(
        self,
        x: Tensor,  # [num_query_tokens, hidden_size] float32
        parts: list[Tensor],  # LayerParts.as_list() of layer after layer
        last_norm: Tensor,  # [hidden_size], or empty
        keys: list[Tensor],  # per layer [num_slots, num_kv_heads, head_dim], or as in a pool of int8; changed
        values: list[Tensor],  # likewise
        angles: tuple[Tensor, Tensor],  # cosines and sines, [num_positions, head_dim]
        rows: Rows,
        block_size: int,
        *,
        windows: Sequence[int],  # per layer; 0: the whole context
        chunks: Sequence[int],  # per layer; 0: the whole context
        num_heads: int,
        inner_size: int,
        layout: WeightLayout,
        scale: float,
        epsilon: float,
    ) -> Tensor:  # [num_query_tokens or num_kept, hidden_size]
        """Compute the layers one after another, storing keys and values, and normalise with last_norm if there is one.

        Rows that are not kept leave the last layer with their keys and values alone.

        Raises:
            RuntimeError: Shapes do not fit, a position is beyond the angles, or a kept row is none of x.
        """
        y: Tensor = self.operator(
            x, parts, last_norm, keys, values, *angles, *rows, block_size, windows, chunks, num_heads, inner_size,
            layout, scale, epsilon,
        )  # fmt: skip
        return y


def load_decoder_kernel(*, variants: list[Variant] | None = None) -> DecoderKernel:
    """Return the operator of the variant that multiplies; safe to call from any thread.

    Args:
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: None compiles, loads and multiplies correctly here.
    """
    return _load(load_linear_kernel(variants=variants).variant)


@cache
def _load(variant: str) -> DecoderKernel:
    namespace = f"helix_{variant}"
    torch.library.register_fake(f"{namespace}::decode", _fake_decode)
    return DecoderKernel(variant, getattr(torch.ops, namespace).decode.default)


def _fake_decode(x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x)
