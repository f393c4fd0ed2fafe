"""Paged attention on the CPU: one call writes the new keys and values and attends through the block tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from helix.kernels.build import KernelBuildError, Variant
from helix.kernels.linear import load_linear_kernel
from helix.kv_cache.int8 import NUM_SCALE_BYTES, dequantize


@dataclass(frozen=True, slots=True)
class AttentionKernel:
    """The compiled operator of one variant; computes in float32.

    Every (row, head) is computed in one fixed order over its context, so a row's result is bitwise the same whatever
    other rows are computed with it, however its context was cut into passes, and however many threads compute.
    """

    variant: str
    operator: Any

    def __call__(
        self,
        query: Tensor,  # [num_heads, num_query_tokens, key_dim]
        key: Tensor,  # [num_kv_heads, num_query_tokens, key_dim]
        value: Tensor,  # [num_kv_heads, num_query_tokens, value_dim]
        keys: Tensor,  # [num_slots, num_kv_heads, key_dim] float32, or quantised as in a pool of int8; changed
        values: Tensor,  # [num_slots, num_kv_heads, value_dim], likewise
        slot_mapping: Tensor,  # [num_query_tokens] int64
        positions: Tensor,  # [num_query_tokens] int64
        owners: Tensor,  # [num_query_tokens] int64, rows of block_tables
        block_tables: Tensor,  # [num_requests, max_num_blocks] int64
        block_size: int,
        *,
        window: int | None,
        chunk: int | None,
        scale: float,
    ) -> Tensor:  # [num_query_tokens, num_heads, value_dim]
        """Store key and value in their slots, then attend from each row to all positions up to its own."""
        out: Tensor = self.operator(
            query, key, value, keys, values, slot_mapping, positions, owners, block_tables, block_size, window or 0,
            chunk or 0, scale,
        )  # fmt: skip
        return out


def load_attention_kernel(*, variants: list[Variant] | None = None) -> AttentionKernel:
    """Return the operator of the variant that multiplies; safe to call from any thread.

    Args:
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: None compiles, loads and computes correctly here.
    """
    return _load(load_linear_kernel(variants=variants).variant)


@cache
def _load(variant: str) -> AttentionKernel:
    kernel = AttentionKernel(variant, getattr(torch.ops, f"helix_{variant}").attend.default)
    _check(kernel)
    return kernel


def _check(kernel: AttentionKernel) -> None:
    """Compare with softmax in float64 on sizes that reach the edges of the kernel, in both formats of a pool."""
    generator = torch.Generator().manual_seed(0)
    num_tokens, num_heads, num_kv_heads, key_dim, value_dim = 37, 6, 2, 43, 107
    query = torch.randn(num_heads, num_tokens, key_dim, generator=generator) * 3
    key = torch.randn(num_kv_heads, num_tokens, key_dim, generator=generator)
    value = torch.randn(num_kv_heads, num_tokens, value_dim, generator=generator)
    table = torch.randperm(10, generator=generator)[None]
    positions = torch.arange(num_tokens)
    slots = table[0, positions // 4] * 4 + positions % 4
    window = 29
    distance = positions[:, None] - positions
    is_hidden = (distance < 0) | (distance >= window)
    for dtype, extra in ((torch.float32, 0), (torch.int8, NUM_SCALE_BYTES)):
        keys, values = (torch.zeros(40, num_kv_heads, dim + extra, dtype=dtype) for dim in (key_dim, value_dim))
        out = kernel(
            query, key, value, keys, values, slots, positions, torch.zeros_like(positions), table, 4,
            window=window, chunk=None, scale=0.3,
        )  # fmt: skip
        if dtype is torch.int8:
            key, value = (dequantize(pool[slots]).transpose(0, 1) for pool in (keys, values))
        scores = query.double() @ key.double().repeat_interleave(3, dim=0).transpose(1, 2) * 0.3
        weights = scores.masked_fill(is_hidden, float("-inf")).softmax(-1)
        expected = (weights @ value.double().repeat_interleave(3, dim=0)).transpose(0, 1)
        if not torch.allclose(out.double(), expected, rtol=0, atol=2e-5):
            raise KernelBuildError(f"the {kernel.variant} kernel computes wrong attention")
