"""Weights of 4 bits: for each output and 32 steps of k, whole numbers in [-8, 7] times one bfloat16 scale.

A packed weight is [num_blocks, num_groups, 8 + 64] int32 with 16 outputs to a block: their scales, then 4 times a word
for each output, whose low nibbles are four steps of k and whose high nibbles the next four. A nibble is 8 more than the
number it stands for. A last group that is not full is padded with zeros.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.kernels import weight_memory
from helix.kernels.int8 import BLOCK, NUM_BLOCKS_AT_ONCE, QUAD

GROUP = 32
_NUM_PAIRS = GROUP // QUAD // 2
_SCALE_WORDS = BLOCK // 2


def pack_weight(
    weight: Tensor,  # [out_features, in_features] of any float format
) -> Tensor:
    """Quantise a weight group by group and lay it out for the kernel."""
    out_features, in_features = weight.shape
    num_blocks, num_groups = -(-out_features // BLOCK), -(-in_features // GROUP)
    packed = weight_memory.empty(num_blocks, num_groups, _SCALE_WORDS + _NUM_PAIRS * BLOCK, dtype=torch.int32)
    for block, part in zip(
        torch.split(packed, NUM_BLOCKS_AT_ONCE), torch.split(weight, NUM_BLOCKS_AT_ONCE * BLOCK), strict=True
    ):
        wide = F.pad(part.float(), (0, -in_features % GROUP, 0, -len(part) % BLOCK)).contiguous()
        scales, nibbles = _quantize(wide.view(-1, BLOCK, num_groups, GROUP))
        # As 32-bit words, in which no nibble reaches into the next byte.
        low, high = nibbles.view(torch.int32).view(-1, BLOCK, num_groups, _NUM_PAIRS, 2).unbind(-1)
        words = low | high << 4
        block[..., :_SCALE_WORDS] = (
            scales.transpose(1, 2).flatten().view(torch.int32).view(-1, num_groups, _SCALE_WORDS)
        )
        block[..., _SCALE_WORDS:] = words.permute(0, 2, 3, 1).flatten(2)
    return packed


def _quantize(
    groups: Tensor,  # [num_blocks, 16, num_groups, 32] float32
) -> tuple[Tensor, Tensor]:
    """Return bfloat16 scales, [num_blocks, 16, num_groups], and nibbles, uint8 of the shape of groups.

    The number of the largest magnitude becomes -8, whatever its sign: so all sixteen steps are used.
    """
    low, high = torch.aminmax(groups, dim=-1, keepdim=True)
    largest = torch.where(high > -low, high, low)
    scales = (largest / -8).bfloat16()
    inverse = torch.where(scales == 0, 0.0, 1 / scales.float())
    return scales.squeeze(-1), (groups * inverse).round_().add_(8).clamp_(0, 15).to(torch.uint8)


def unpack_weight(packed: Tensor, out_features: int, in_features: int) -> Tensor:
    """Return what is left of a weight, [out_features, in_features] float32."""
    return weight_rows(packed, torch.arange(out_features), in_features)


def weight_rows(
    packed: Tensor,
    indices: Tensor,  # [...] int64
    in_features: int,
) -> Tensor:
    """Rows of what is left of a weight, as an embedding looks them up; returns [..., in_features] float32."""
    blocks, places = indices // BLOCK, indices % BLOCK
    num_groups = packed.shape[1]
    scales = packed[..., :_SCALE_WORDS].contiguous().view(torch.bfloat16)[blocks, :, places]
    words = packed[..., _SCALE_WORDS:].view(*packed.shape[:2], _NUM_PAIRS, BLOCK)[blocks, :, :, places].contiguous()
    both = words.unsqueeze(-1).view(torch.uint8)  # [..., num_groups, pairs, 4]
    numbers = torch.stack((both & 15, both >> 4), -2).float() - 8
    whole = numbers.flatten(-3) * scales.float().unsqueeze(-1)
    return whole.view(*indices.shape, num_groups * GROUP)[..., :in_features]
