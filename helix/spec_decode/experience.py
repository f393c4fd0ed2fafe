"""What became of earlier drafts: how likely the tokens of the next one are to be accepted.

Only tokens that were judged count: the accepted ones and the first that was not. Nobody knows about those behind it.
"""

from __future__ import annotations

from bisect import bisect_left

from helix.spec_decode.proposer import Draft

Evidence = tuple[object, ...]
"""What is known of a token before it is judged: its proposer, and a class of match length, confidence or place."""


class Acceptance:
    """The probability that a draft token is accepted when those before it were; learnt, and slowly forgotten."""

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._num_accepted = self._num_judged = 0.0

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return (self._expected * _EXPECTED_TRIALS + self._num_accepted) / (_EXPECTED_TRIALS + self._num_judged)

    def observe(self, is_accepted: bool) -> None:
        """Count a judged token."""
        self._num_accepted = self._num_accepted * _KEPT_BY_ALL + is_accepted
        self._num_judged = self._num_judged * _KEPT_BY_ALL + 1


class Experience:
    """Acceptance by evidence, of all requests."""

    def __init__(self) -> None:
        self._kinds: dict[Evidence, Acceptance] = {}

    def probabilities(self, draft: Draft) -> list[float]:
        """Return for each token of one proposer's draft how likely it is to be accepted if those before it are."""
        return [self._of(*_evidence(draft, place)).probability for place in range(len(draft.token_ids))]

    def expected(self, proposer: str, num_tokens: int) -> list[float]:
        """Return the same for a draft that a model has not made yet, by place alone."""
        return [self._of(*_by_place(proposer, place)).probability for place in range(num_tokens)]

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft of one proposer."""
        for place in range(min(num_accepted_tokens + 1, len(draft.token_ids))):
            for evidence, expected in {_evidence(draft, place), _by_place(draft.proposer, place)}:
                self._of(evidence, expected).observe(place < num_accepted_tokens)

    def _of(self, evidence: Evidence, expected: float) -> Acceptance:
        return self._kinds.setdefault(evidence, Acceptance(expected))


class Trust:
    """How much more or less often a proposer is right for one request than it is for all of them.

    One number for all its guesses, so that a few of them tell. What is not observed any more returns to what holds for
    all, so that a proposer is tried again.
    """

    def __init__(self) -> None:
        self._num_accepted = self._num_rejected = 0.0
        self._expected_accepted = self._expected_rejected = 0.0

    def apply(self, probability: float) -> float:
        """Return for this request what has this probability for all; the odds differ by a factor."""
        more = (self._num_accepted + _TRIALS) / (self._expected_accepted + _TRIALS)
        fewer = (self._num_rejected + _TRIALS) / (self._expected_rejected + _TRIALS)
        return probability * more / (probability * more + (1 - probability) * fewer)

    def observe(self, is_accepted: bool, probability: float) -> None:
        """Count a judged token that had this probability for all."""
        self._forget(_KEPT_BY_REQUEST)
        self._num_accepted += is_accepted
        self._num_rejected += not is_accepted
        self._expected_accepted += probability
        self._expected_rejected += 1 - probability

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        self._forget(1 - (1 - _KEPT_BY_REQUEST) * _IDLE_SHARE)

    def _forget(self, kept: float) -> None:
        self._num_accepted *= kept
        self._num_rejected *= kept
        self._expected_accepted *= kept
        self._expected_rejected *= kept


class RequestExperience:
    """What holds for all requests, and how far this one differs."""

    def __init__(self, general: Experience) -> None:
        self._general = general
        self._trust: dict[str, Trust] = {}

    def probabilities(self, draft: Draft) -> list[float]:
        """Return for each token of one proposer's draft how likely it is to be accepted if those before it are."""
        return self._applied(draft.proposer, self._general.probabilities(draft))

    def expected(self, proposer: str, num_tokens: int) -> list[float]:
        """Return the same for a draft that a model has not made yet, by place alone."""
        return self._applied(proposer, self._general.expected(proposer, num_tokens))

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft of one proposer, here and in what holds for all."""
        trust = self._trust.setdefault(draft.proposer, Trust())
        judged = self._general.probabilities(draft)[: num_accepted_tokens + 1]
        for place, probability in enumerate(judged):
            trust.observe(place < num_accepted_tokens, probability)
        self._general.observe(draft, num_accepted_tokens)

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        for trust in self._trust.values():
            trust.pass_over()

    def _applied(self, proposer: str, probabilities: list[float]) -> list[float]:
        trust = self._trust.get(proposer)
        return probabilities if trust is None else [trust.apply(probability) for probability in probabilities]


def _evidence(draft: Draft, place: int) -> tuple[Evidence, float]:
    """Return what is known of a token of a draft, and what is expected of such tokens at first."""
    kind: Evidence = (draft.proposer,)
    expected = None
    if draft.match_len:
        index = bisect_left(_MATCHES, draft.match_len + place)
        kind, expected = (*kind, "match", index), _EXPECTED_BY_MATCH[index]
    if draft.confidence is not None:
        confidence = draft.confidence[place]
        index = bisect_left(_CONFIDENCES, confidence)
        kind, expected = (*kind, "confidence", index), _EXPECTED_BY_CONFIDENCE[index]
    return (kind, expected) if expected is not None else _by_place(draft.proposer, place)


def _by_place(proposer: str, place: int) -> tuple[Evidence, float]:
    return (proposer, "place", bisect_left(_PLACES, place)), _EXPECTED_OF_MODEL


_MATCHES = (1, 3, 7, 15)
"""Longest agreement of each class but the last; a token's own is what matched before it, the draft included."""
_EXPECTED_BY_MATCH = (0.4, 0.7, 0.85, 0.92, 0.95)
_CONFIDENCES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.995)
_EXPECTED_BY_CONFIDENCE = (0.15, 0.3, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99)
_PLACES = (0, 1, 2, 4, 8)
_EXPECTED_OF_MODEL = 0.75
_EXPECTED_TRIALS = 3
"""How many observed tokens weigh as much as what is expected."""
_TRIALS = 1.5
"""How many tokens of each outcome weigh as much as what holds for all requests."""
_KEPT_BY_REQUEST = 0.95
_KEPT_BY_ALL = 0.995
_IDLE_SHARE = 0.2
"""A step without a draft forgets so much of what an observation does."""
