"""What a proposer is: requests in, drafts and their probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from helix.request import Request

if TYPE_CHECKING:
    from torch import Tensor


PREDICTED = "predicted"
"""Name of the proposer that drafts from what requests predict."""


@dataclass(slots=True, kw_only=True)
class DraftRequest:
    """What a proposer is asked for."""

    request: Request
    max_draft_tokens: int
    """At least one, except for the proposer of predictions, which has a limit of its own."""
    max_predicted_tokens: int = 0
    """That limit."""
    prefix: list[int] = field(default_factory=list)
    """Tokens already drafted in this step by another proposer; the draft continues behind them."""
    goes_on: Callable[[Sequence[float]], bool] | None = None
    """Asked by a model after each token, with the confidence of each so far: whether one more pays; None: always."""

    @property
    def request_id(self) -> str:
        """The request's."""
        return self.request.request_id


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens guessed for one request in one step; it lives no longer than the step."""

    token_ids: list[int]
    """At most DraftRequest.max_draft_tokens, at least one; without the prefix."""
    proposer: str
    """Name of the proposer, for the statistics."""
    probs: Tensor | None = None  # [len(token_ids), vocab_size] float32
    """The distribution each token was really drawn from; None: the guess is certain (one-hot)."""
    match_len: int = 0
    """Tokens before it that were found elsewhere, for proposers that copy; a longer match is a better guess."""
    confidence: Sequence[float] | None = None
    """The proposer's own estimate for each token that it is accepted if those before it are.

    Of a token that was drawn, it must not depend on which one: the largest probability, not the drawn one's."""
    ends_answer: bool = False
    """Whether its last token, should it be accepted, ends the request's answer."""
    joined: tuple[Draft, ...] = ()
    """The drafts of several proposers that it was joined from, in their order."""

    @property
    def parts(self) -> tuple[Draft, ...]:
        """The drafts of single proposers that it consists of."""
        return self.joined or (self,)

    def cut(self, num_tokens: int) -> Draft:
        """Return the first tokens of one proposer's draft."""
        if num_tokens >= len(self.token_ids):
            return self
        return replace(
            self,
            token_ids=self.token_ids[:num_tokens],
            ends_answer=False,
            probs=None if self.probs is None else self.probs[:num_tokens],
            confidence=None if self.confidence is None else self.confidence[:num_tokens],
        )


def join(drafts: Sequence[Draft]) -> Draft:
    """Return one draft of the tokens of several, each made behind the one before it; at least one."""
    if len(drafts) == 1:
        return drafts[0]
    token_ids = [token_id for draft in drafts for token_id in draft.token_ids]
    drawn = next((draft.probs for draft in drafts if draft.probs is not None), None)
    probs = None
    if drawn is not None:
        probs = drawn.new_zeros(len(token_ids), drawn.shape[1])
        row = 0
        for draft in drafts:
            rows = slice(row, row + len(draft.token_ids))
            if draft.probs is not None:
                probs[rows] = draft.probs
            else:
                certain = drawn.new_tensor(draft.token_ids).long().clamp(0, drawn.shape[1] - 1)
                probs[rows].scatter_(1, certain.unsqueeze(1), 1.0)
            row = rows.stop
    return Draft(token_ids, drafts[-1].proposer, probs, joined=tuple(drafts))


Drafts = Mapping[str, Draft]
"""Drafts of one step by request_id; a request without a draft decodes plainly."""


class Proposer(Protocol):
    """Guesses the next tokens of many requests at once."""

    name: str

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return at most max_draft_tokens guesses for each request; may skip requests."""
        ...

    def forget(self, request: Request) -> None:
        """Drop whatever is kept for a request that ended."""
        ...


class ModelProposer(Proposer, Protocol):
    """A proposer whose guesses take passes of a model, one per token."""

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        """Return how many tokens its first pass computes for a request before the first guess."""
        ...

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        """Return how many passes follow the first one before the first guess."""
        ...
