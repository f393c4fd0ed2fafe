"""Proposes with a smaller model over its own pool and the same block tables.

Source: Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.functional import pad

from helix.model.batch import Span
from helix.model.runner import ModelRunner
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts


class DraftModelProposer:
    """Drafts token after token with a small model, batched over requests.

    The draft's KV may be behind: after full acceptance by one token, after steps without drafts or a prefix hit by
    more. One rule covers all of it: the first pass computes tokens [num_draft_computed_tokens, num_tokens).
    """

    name = "draft"

    def __init__(self, runner: ModelRunner, sampler: Sampler, *, max_num_batched_tokens: int) -> None:
        self.runner = runner
        self.sampler = sampler
        self.max_num_batched_tokens = max_num_batched_tokens
        self._num_missing_ids = max(sampler.vocab_size - runner.loaded.vocab_size, 0)
        """Ids of the tokenizer that the draft model has no logits for: tokens that only its siblings know."""

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        """Return how many tokens the first pass computes for a request."""
        return asked.request.num_tokens - asked.request.num_draft_computed_tokens + len(asked.prefix)

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Catch up with each request's tokens and draft for those that have caught up.

        Changes num_draft_computed_tokens of the requests; the scheduler cuts it back after verification.
        """
        drafting, logits = self._catch_up(asked)
        made = [_Made(item, is_coupled=self.sampler.uses_match(item.request)) for item in drafting]
        active = made
        while active:
            drawn = self.sampler.draw(
                pad(logits, (0, self._num_missing_ids), value=-torch.inf) if self._num_missing_ids else logits,
                [one.asked.request for one in active],
                [one.asked.prefix + one.token_ids for one in active],
                coupled=[one.is_coupled for one in active],
            )
            for row, one in enumerate(active):
                one.token_ids.append(drawn.token_ids[row])
                one.confidence.append(drawn.confidence[row])
                if not one.is_coupled:
                    assert drawn.probs is not None, "a draft that is not coupled comes with its distribution"
                    one.probs.append(drawn.probs[row])
            active = [one for one in active if one.goes_on]
            if active:
                logits = self.runner.forward([self._next_span(one) for one in active])
        return {one.asked.request_id: one.draft(self.name) for one in made}

    def forget(self, request: Request) -> None:
        """Nothing is kept outside the request."""

    def _next_span(self, made: _Made) -> Span:
        """Return the last drafted token of a request, to be computed."""
        request = made.asked.request
        start = request.num_draft_computed_tokens
        request.num_draft_computed_tokens += 1
        return Span(request.block_table, start, made.token_ids[-1:], 1)

    def _catch_up(self, asked: Sequence[DraftRequest]) -> tuple[list[DraftRequest], Tensor]:
        """Compute what the draft is behind within the token budget.

        Returns:
            The requests that may draft now, and the logits behind the last token of each.
        """
        budget = self.max_num_batched_tokens
        spans: list[Span] = []
        drafting: list[DraftRequest] = []
        for item in asked:
            request = item.request
            start = request.num_draft_computed_tokens
            num_tokens = min(self.num_tokens_behind(item), budget)
            if num_tokens < 1:
                continue
            end = start + num_tokens
            token_ids = (request.token_ids[start:] + item.prefix)[:num_tokens]
            if self._num_missing_ids and max(token_ids) >= self.runner.loaded.vocab_size:
                continue
            is_complete = end == request.num_tokens + len(item.prefix)
            spans.append(Span(request.block_table, start, token_ids, int(is_complete)))
            request.num_draft_computed_tokens = end
            budget -= num_tokens
            if is_complete:
                drafting.append(item)
        logits = self.runner.forward(spans) if spans else torch.empty(0)
        return drafting, logits


@dataclass(slots=True)
class _Made:
    """A draft while it grows."""

    asked: DraftRequest
    is_coupled: bool
    token_ids: list[int] = field(default_factory=list)
    probs: list[Tensor] = field(default_factory=list)
    confidence: list[float] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        """Whether one more token may and should be drafted."""
        if len(self.token_ids) >= self.asked.max_draft_tokens:
            return False
        return self.asked.goes_on is None or self.asked.goes_on(self.confidence)

    def draft(self, proposer: str) -> Draft:
        """Return what was drafted."""
        probs = None if self.is_coupled else torch.stack(self.probs)
        return Draft(self.token_ids, proposer, probs, confidence=self.confidence)
