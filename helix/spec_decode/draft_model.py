"""Proposes with a smaller model over its own pool and the same block tables.

Source: Leviathan et al., arXiv 2211.17192; Chen et al., arXiv 2302.01318.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from helix.model.batch import Span
from helix.model.runner import ModelRunner
from helix.sampling.sampler import Sampler
from helix.scheduler import ScheduledRequest
from helix.spec_decode.proposer import Draft, Drafts


class DraftModelProposer:
    """Drafts token after token with a small model, batched over requests.

    The draft's KV may be behind: after full acceptance by one token, after steps without drafts or a prefix hit by
    more. One rule covers all of it: the first pass computes tokens [num_draft_computed_tokens, num_tokens).
    """

    name = "draft"
    runs_model = True

    def __init__(self, runner: ModelRunner, sampler: Sampler, *, max_num_batched_tokens: int) -> None:
        self.runner = runner
        self.sampler = sampler
        self.max_num_batched_tokens = max_num_batched_tokens

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Catch up with each request's tokens and draft max_draft_tokens for those that have caught up.

        Changes num_draft_computed_tokens of the requests; the scheduler cuts it back after verification.
        """
        drafting, logits = self._catch_up([item for item in scheduled if item.max_draft_tokens])
        if not drafting:
            return {}
        token_ids: list[list[int]] = [[] for _ in drafting]
        probs: list[list[Tensor]] = [[] for _ in drafting]
        active = list(range(len(drafting)))
        coupled = [self.sampler.uses_match(item.request) for item in drafting]
        for depth in range(1, max(item.max_draft_tokens for item in drafting) + 1):
            drawn, drawn_probs = self.sampler.draw(
                logits,
                [drafting[i].request for i in active],
                [token_ids[i] for i in active],
                coupled=[coupled[i] for i in active],
            )
            for row, i in enumerate(active):
                token_ids[i].append(drawn[row])
                if not coupled[i]:
                    assert drawn_probs is not None, "a draft that is not coupled comes with its distribution"
                    probs[i].append(drawn_probs[row])
            active = [i for i in active if drafting[i].max_draft_tokens > depth]
            if not active:
                break
            spans = []
            for i in active:
                request = drafting[i].request
                spans.append(Span(request.block_table, request.num_draft_computed_tokens, token_ids[i][-1:], 1))
                request.num_draft_computed_tokens += 1
            logits = self.runner.forward(spans)
        return {
            item.request.request_id: Draft(ids, self.name, None if is_coupled else torch.stack(rows))
            for item, ids, rows, is_coupled in zip(drafting, token_ids, probs, coupled, strict=True)
        }

    def forget(self, request_id: str) -> None:
        """Nothing is kept outside the request."""

    def _catch_up(self, items: Sequence[ScheduledRequest]) -> tuple[list[ScheduledRequest], Tensor]:
        """Compute what the draft is behind within the token budget.

        Returns:
            The requests that may draft now, and the logits behind the last token of each.
        """
        budget = self.max_num_batched_tokens
        spans: list[Span] = []
        drafting: list[ScheduledRequest] = []
        for item in items:
            request = item.request
            start = request.num_draft_computed_tokens
            num_tokens = min(request.num_tokens - start, budget)
            if num_tokens < 1:
                continue
            is_complete = start + num_tokens == request.num_tokens
            end = start + num_tokens
            spans.append(Span(request.block_table, start, request.token_ids[start:end], int(is_complete)))
            request.num_draft_computed_tokens = end
            budget -= num_tokens
            if is_complete:
                drafting.append(item)
        logits = self.runner.forward(spans) if spans else torch.empty(0)
        return drafting, logits
