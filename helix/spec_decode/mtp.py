"""Proposes with a head of the target that predicts more than one token.

Source: DeepSeek-AI, arXiv 2412.19437, section 2.2; Li et al., arXiv 2401.15077, for running one head again and again.
"""

from __future__ import annotations

from collections.abc import Sequence

from helix.model.batch import Span
from helix.model.mtp import MTPRunner
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.spec_decode.growing_draft import GrowingDraft, draw_next
from helix.spec_decode.proposer import DraftRequest, Drafts


class MTPProposer:
    """Drafts token after token with a head, batched over requests.

    Tokens [num_mtp_computed_tokens, num_tokens) are computed first, in one pass, with the target's hidden states:
    those it accepted since the last draft, or whatever a prefix hit or steps without drafts left behind. Behind them
    each pass reads the head's own output in place of a hidden state the target has not computed, so what it writes
    there is computed again once the target has been there.
    """

    name = "mtp"

    def __init__(self, runner: MTPRunner, sampler: Sampler, *, max_num_batched_tokens: int) -> None:
        self.runner = runner
        self.sampler = sampler
        self.max_num_batched_tokens = max_num_batched_tokens

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        """Return how many tokens the first pass computes for a request."""
        return asked.request.num_tokens - asked.request.num_mtp_computed_tokens

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        """Return one for each token: every one needs what the head found at the one before."""
        return len(asked.prefix)

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Catch up with each request's tokens and draft for those that have caught up.

        Changes num_mtp_computed_tokens of the requests; it counts no token of a draft.
        """
        drafting, spans = self._behind(asked)
        if not spans:
            return {}
        logits, states = self.runner.forward(spans)
        made = [GrowingDraft(item, is_coupled=self.sampler.uses_match(item.request)) for item in drafting]
        active = made
        num_passes = 0
        while active:
            rows = [row for row, one in enumerate(active) if num_passes >= len(one.asked.prefix)]
            if rows:
                draw_next(self.sampler, logits[rows], [active[row] for row in rows])
            rows = [row for row, one in enumerate(active) if not one.token_ids or one.goes_on]
            active = [active[row] for row in rows]
            if active:
                logits, states = self.runner.forward([_next_span(one, num_passes) for one in active], states[rows])
                num_passes += 1
        return {one.asked.request_id: one.draft(self.name) for one in made}

    def forget(self, request: Request) -> None:
        """Nothing is kept outside the request."""

    def _behind(self, asked: Sequence[DraftRequest]) -> tuple[list[DraftRequest], list[Span]]:
        """Return who may draft now, and what to compute first, as far as the target's states and the budget reach."""
        budget = self.max_num_batched_tokens
        drafting: list[DraftRequest] = []
        spans: list[Span] = []
        for item in asked:
            request = item.request
            start = request.num_mtp_computed_tokens
            # A request whose prompt is being computed again has states only as far as that has come.
            end = min(request.num_tokens, request.num_computed_tokens + 1, start + budget)
            if end <= start:
                continue
            is_complete = end == request.num_tokens
            spans.append(Span(request.block_table, start, request.token_ids[start:end], int(is_complete)))
            request.num_mtp_computed_tokens = end
            budget -= end - start
            if is_complete:
                drafting.append(item)
        return drafting, spans


def _next_span(made: GrowingDraft, num_passes: int) -> Span:
    """Return the token behind those that num_passes passes have computed."""
    request = made.asked.request
    token_id = (made.asked.prefix + made.token_ids)[num_passes]
    return Span(request.block_table, request.num_tokens + num_passes, [token_id], 1)
