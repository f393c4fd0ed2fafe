"""What a proposer is: scheduled requests in, drafts and their probabilities out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from helix.config import SpeculationMethod
from helix.request import Request
from helix.scheduler import ScheduledRequest
from helix.spec_decode.depth import Experience, PassCosts, plan

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens guessed for one request in one step; it lives no longer than the step."""

    token_ids: list[int]
    """At most ScheduledRequest.max_draft_tokens, at least one."""
    proposer: str
    """Name of the proposer, for the statistics."""
    probs: Tensor | None = None  # [len(token_ids), vocab_size] float32
    """The distribution each token was really drawn from; None: the guess is certain (one-hot)."""
    match_len: int = 0
    """Tokens before it that were found elsewhere, for proposers that copy; a longer match is a better guess."""


Drafts = Mapping[str, Draft]
"""Drafts of one step by request_id; a request without a draft decodes plainly."""

NO_DRAFTS: Drafts = {}


class Proposer(Protocol):
    """Guesses the next tokens of many requests at once."""

    name: str
    runs_model: bool
    """A guess takes passes of a model; else it is free and may be thrown away."""

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Return at most max_draft_tokens guesses for each request that allows any; may skip requests."""
        ...

    def forget(self, request_id: str) -> None:
        """Drop whatever is kept for a request that ended."""
        ...


class ProposerChain:
    """Asks several proposers in order; the first that guesses for a request wins the step.

    Where costs are known, a request of method auto gets the guess that promises the most tokens per second, cut to
    the depth that does, or none. A method that was asked for is not judged.
    """

    name = "auto"
    runs_model = True

    def __init__(
        self,
        proposers: Sequence[Proposer],
        *,
        method: SpeculationMethod,
        costs: PassCosts | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.proposers = list(proposers)
        self.method = method
        self.costs = costs
        self._clock = clock
        self._experience: dict[str, Experience] = {}
        self._last_step: tuple[int, float] | None = None
        """Rows of the step that was last proposed for, and when it began."""
        self._num_drafted_in_a_row = _MAX_STEPS_IN_A_ROW - _FIRST_STEPS_IN_A_ROW
        self._num_plain_in_a_row = 0

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Merge the drafts of all proposers, at most one for each request."""
        drafting = [item for item in scheduled if item.max_draft_tokens]
        if self.costs is None:
            return self._first(drafting)
        if self._last_step is not None and (elapsed_s := self._clock() - self._last_step[1]) > 0:
            self.costs.observe_step(self._last_step[0], elapsed_s)
        judged = [item for item in drafting if self._method(item.request) == "auto"]
        drafts = self._first([item for item in drafting if self._method(item.request) != "auto"])
        num_rows = sum(item.num_tokens for item in scheduled)
        if judged and self._num_drafted_in_a_row < _MAX_STEPS_IN_A_ROW:
            is_overdue = self._num_plain_in_a_row >= _MAX_STEPS_IN_A_ROW
            costs = self.costs.with_free_drafts() if is_overdue else self.costs
            drafts |= self._best(judged, costs, num_rows=num_rows, num_requests=len(drafting))
        if judged:
            self._num_drafted_in_a_row = self._num_drafted_in_a_row + 1 if drafts else 0
            self._num_plain_in_a_row = 0 if drafts else self._num_plain_in_a_row + 1
        num_rows += sum(len(draft.token_ids) for draft in drafts.values())
        self._last_step = (num_rows, self._clock()) if num_rows <= _MAX_ROWS_OBSERVED else None
        return drafts

    def forget(self, request_id: str) -> None:
        """Drop whatever is kept for a request that ended."""
        self._experience.pop(request_id, None)
        for proposer in self.proposers:
            proposer.forget(request_id)

    def _method(self, request: Request) -> SpeculationMethod:
        return request.params.speculation_method or self.method

    def _first(self, items: Sequence[ScheduledRequest]) -> dict[str, Draft]:
        """Take the first guess for each request, of the proposers that its method allows."""
        drafts: dict[str, Draft] = {}
        for proposer in self.proposers:
            asking = [
                item
                for item in items
                if item.request.request_id not in drafts and self._method(item.request) in ("auto", proposer.name)
            ]
            if asking:
                drafts.update(proposer.propose(asking))
        return drafts

    def _best(
        self, items: Sequence[ScheduledRequest], costs: PassCosts, *, num_rows: int, num_requests: int
    ) -> dict[str, Draft]:
        """Take the guess of best promise for each request; models are asked only where they win."""
        assert self.costs is not None
        plan_depth = partial(plan, costs, num_rows=num_rows, num_requests=num_requests)
        copied: dict[str, Draft] = {}
        for proposer in self.proposers:
            if not proposer.runs_model:
                copied = {**proposer.propose(items), **copied}
        models = [proposer for proposer in self.proposers if proposer.runs_model]
        drafts: dict[str, Draft] = {}
        asking: dict[str, list[ScheduledRequest]] = {proposer.name: [] for proposer in models}
        for item in items:
            request = item.request
            experience = self._experience.setdefault(request.request_id, Experience())
            experience.learn(request.token_ids)
            best = plan_depth(acceptance=0.0, max_draft_tokens=0)
            chosen: str | None = None
            if (draft := copied.get(request.request_id)) is not None:
                probability = experience.acceptance(draft.proposer, draft.match_len).probability
                best = plan_depth(acceptance=probability, max_draft_tokens=len(draft.token_ids))
                if best.num_draft_tokens:
                    drafts[request.request_id] = replace(draft, token_ids=draft.token_ids[: best.num_draft_tokens])
            for proposer in models:
                promise = plan_depth(
                    acceptance=experience.acceptance(proposer.name, 0).probability,
                    max_draft_tokens=item.max_draft_tokens,
                    draft_s=costs.draft_s,
                )
                if promise.tokens_per_s > best.tokens_per_s:
                    best, chosen = promise, proposer.name
            if chosen is not None:
                drafts.pop(request.request_id, None)
                item.max_draft_tokens = best.num_draft_tokens
                asking[chosen].append(item)
        for proposer in models:
            if asking[proposer.name]:
                started_s = self._clock()
                drafts.update(proposer.propose(asking[proposer.name]))
                if (elapsed_s := self._clock() - started_s) > 0:
                    self.costs.observe_draft(elapsed_s / max(item.max_draft_tokens for item in asking[proposer.name]))
        for item in items:
            if (draft := drafts.get(item.request.request_id)) is not None:
                experience = self._experience[item.request.request_id]
                acceptance = experience.acceptance(draft.proposer, draft.match_len)
                experience.expect(acceptance, draft.token_ids, item.request.num_tokens)
        return drafts


_MAX_ROWS_OBSERVED = 64
"""Steps of more rows compute prompts."""
_MAX_STEPS_IN_A_ROW = 100
"""Then one step is done the other way, with or without drafts, so that what it costs stays known."""
_FIRST_STEPS_IN_A_ROW = 8
"""The first plain step comes sooner."""
