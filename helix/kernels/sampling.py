"""Draws tokens from whole rows of logits and truncates them, in a pass or a few over what stays in the cache."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from helix.kernels.build import KernelBuildError, Variant
from helix.kernels.linear import load_linear_kernel


class Limits(NamedTuple):
    """What each row's request asks of the tokens that may be drawn; [num_rows] each."""

    temperatures: Tensor  # float32, 0 and above
    top_k: Tensor  # int64; 0: off
    top_p: Tensor  # float32; 1: off
    min_p: Tensor  # float32; 0: off


@dataclass(frozen=True, slots=True)
class SamplingKernel:
    """The compiled operators of one variant; each row by itself, whatever rows are computed with it."""

    variant: str
    draw_operator: Any
    truncate_operator: Any

    def draw(
        self,
        logits: Tensor,  # [num_rows, vocab_size] float32, rows at any stride
        limits: Limits,
        seeds: Tensor,  # [num_rows] int64
        positions: Tensor,  # [num_rows] int64
        stream: int,
    ) -> Tensor:  # [num_rows] int64
        """Draw a token for each row with the noise of `sampling.noise`.

        Of the tokens that the limits leave it is where logits / temperature + gumbel_noise is largest, but for what
        rounding makes of two that are equal to the last bits.
        """
        token_ids: Tensor = self.draw_operator(logits, *limits, seeds, positions, stream)
        return token_ids

    def truncate(
        self,
        logits: Tensor,  # [num_rows, vocab_size] float32, rows at any stride
        limits: Limits,
    ) -> tuple[Tensor, Tensor]:  # [num_rows, width] float32 and int64
        """Return the tokens that may still be drawn, best first, and their logits after temperature.

        As `sampling.logits_processors.truncate` keeps them, but for what rounding makes of tokens on the edge.
        """
        kept, token_ids = self.truncate_operator(logits, *limits)
        return kept, token_ids


@cache
def sampling_kernel() -> SamplingKernel | None:
    """Return the kernel that this machine uses, if it can have one."""
    try:
        return load_sampling_kernel()
    except KernelBuildError:
        return None  # the linear layers have said why


def load_sampling_kernel(*, variants: list[Variant] | None = None) -> SamplingKernel:
    """Return the operators of the variant that multiplies; safe to call from any thread.

    Args:
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: None compiles, loads and computes correctly here.
    """
    return _load(load_linear_kernel(variants=variants).variant)


@cache
def _load(variant: str) -> SamplingKernel:
    namespace = f"helix_{variant}"
    torch.library.register_fake(f"{namespace}::draw", _fake_draw)
    operators = getattr(torch.ops, namespace)
    return SamplingKernel(variant, operators.draw.default, operators.truncate.default)


def _fake_draw(logits: Tensor, temperatures: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(temperatures, dtype=torch.int64)
