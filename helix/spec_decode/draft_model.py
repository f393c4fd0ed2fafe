"""Proposes with a smaller model over its own pool and the same block tables.

Source: Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from helix.model.batch import Span
from helix.model.narrow_head import widened
from helix.model.runner import ModelRunner
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.spec_decode.growing_draft import GrowingDraft, draw_next
from helix.spec_decode.proposer import DraftRequest, Drafts


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

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        """Return none: the first pass computes the prefix too."""
        return 0

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Catch up with each request's tokens and draft for those that have caught up.

        Changes num_draft_computed_tokens of the requests; the scheduler cuts it back after verification.
        """
        drafting, logits = self._catch_up(asked)
        made = [GrowingDraft(item, is_coupled=self.sampler.uses_match(item.request)) for item in drafting]
        active = made
        while active:
            draw_next(self.sampler, self._whole(logits), active)
            active = [one for one in active if one.goes_on]
            if active:
                logits = self.runner.forward([self._next_span(one) for one in active])
        return {one.asked.request_id: one.draft(self.name) for one in made}

    def forget(self, request: Request) -> None:
        """Nothing is kept outside the request."""

    def _whole(self, logits: Tensor) -> Tensor:
        """Return logits of every token of the vocabulary: -inf for those that the draft model never guesses."""
        if (ids := self.runner.loaded.head_ids) is not None:
            return widened(logits, ids, self.sampler.vocab_size)
        if self._num_missing_ids:
            return pad(logits, (0, self._num_missing_ids), value=-torch.inf)
        return logits

    def _next_span(self, made: GrowingDraft) -> Span:
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
