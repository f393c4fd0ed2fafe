"""Draws tokens from whole rows of logits, without writing noise for tokens that cannot win."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from helix.kernels.build import Variant
from helix.kernels.linear import load_linear_kernel


@dataclass(frozen=True, slots=True)
class DrawKernel:
    """The compiled operator of one variant.

    It takes the noise of `sampling.noise` and so draws what the largest of logits / temperature + gumbel_noise is, but
    for what rounding makes of two that are equal to the last bits.
    """

    variant: str
    operator: Any

    def __call__(
        self,
        logits: Tensor,  # [num_rows, vocab_size] float32, rows at any stride
        temperatures: Tensor,  # [num_rows] float32
        seeds: Tensor,  # [num_rows] int64
        positions: Tensor,  # [num_rows] int64
        stream: int,
    ) -> Tensor:  # [num_rows] int64
        """Draw a token for each row; each row by itself, whatever rows are drawn with it."""
        token_ids: Tensor = self.operator(logits, temperatures, seeds, positions, stream)
        return token_ids


def load_draw_kernel(*, variants: list[Variant] | None = None) -> DrawKernel:
    """Return the operator of the variant that multiplies; safe to call from any thread.

    Args:
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: None compiles, loads and computes correctly here.
    """
    return _load(load_linear_kernel(variants=variants).variant)


@cache
def _load(variant: str) -> DrawKernel:
    namespace = f"helix_{variant}"
    torch.library.register_fake(f"{namespace}::draw", _fake_draw)
    return DrawKernel(variant, getattr(torch.ops, namespace).draw.default)


def _fake_draw(logits: Tensor, temperatures: Tensor, seeds: Tensor, positions: Tensor, stream: int) -> Tensor:
    return torch.empty_like(seeds)
