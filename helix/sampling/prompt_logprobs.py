"""How likely the model found the tokens of a prompt, chunk by chunk.

The logits of position i tell of token i + 1. A chunk of a prompt therefore has rows for the tokens behind its own, and
the last token's row is what the first output token is drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from helix.model.batch import Span
from helix.sampling.logprobs import token_logprobs
from helix.scheduler import ScheduledRequest

_MAX_ELEMENTS = 2**26


def max_prompt_logits(vocab_size: int) -> int:
    """Return how many rows of logits a step may keep for prompts: they take at most 256 MiB in float32."""
    return max(1, _MAX_ELEMENTS // vocab_size)


def num_prompt_rows(item: ScheduledRequest) -> int:
    """Return how many rows of logits a share of a step needs beyond those that are drawn from.

    They end where the share ends, or one position before the row that the first output token is drawn from. Positions
    that were read before, and are computed again after a preemption, need none.
    """
    request = item.request
    if not request.needs_prompt_logits:
        return 0
    start = request.num_computed_tokens
    end = min(start + item.num_tokens, request.num_prompt_tokens - 1)
    return max(0, end - max(start, len(request.prompt_logprobs)))


def take_prompt_logprobs(
    logits: Tensor,  # [sum of num_logits, >= vocab_size]
    scheduled: Sequence[ScheduledRequest],
    spans: Sequence[Span],  # per scheduled request
    vocab_size: int,
) -> Tensor:  # [the rows that are drawn from, >= vocab_size]
    """Give each request the log probabilities of those prompt tokens that logits tell of, and take these rows away."""
    left: list[int] = []
    row = 0
    for item, span in zip(scheduled, spans, strict=True):
        request, num_rows = item.request, num_prompt_rows(item)
        if num_rows:
            first = len(request.prompt_logprobs) + 1
            request.prompt_logprobs += token_logprobs(
                logits[row : row + num_rows, :vocab_size],
                request.token_ids[first : first + num_rows],
                [request.params.prompt_logprobs or 0] * num_rows,
            )
        left += range(row + num_rows, row + span.num_logits)
        row += span.num_logits
    return logits if len(left) == row else logits[torch.tensor(left, dtype=torch.int64).to(logits.device)]
