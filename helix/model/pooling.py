"""Embeddings of prompts: the mean of the last layer's hidden states, normalised.

They are what a language model makes of a text on its way to the next token. Nobody trained them to be near for texts
that mean the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from helix.model.batch import Span
from helix.request import Request
from helix.scheduler import ScheduledRequest


@contextmanager
def caught_hidden_states(module: nn.Module, *, wanted: bool) -> Iterator[list[Tensor]]:
    """Collect what the decoder hands to the LM head, behind the final norm, while the block runs.

    Yields:
        A list that gets [num_query_tokens, hidden_size] of each pass if they are wanted; else it stays empty.
    """
    caught: list[Tensor] = []
    if not wanted:
        yield caught
        return

    def catch(_: nn.Module, __: Any, output: Any) -> None:
        caught.append(output[0][0])

    handle = module.get_decoder().register_forward_hook(catch)  # type: ignore[operator]
    try:
        yield caught
    finally:
        handle.remove()


@torch.inference_mode()
def pool_prompts(
    hidden_states: Tensor,  # [num_query_tokens, hidden_size]
    scheduled: Sequence[ScheduledRequest],
    spans: Sequence[Span],  # per scheduled request
) -> None:
    """Add the rows of prompt tokens to the sums of the requests that want them, each token's once."""
    row = 0
    for item, span in zip(scheduled, spans, strict=True):
        request = item.request
        if request.needs_hidden_states:
            first = max(span.start, request.num_pooled_tokens)
            end = min(span.start + item.num_tokens, request.num_prompt_tokens)
            if end > first:
                rows = hidden_states[row + first - span.start : row + end - span.start]
                _add(request, rows.float().sum(0).tolist(), end)
        row += len(span.token_ids)


def embedding(request: Request) -> tuple[float, ...]:
    """Return the mean of a prompt's hidden states, of length 1."""
    norm = math.sqrt(math.fsum(value * value for value in request.hidden_sum)) or 1.0
    return tuple(value / norm for value in request.hidden_sum)


def _add(request: Request, values: list[float], num_pooled_tokens: int) -> None:
    so_far = request.hidden_sum or [0.0] * len(values)
    request.hidden_sum = [one + other for one, other in zip(so_far, values, strict=True)]
    request.num_pooled_tokens = num_pooled_tokens
