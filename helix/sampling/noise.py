"""Counter-based noise: a pure function of (seed, output position, stream, token id).

Nothing is stored and nothing advances, so a draw does not depend on the batch, on speculation or on what was drawn
before. Speculation that draws the target's token at its own position therefore returns what plain decoding returns.

Hashes are 32-bit words held in int64. Both multipliers are below 2**31, so no product overflows and every device
computes the same words; only the last bit of the logarithms may differ between devices.
"""

from __future__ import annotations

from enum import IntEnum

import torch
from torch import Tensor

_WORD = 0xFFFFFFFF
_FIRST_MULTIPLIER = 0x21F0AAAD
_SECOND_MULTIPLIER = 0x735A2D97
_KEY_SALTS = [0x9E3779B9, 0x7F4A7C15]
_LARGEST_BELOW_ONE = 1 - 2**-24
_CPU_BLOCK = 2**14


class Stream(IntEnum):
    """What a draw is for. Draws of different streams are independent even at the same position and token."""

    TOKEN = 0
    """The target's own token: plain decoding, the match rule, the bonus token, and drafts coupled to them."""
    ACCEPT = 1
    """The coin of a draft token under the rejection rule; its seed changes from step to step."""
    RESIDUAL = 2
    """The token that replaces a rejected one."""
    DRAFT = 3
    """The tokens of a draft model under the rejection rule; its seed changes from step to step."""


def uniform(
    seeds: Tensor,  # [num_rows] int64: 64 bits, any sign
    positions: Tensor,  # [num_rows] int64 in [0, 2**30), 0 for the first output token
    stream: Stream | Tensor,  # one for all rows, or [num_rows] int64
    token_ids: Tensor,  # [num_rows or 1, n] int64, not negative
) -> Tensor:  # [num_rows, n] float32, in the open interval (0, 1)
    """Return 32-bit uniform noise whose small values keep their full resolution, down to 2**-33."""
    first, second = _keys(seeds, positions, stream).unsqueeze(-1).to(token_ids.device)
    noise = torch.empty(len(seeds), token_ids.shape[-1], device=token_ids.device)
    # Blocks that stay in the cache are several times faster on a CPU; elsewhere one kernel takes all columns.
    block = max(1, _CPU_BLOCK // len(seeds)) if token_ids.device.type == "cpu" else token_ids.shape[-1]
    for start in range(0, token_ids.shape[-1], block):
        columns = slice(start, start + block)
        noise[:, columns] = _words(first, second, token_ids[:, columns])
    # Float32 rounds the largest words up to 2**32; u = 1 would make an acceptance of probability 1 fail.
    return noise.add_(0.5).mul_(2**-32).clamp_(max=_LARGEST_BELOW_ONE)


def gumbel_noise(
    seeds: Tensor,  # [num_rows] int64: 64 bits, any sign
    positions: Tensor,  # [num_rows] int64 in [0, 2**30), 0 for the first output token
    stream: Stream | Tensor,  # one for all rows, or [num_rows] int64
    token_ids: Tensor,  # [num_rows or 1, n] int64, not negative
) -> Tensor:  # [num_rows, n] float32, finite
    """Return Gumbel(0, 1) noise; argmax(logits + noise) is a draw from softmax(logits).

    The exponential is -log(1 - u), not -log(u): the draw is won by small exponentials, and there u is exact.
    """
    u = uniform(seeds, positions, stream, token_ids)
    return u.neg_().log1p_().neg_().log_().neg_()


def _words(first: Tensor, second: Tensor, token_ids: Tensor) -> Tensor:
    """Hash every (row, token id) to a 32-bit word; half of the row's key enters before, half inside the mixing."""
    words = token_ids ^ first
    words ^= words >> 16
    words.mul_(_FIRST_MULTIPLIER).bitwise_and_(_WORD)
    words ^= second
    words ^= words >> 15
    words.mul_(_SECOND_MULTIPLIER).bitwise_and_(_WORD)
    words ^= words >> 15
    return words


def _keys(seeds: Tensor, positions: Tensor, stream: Stream | Tensor) -> Tensor:  # [2, num_rows] int64
    """Hash what is common to a row to two 32-bit words."""
    salts = torch.tensor(_KEY_SALTS, device=seeds.device).unsqueeze(-1)
    draws = positions * len(Stream) + stream
    keys = _mix(salts ^ (seeds & _WORD))
    keys = _mix((keys + salts & _WORD) ^ (seeds >> 32 & _WORD))
    return _mix((keys + salts & _WORD) ^ (draws & _WORD))


def _mix(words: Tensor) -> Tensor:
    """Permute the 32-bit words so that every input bit flips each output bit half of the time.

    Source: C. Wellons' and contributors' hash-prospector, the two-round function of least known bias.
    """
    words = (words ^ (words >> 16)) * _FIRST_MULTIPLIER & _WORD
    words = (words ^ (words >> 15)) * _SECOND_MULTIPLIER & _WORD
    return words ^ (words >> 15)
