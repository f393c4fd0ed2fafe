"""What a proposer is: scheduled requests in, drafts and their probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from helix.config import SpeculationMethod
from helix.request import Request
from helix.scheduler import ScheduledRequest

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


Drafts = Mapping[str, Draft]
"""Drafts of one step by request_id; a request without a draft decodes plainly."""

NO_DRAFTS: Drafts = {}


class Proposer(Protocol):
    """Guesses the next tokens of many requests at once."""

    name: str

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Return at most max_draft_tokens guesses for each request that allows any; may skip requests."""
        ...

    def forget(self, request_id: str) -> None:
        """Drop whatever is kept for a request that ended."""
        ...


class ProposerChain:
    """Asks several proposers in order; the first that guesses for a request wins the step.

    A proposer that keeps missing on a request is passed over while another one follows it: choosing by past
    acceptance looks at no token of this step, so every accept rule stays exact (Leviathan et al. leave the choice of
    draft free).
    """

    name = "auto"

    def __init__(self, proposers: Sequence[Proposer], *, method: SpeculationMethod) -> None:
        self.proposers = list(proposers)
        self.method = method

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Merge the drafts of all proposers, at most one for each request."""
        drafts: dict[str, Draft] = {}
        for proposer in self.proposers:
            items = [
                item
                for item in scheduled
                if item.max_draft_tokens
                and item.request.request_id not in drafts
                and self._may_propose(proposer, item.request)
            ]
            if items:
                drafts.update(proposer.propose(items))
        return drafts

    def forget(self, request_id: str) -> None:
        """Drop whatever is kept for a request that ended."""
        for proposer in self.proposers:
            proposer.forget(request_id)

    def _may_propose(self, proposer: Proposer, request: Request) -> bool:
        method = request.params.speculation_method or self.method
        if method != "auto":
            return proposer.name == method
        stats = request.metrics.spec.by_proposer.get(proposer.name)
        if proposer is self.proposers[-1] or stats is None or stats.num_draft_tokens < MIN_DRAFT_TOKENS_TO_JUDGE:
            return True
        return stats.num_accepted_tokens >= MIN_ACCEPTANCE * stats.num_draft_tokens


MIN_DRAFT_TOKENS_TO_JUDGE = 12
MIN_ACCEPTANCE = 0.6
"""Below this share of accepted drafts a proposer gives way to the next one in the chain."""
