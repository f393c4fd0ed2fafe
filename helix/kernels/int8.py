"""Weights of 8 bits: for each output whole numbers in [-127, 127] times one float32 scale.

A packed weight is [num_blocks, 1 + num_quads, 16] int32 with 16 outputs to a block: their scales, then a word for each
output and four steps of k, zero padded.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.kernels import weight_memory

BLOCK = 16
QUAD = 4
NUM_BLOCKS_AT_ONCE = 16
"""While a weight is packed, so much of it is held in float32: little enough for a cache."""


def pack_weight(
    weight: Tensor,  # [out_features, in_features] of any float format
) -> Tensor:
    """Quantise a weight to the nearest numbers and lay it out for the kernel."""
    out_features, in_features = weight.shape
    num_blocks, num_quads = -(-out_features // BLOCK), -(-in_features // QUAD)
    packed = weight_memory.empty(num_blocks, 1 + num_quads, BLOCK, dtype=torch.int32)
    for block, part in zip(
        torch.split(packed, NUM_BLOCKS_AT_ONCE), torch.split(weight, NUM_BLOCKS_AT_ONCE * BLOCK), strict=True
    ):
        wide = F.pad(part.float(), (0, -in_features % QUAD, 0, -len(part) % BLOCK)).contiguous()
        scales = wide.abs().amax(-1, keepdim=True) / 127
        numbers = (wide / scales.clamp(min=torch.finfo(torch.float32).tiny)).round_().to(torch.int8)
        block[:, 0] = scales.view(-1, BLOCK).view(torch.int32)
        block[:, 1:] = numbers.view(torch.int32).view(-1, BLOCK, num_quads).transpose(1, 2)
    return packed


def unpack_weight(packed: Tensor, out_features: int, in_features: int) -> Tensor:
    """Return what is left of a weight, [out_features, in_features] float32."""
    return weight_rows(packed, torch.arange(out_features), in_features)


def weight_rows(
    packed: Tensor,
    indices: Tensor,  # [...] int64
    in_features: int,
) -> Tensor:
    """Rows of what is left of a weight, as an embedding looks them up; returns [..., in_features] float32."""
    words = packed[indices // BLOCK, :, indices % BLOCK]
    scales, numbers = words[..., :1].view(torch.float32), words[..., 1:].contiguous().view(torch.int8)
    return numbers[..., :in_features] * scales
