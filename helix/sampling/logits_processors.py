"""Penalties, bias, masks, temperature, top-k, top-p and min-p as pure functions on rows of logits.

They run in one order, here from top to bottom, for plain and verified rows alike: logit_bias, presence and frequency
penalty, repetition penalty, forbidden tokens, grammar, temperature, top-k, top-p, min-p. Log probabilities are taken
before.
What concerns few tokens of a row comes as entries: parallel tensors of row, token id and value, each (row, token id)
at most once. Every row's result is independent of the rows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_TINY = torch.finfo(torch.float32).tiny
_LOWEST = torch.finfo(torch.float32).min
_SUM_ERROR = 1e-5
_LOGIT_ERROR = 1e-4


def apply_logit_bias(
    logits: Tensor,  # [num_rows, vocab_size] float32
    rows: Tensor,  # [num_entries] int64
    token_ids: Tensor,  # [num_entries] int64
    bias: Tensor,  # [num_entries] float32
) -> Tensor:  # [num_rows, vocab_size] float32
    """Add bias to the logits named by the entries."""
    return logits.index_put((rows, token_ids), logits[rows, token_ids] + bias)


def apply_penalties(
    logits: Tensor,  # [num_rows, vocab_size] float32
    rows: Tensor,  # [num_entries] int64
    token_ids: Tensor,  # [num_entries] int64
    counts: Tensor,  # [num_entries] float32: times the token was generated before this row; 0: in the prompt only
    presence: Tensor,  # [num_entries] float32
    frequency: Tensor,  # [num_entries] float32
    repetition: Tensor,  # [num_entries] float32; 1 for tokens neither in prompt nor output
) -> Tensor:  # [num_rows, vocab_size] float32
    """Lower logits of tokens seen before: presence once, frequency per time, then divide or multiply by repetition.

    Source: OpenAI's API reference for presence and frequency; Keskar et al., arXiv 1909.05858, for repetition.
    """
    values = logits[rows, token_ids] - frequency * counts - presence * (counts > 0)
    values = torch.where(values > 0, values / repetition, values * repetition)
    return logits.index_put((rows, token_ids), values)


def forbid_tokens(
    logits: Tensor,  # [num_rows, vocab_size] float32
    rows: Tensor,  # [num_entries] int64
    token_ids: Tensor,  # [num_entries] int64
) -> Tensor:  # [num_rows, vocab_size] float32
    """Set the logits named by the entries to minus infinity."""
    return logits.index_put((rows, token_ids), logits.new_tensor(-torch.inf))


def keep_tokens(
    logits: Tensor,  # [num_rows, vocab_size] float32
    rows: Tensor,  # [num_kept_rows] int64, ascending
    allowed: Tensor,  # [num_kept_rows, vocab_size] bool
) -> Tensor:  # [num_rows, vocab_size] float32
    """Set the logits of these rows to minus infinity wherever they are not allowed."""
    if len(rows) == len(logits):
        return torch.where(allowed, logits, -torch.inf)
    return logits.index_put((rows,), torch.where(allowed, logits[rows], -torch.inf))


def apply_temperature(
    logits: Tensor,  # [num_rows, vocab_size] float32
    temperature: Tensor,  # [num_rows] float32, above 0
) -> Tensor:  # [num_rows, vocab_size] float32; the largest of each row is exactly 0
    """Shift each row so that its largest logit is 0, then divide; no temperature above 0 overflows."""
    return (logits - logits.amax(-1, keepdim=True)) / temperature.clamp_min(_TINY).unsqueeze(-1)


@dataclass(frozen=True, slots=True)
class Candidates:
    """Tokens that may still be drawn and their logits, unnormalised."""

    logits: Tensor  # [num_rows, width] float32; minus infinity: dropped or padding
    token_ids: Tensor  # [num_rows or 1, width] int64; 1: the same for all rows; 0 in padding

    def probs(self, vocab_size: int) -> Tensor:  # [num_rows, vocab_size] float32
        """Return the distribution over the whole vocabulary, exact zeros included."""
        probs = self.logits.softmax(-1)
        if self.token_ids.shape[0] == 1 and self.token_ids.shape[1] == vocab_size:
            return probs
        dense = probs.new_zeros(probs.shape[0], vocab_size)
        return dense.scatter_add_(-1, self.token_ids.expand_as(probs), probs)


def every_token(logits: Tensor) -> Candidates:
    """Return all tokens of each row in order of their ids."""
    return Candidates(logits, torch.arange(logits.shape[-1], device=logits.device).unsqueeze(0))


def best_tokens(
    logits: Tensor,  # [num_rows, vocab_size] float32
    floor: Tensor,  # [num_rows, 1] float32
) -> Candidates:
    """Return each row's tokens with logits of at least floor, best first, the lowest id first among equals.

    Selecting before sorting costs one pass over the vocabulary; sorting 150,000 logits costs a hundred times more.
    """
    rows, token_ids = (logits >= floor.clamp_min(_LOWEST)).nonzero(as_tuple=True)
    per_row = torch.bincount(rows, minlength=logits.shape[0])
    column = torch.arange(len(rows), device=rows.device) - (per_row.cumsum(0) - per_row)[rows]
    width = int(per_row.max())
    packed = logits.new_full((logits.shape[0], width), -torch.inf)
    packed[rows, column] = logits[rows, token_ids]
    packed_ids = token_ids.new_zeros(packed.shape)
    packed_ids[rows, column] = token_ids
    packed, order = packed.sort(dim=-1, descending=True, stable=True)
    return Candidates(packed, packed_ids.gather(-1, order))


def top_tokens(logits: Tensor, num_tokens: int) -> Candidates:
    """Return each row's num_tokens best tokens, best first, the lowest id first among equals."""
    num_tokens = min(num_tokens, logits.shape[-1])
    best = best_tokens(logits, logits.topk(num_tokens).values[:, -1:])
    return Candidates(best.logits[:, :num_tokens], best.token_ids[:, :num_tokens])


