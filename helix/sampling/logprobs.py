"""How likely the model found given tokens, before anything is done to its logits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from helix.outputs import TokenLogprob
from helix.sampling.logits_processors import top_tokens

MAX_ELEMENTS_AT_ONCE = 2**24
"""Of a slice of rows: what is worked out on the way takes 64 MiB, however many rows there are."""


def token_logprobs(
    logits: Tensor,  # [num_rows, vocab_size] float
    token_ids: Sequence[int],  # per row
    num_top: Sequence[int],  # per row: alternatives to report
) -> list[TokenLogprob]:
    """Return the log probability of each row's token, and the best alternatives to it."""
    num_rows, vocab_size = logits.shape
    if not len(token_ids) == len(num_top) == num_rows:
        raise ValueError(f"there are {num_rows} rows, {len(token_ids)} tokens and {len(num_top)} numbers")
    step = max(1, MAX_ELEMENTS_AT_ONCE // vocab_size)
    entries: list[TokenLogprob] = []
    for start in range(0, num_rows, step):
        rows = slice(start, start + step)
        entries += _slice_logprobs(logits[rows], token_ids[rows], num_top[rows])
    return entries


def _slice_logprobs(logits: Tensor, token_ids: Sequence[int], num_top: Sequence[int]) -> list[TokenLogprob]:
    logprobs = logits.float().log_softmax(-1)
    chosen = torch.tensor(token_ids, dtype=torch.int64).to(logits.device)
    values = logprobs.gather(-1, chosen.unsqueeze(-1)).squeeze(-1).tolist()
    top: list[tuple[tuple[int, float], ...]] = [()] * len(values)
    if largest := max(num_top):
        best = top_tokens(logprobs, largest)
        top = [
            tuple(zip(ids, row, strict=True))
            for ids, row in zip(best.token_ids.tolist(), best.logits.tolist(), strict=True)
        ]
    return [
        TokenLogprob(token_id, value, row[:num])
        for token_id, value, row, num in zip(token_ids, values, top, num_top, strict=True)
    ]
