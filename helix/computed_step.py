"""One step of the engine between its model's pass and the requests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from helix.model.batch import Span
from helix.sampling.prompt_logprobs import num_prompt_rows
from helix.sampling.sampler import Verified
from helix.scheduler import ScheduledRequest
from helix.spec_decode.proposer import Draft


@dataclass(slots=True, kw_only=True)
class ComputedStep:
    """What a step computed, before any request has it."""

    drafts: Mapping[str, Draft]
    results: Mapping[str, Verified]
    """By the ids of the requests that get tokens."""
    drafting_s: float
    verifying_s: float
    is_paused: bool
    """Whether speculation was switched off."""
    num_tokens: int = 0
    plain_s: float | None = None
    """What plain decoding would have taken for num_tokens tokens, where costs are known."""


def span_of(item: ScheduledRequest, draft: Draft | None) -> Span:
    """Return the tokens that the target computes for a request: what it is behind, then its drafts."""
    request = item.request
    start = request.num_computed_tokens
    token_ids = request.token_ids[start : start + item.num_tokens]
    if draft is not None:
        token_ids += draft.token_ids
    num_logits = num_prompt_rows(item)
    if item.catches_up:
        num_logits += 1 + (len(draft.token_ids) if draft is not None else 0)
    return Span(request.block_table, start, token_ids, num_logits)
