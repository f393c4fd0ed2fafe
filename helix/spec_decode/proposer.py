"""What a proposer is: scheduled requests in, drafts and their probabilities out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

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
