"""Keys and values of 8 bits: each vector becomes whole numbers in [-127, 127], and its scale in four bytes behind them.

A vector, that of one token and one KV head, is quantised by itself when it is written and never again, so what a slot
holds does not depend on what was computed with it. Helix's own kernels read and write the same format.
"""

from __future__ import annotations

import torch
from torch import Tensor

NUM_SCALE_BYTES = 4
_SMALLEST = 2.0**-100  # its inverse is finite; smaller vectors count as zero


def quantize(
    vectors: Tensor,  # [..., size] of any float format
) -> Tensor:
    """Return the nearest numbers and their scales, [..., size + NUM_SCALE_BYTES] int8.

    A vector that holds an infinity or no number has no number for a scale: it stays wrong for whoever reads it.
    """
    wide = vectors.float()
    largest = wide.abs().amax(-1, keepdim=True)
    inverse = torch.where(largest < _SMALLEST, 0.0, 127.0 / largest)
    numbers = (wide * inverse).round_().nan_to_num_(0.0, 0.0, 0.0).to(torch.int8)
    scales = torch.where(largest < _SMALLEST, 0.0, largest / 127.0) + (wide * 0.0).sum(-1, keepdim=True)
    return torch.cat((numbers, scales.contiguous().view(torch.int8)), dim=-1)


def dequantize(
    stored: Tensor,  # [..., size + NUM_SCALE_BYTES] int8
) -> Tensor:
    """Return what is left of the vectors, [..., size] float32."""
    scales = stored[..., -NUM_SCALE_BYTES:].contiguous().view(torch.float32)
    return stored[..., :-NUM_SCALE_BYTES] * scales
