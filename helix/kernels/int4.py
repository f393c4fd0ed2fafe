"""Weights of 4 bits: whole numbers from 0 to 15 less a zero point, times one bfloat16 scale for some neighbours in k.

A packed weight is [num_blocks, num_groups, 8 + 2 * group_size] int32 with 16 outputs to a block: their scales, then 2
words for each output and 16 steps of k, whose low nibbles are four steps and whose high nibbles the next four. The zero
point is 8, or where groups have their own, it stands in two words after the scales, a nibble for each output. A last
group that is not full is padded with zeros.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.kernels import weight_memory
from helix.kernels.int8 import BLOCK, NUM_BLOCKS_AT_ONCE, QUAD

_SCALE_WORDS = BLOCK // 2
_NIBBLES_PER_WORD = 8
_SYMMETRIC_ZERO_POINT = 8


@dataclass(frozen=True, slots=True)
class Int4Layout:
    """How many weights share a scale, and whether they share a zero point too."""

    group_size: int
    has_zero_points: bool

    def pack(
        self,
        weight: Tensor,  # [out_features, in_features] of any float format
    ) -> Tensor:
        """Quantise a weight group by group and lay it out for the kernel."""
        out_features, in_features = weight.shape
        num_blocks, num_groups = -(-out_features // BLOCK), -(-in_features // self.group_size)
        packed = weight_memory.empty(
            num_blocks, num_groups, self._pairs_at + self._num_pairs * BLOCK, dtype=torch.int32
        )
        quantize = _quantize_from_zero_points if self.has_zero_points else _quantize
        for block, part in zip(
            torch.split(packed, NUM_BLOCKS_AT_ONCE), torch.split(weight, NUM_BLOCKS_AT_ONCE * BLOCK), strict=True
        ):
            wide = F.pad(part.float(), (0, -in_features % self.group_size, 0, -len(part) % BLOCK)).contiguous()
            scales, zero_points, nibbles = quantize(wide.view(-1, BLOCK, num_groups, self.group_size))
            # As 32-bit words, in which no nibble reaches into the next byte.
            low, high = nibbles.view(torch.int32).view(-1, BLOCK, num_groups, self._num_pairs, 2).unbind(-1)
            words = low | high << 4
            block[..., :_SCALE_WORDS] = (
                scales.transpose(1, 2).flatten().view(torch.int32).view(-1, num_groups, _SCALE_WORDS)
            )
            if self.has_zero_points:
                block[..., _SCALE_WORDS : self._pairs_at] = _in_nibbles(zero_points)
            block[..., self._pairs_at :] = words.permute(0, 2, 3, 1).flatten(2)
        return packed

    def unpack(self, packed: Tensor, out_features: int, in_features: int) -> Tensor:
        """Return what is left of a weight, [out_features, in_features] float32."""
        return self.rows(packed, torch.arange(out_features), in_features)

    def rows(
        self,
        packed: Tensor,
        indices: Tensor,  # [...] int64
        in_features: int,
    ) -> Tensor:
        """Rows of what is left of a weight, as an embedding looks them up; returns [..., in_features] float32."""
        blocks, places = indices // BLOCK, indices % BLOCK
        num_groups = packed.shape[1]
        scales = packed[..., :_SCALE_WORDS].contiguous().view(torch.bfloat16)[blocks, :, places]
        pairs = packed[..., self._pairs_at :].view(*packed.shape[:2], self._num_pairs, BLOCK)
        both = pairs[blocks, :, :, places].contiguous().unsqueeze(-1).view(torch.uint8)  # [..., num_groups, pairs, 4]
        nibbles = torch.stack((both & 15, both >> 4), -2).flatten(-3).float()
        whole = (nibbles - self._zero_points(packed, blocks, places)) * scales.float().unsqueeze(-1)
        return whole.view(*indices.shape, num_groups * self.group_size)[..., :in_features]

    @property
    def _num_pairs(self) -> int:
        return self.group_size // QUAD // 2

    @property
    def _pairs_at(self) -> int:
        return _SCALE_WORDS + (BLOCK // _NIBBLES_PER_WORD if self.has_zero_points else 0)

    def _zero_points(self, packed: Tensor, blocks: Tensor, places: Tensor) -> Tensor | int:
        """Return zero points of rows, [..., num_groups, 1], or that of all of them."""
        if not self.has_zero_points:
            return _SYMMETRIC_ZERO_POINT
        words = packed[blocks, :, _SCALE_WORDS + places // _NIBBLES_PER_WORD]  # [..., num_groups]
        return (words >> (4 * (places % _NIBBLES_PER_WORD)).unsqueeze(-1) & 15).unsqueeze(-1)


def _quantize(
    groups: Tensor,  # [num_blocks, 16, num_groups, group_size] float32
) -> tuple[Tensor, Tensor, Tensor]:
    """Return bfloat16 scales and int32 zero points, [num_blocks, 16, num_groups], and nibbles, uint8 as groups.

    The number of the largest magnitude becomes -8, whatever its sign: so all sixteen steps are used.
    """
    low, high = torch.aminmax(groups, dim=-1, keepdim=True)
    largest = torch.where(high > -low, high, low)
    return _rounded(groups, largest / -8, torch.full_like(largest, _SYMMETRIC_ZERO_POINT))


def _quantize_from_zero_points(groups: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `_quantize`, with steps from the smallest number of a group, or zero, to the largest, or zero."""
    low, high = torch.aminmax(groups, dim=-1, keepdim=True)
    low, high = low.clamp(max=0), high.clamp(min=0)
    scales = ((high - low) / 15).bfloat16().float()
    return _rounded(groups, scales, (low * -_inverse(scales)).round().clamp(0, 15))


def _rounded(
    groups: Tensor,
    scales: Tensor,  # [num_blocks, 16, num_groups, 1] float32
    zero_points: Tensor,  # likewise, whole numbers
) -> tuple[Tensor, Tensor, Tensor]:
    narrow = scales.bfloat16()
    nibbles = (groups * _inverse(narrow.float())).round_().add_(zero_points).clamp_(0, 15).to(torch.uint8)
    return narrow.squeeze(-1), zero_points.squeeze(-1).to(torch.int32), nibbles


def _inverse(scales: Tensor) -> Tensor:
    return torch.where(scales == 0, 0.0, 1 / scales)


def _in_nibbles(
    zero_points: Tensor,  # [num_blocks, 16, num_groups] int32
) -> Tensor:  # [num_blocks, num_groups, 2] int32
    """Place eight to a word, the first in its lowest nibble."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32)
    by_group = zero_points.transpose(1, 2)
    parts = by_group.reshape(*by_group.shape[:2], -1, _NIBBLES_PER_WORD) << shifts
    return parts.sum(-1, dtype=torch.int32)
