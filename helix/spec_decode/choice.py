"""What could be drafted for one request in one step, and what was chosen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from helix.config import SpeculationMethod
from helix.request import Request
from helix.spec_decode.proposer import PREDICTED, Draft, DraftRequest, ModelProposer, Proposer, join

_ONLY_BY_NAME = frozenset({"ngram"})
"""Whatever n-grams find, the suffix proposer finds too; wrong guesses of both would have to be learnt twice."""


@dataclass(slots=True)
class Choice:
    """Fills while proposers are asked one after another."""

    asked: DraftRequest
    method: SpeculationMethod
    certain: list[Draft] = field(default_factory=list)
    """Drafts that leave no other continuation; the others continue behind them."""
    offers: list[Draft] = field(default_factory=list)
    """Drafts to choose from, in the order of the proposers."""
    chosen: Draft | ModelProposer | None = None
    """The offer that stands behind what is certain, or the model that shall make one; None: nothing more."""
    depth: int | None = None
    """How many tokens of both to verify; None: all of them."""

    @property
    def request(self) -> Request:
        """Whose choice it is."""
        return self.asked.request

    @property
    def num_certain_tokens(self) -> int:
        """Tokens of the drafts that are certain."""
        return len(self.asked.prefix)

    def allows(self, proposer: Proposer) -> bool:
        """Return whether the proposer may add to what there is."""
        if proposer.name == PREDICTED:  # whoever sends a prediction wants it used, whatever else guesses
            return self.asked.max_predicted_tokens > 0
        is_meant = self.method == proposer.name or (self.method == "auto" and proposer.name not in _ONLY_BY_NAME)
        return is_meant and self.asked.max_draft_tokens > 0

    def take(self, draft: Draft) -> None:
        """Keep what a draft has within the answer: as certain or as an offer."""
        within = self.within_answer(draft)
        if within is None:
            return
        if within.confidence is None or min(within.confidence) < 1:
            self.offers.append(within)
            return
        self.certain.append(within)
        self.asked.prefix = self.asked.prefix + within.token_ids
        num_tokens = self.asked.max_draft_tokens if within.ends_answer else len(within.token_ids)
        self.asked.max_draft_tokens -= num_tokens
        self.asked.max_predicted_tokens -= num_tokens

    def within_answer(self, draft: Draft) -> Draft | None:
        """Return what of a draft could become part of the answer, if anything could."""
        prefix = self.asked.prefix
        num_tokens = self.request.num_within_answer(draft.token_ids, prefix)
        if not num_tokens:
            return None
        within = draft.cut(num_tokens)
        return replace(within, ends_answer=True) if self.request.ends_behind(prefix + within.token_ids) else within

    def result(self) -> Draft | None:
        """Return what is certain and the chosen draft behind it, as deep as chosen.

        A token that ends the answer is left to the target, which says it in the same pass: its row would be in vain.
        Not so where it was drawn: what is drawn must be judged, or it would be drawn too seldom.
        """
        parts = [*self.certain, self.chosen] if isinstance(self.chosen, Draft) else self.certain
        num_left = sum(len(part.token_ids) for part in parts) if self.depth is None else self.depth
        kept: list[Draft] = []
        for part in parts:
            num_tokens = len(part.token_ids) - (part.ends_answer and part.probs is None)
            if min(num_left, num_tokens) > 0:
                kept.append(part.cut(min(num_left, num_tokens)))
            num_left -= num_tokens
        return join(kept) if kept else None


def ask(proposer: Proposer, choices: Iterable[Choice]) -> None:
    """Add what a proposer guesses to the choices that allow it."""
    asking = [choice for choice in choices if choice.allows(proposer)]
    if not asking:
        return
    drafts = proposer.propose([choice.asked for choice in asking])
    for choice in asking:
        if (draft := drafts.get(choice.request.request_id)) is not None:
            choice.take(draft)


def results(choices: Iterable[Choice]) -> dict[str, Draft]:
    """Return what was chosen, by request, where there is anything."""
    drafts = ((choice.request.request_id, choice.result()) for choice in choices)
    return {request_id: draft for request_id, draft in drafts if draft is not None}