def truncate(
    logits: Tensor,  # [num_rows, vocab_size] float32, as apply_temperature leaves them
    top_k: Tensor,  # [num_rows] int64 on the CPU; 0 or at least vocab_size: off
    top_p: Tensor,  # [num_rows] float32 on the CPU; 1: off
    min_p: Tensor,  # [num_rows] float32 on the CPU; 0: off
) -> Candidates:
    """Keep the top_k best tokens, of their distribution the top_p nucleus, and of those what min_p allows.

    top_k keeps exactly top_k tokens, the lowest ids among equals. top_p keeps a token while the better ones together
    have less than top_p. min_p compares with the most likely token, which always survives.
    """
    top_k = top_k * (top_k < logits.shape[-1])
    shift, floor = _floors(logits, top_k, top_p, min_p)
    best = best_tokens(logits, floor)
    top_k, top_p, log_min_p = (
        column.unsqueeze(-1).to(logits.device, non_blocking=True) for column in (top_k, top_p, min_p.log())
    )

    place = torch.arange(best.logits.shape[-1], device=logits.device)
    kept = best.logits.masked_fill((top_k > 0) & (place >= top_k), -torch.inf)
    cumulative = (kept - shift).exp().cumsum(-1)
    # Without top_k the shift normalises over the vocabulary, of which the candidates are only the likely part.
    total = torch.where(top_k > 0, cumulative[:, -1:], 1.0)
    better = torch.nn.functional.pad(cumulative[:, :-1], (1, 0))
    outside = (top_p < 1) & (better >= top_p * total)
    return Candidates(kept.masked_fill(outside | (kept < log_min_p), -torch.inf), best.token_ids)


def _floors(logits: Tensor, top_k: Tensor, top_p: Tensor, min_p: Tensor) -> tuple[Tensor, Tensor]:
    """Return what to subtract before exp, and a logit below which no token of the row survives; [num_rows, 1] each."""
    device = logits.device
    shift = torch.zeros_like(logits[:, :1])
    floor = min_p.log().unsqueeze(-1).to(device)
    nucleus = ((top_p < 1) & (top_k == 0)).nonzero().squeeze(-1)
    if len(nucleus):
        normaliser, likely = _nucleus_floor(logits[nucleus.to(device)], top_p[nucleus].unsqueeze(-1).to(device))
        nucleus = nucleus.to(device)
        shift[nucleus] = normaliser
        floor[nucleus] = torch.maximum(floor[nucleus], likely)
    if largest := int(top_k.max()):
        kth = logits.topk(largest).values.gather(-1, (top_k - 1).clamp_min(0).unsqueeze(-1).to(device))
        floor = torch.where((top_k > 0).unsqueeze(-1).to(device), kth, floor)
    return shift, floor


def _nucleus_floor(logits: Tensor, top_p: Tensor) -> tuple[Tensor, Tensor]:
    """Return each row's normaliser and a logit just below its nucleus; [num_rows, 1] each.

    Tokens less likely than (1 - top_p) / vocab_size have less than 1 - top_p together, so the nucleus is above; half of
    it leaves room for rounding. From there bisection climbs while the tokens above still have top_p together. With
    top_k this would not hold, as the nucleus is then one of the renormalised rest.
    """
    logprobs = logits.log_softmax(-1)
    probs = logprobs.exp()
    high = logprobs.amax(-1, keepdim=True)
    normaliser = logits.amax(-1, keepdim=True) - high
    low = ((1 - top_p) / (2 * logits.shape[-1])).log()
    # Climbing pays where sorting is slow: one step for 4096 tokens, six for 150,000.
    for _ in range(logits.shape[-1].bit_length() - 12):
        middle = (low + high) / 2
        is_enough = (probs * (logprobs >= middle)).sum(-1, keepdim=True) > top_p + _SUM_ERROR
        low, high = torch.where(is_enough, middle, low), torch.where(is_enough, high, middle)
    return normaliser, normaliser + low - _LOGIT_ERROR
