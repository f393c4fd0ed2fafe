"""What became of earlier drafts: how likely the tokens of the next one are to be accepted.

Only tokens that were judged count: the accepted ones and the first that was not. Nobody knows about those behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from helix.spec_decode.proposer import Draft


class Acceptance:
    """The probability that a draft token is accepted when those before it were; learnt, and slowly forgotten."""

    __slots__ = ("_expected", "_num_accepted", "_num_judged", "probability")

    def __init__(self, expected: float) -> None:
        self._expected = expected
        self._num_accepted = self._num_judged = 0.0
        self.probability = expected
        """Between 0 and 1."""

    def observe(self, is_accepted: bool) -> None:
        """Count a judged token."""
        self._num_accepted = self._num_accepted * _KEPT_BY_ALL + is_accepted
        self._num_judged = self._num_judged * _KEPT_BY_ALL + 1
        expected = self._expected * _EXPECTED_TRIALS
        self.probability = (expected + self._num_accepted) / (_EXPECTED_TRIALS + self._num_judged)


class Experience:
    """Acceptance of one proposer's tokens by what is known of them before they are judged, of all requests."""

    def __init__(self) -> None:
        self._by_place = [Acceptance(_EXPECTED_OF_MODEL) for _ in range(len(_PLACES) + 1)]
        self._by_evidence = [Acceptance(expected) for expected in _EXPECTED_BY_EVIDENCE]
        self._expected: list[float] = []

    def probabilities(self, draft: Draft, num_tokens: int | None = None) -> list[float]:
        """Return for the first tokens of a draft how likely each is to be accepted if those before it are."""
        if draft.confidence is None and not draft.match_len:
            return self.expected(len(draft.token_ids))[:num_tokens]
        kinds = self._by_evidence
        return [kinds[kind].probability for kind in _evidence(draft, num_tokens)]

    def probability(self, confidence: float) -> float:
        """Return the same for one token that a model is so sure of."""
        return self._by_evidence[bisect_left(_CONFIDENCES, confidence) + 1].probability

    def expected(self, num_tokens: int) -> list[float]:
        """Return the same for a draft that a model has not made yet, by place alone."""
        if len(self._expected) < num_tokens:
            places = range(max(num_tokens, 16))
            self._expected = [self._by_place[bisect_left(_PLACES, place)].probability for place in places]
        return self._expected[:num_tokens]

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft."""
        num_judged = min(num_accepted_tokens + 1, len(draft.token_ids))
        kinds = _evidence(draft, num_judged) if draft.confidence is not None or draft.match_len else ()
        for place in range(num_judged):
            is_accepted = place < num_accepted_tokens
            self._by_place[bisect_left(_PLACES, place)].observe(is_accepted)
            if kinds:
                self._by_evidence[kinds[place]].observe(is_accepted)
        self._expected = []


class Trust:
    """How much more or less often a proposer is right for one request than it is for all of them.

    One number for all its guesses, so that a few of them tell. What is not observed any more returns to what holds for
    all, so that a proposer is tried again.
    """

    __slots__ = ("_expected_accepted", "_expected_rejected", "_num_accepted", "_num_rejected", "odds")

    def __init__(self) -> None:
        self._num_accepted = self._num_rejected = 0.0
        self._expected_accepted = self._expected_rejected = 0.0
        self.odds = 1.0
        """How many times as high the odds of acceptance are for this request."""

    def apply(self, probability: float) -> float:
        """Return for this request what has this probability for all."""
        return probability * self.odds / (probability * self.odds + 1 - probability)

    def observe(self, probabilities: Sequence[float], num_accepted_tokens: int) -> None:
        """Count judged tokens that had these probabilities for all; all but the last or all of them were accepted."""
        accepted, rejected = self._num_accepted, self._num_rejected
        expected_accepted, expected_rejected = self._expected_accepted, self._expected_rejected
        for probability in probabilities:
            accepted = accepted * _KEPT_BY_REQUEST + 1
            rejected *= _KEPT_BY_REQUEST
            expected_accepted = expected_accepted * _KEPT_BY_REQUEST + probability
            expected_rejected = expected_rejected * _KEPT_BY_REQUEST + 1 - probability
        if len(probabilities) > num_accepted_tokens:
            accepted, rejected = accepted - 1, rejected + 1
        self._num_accepted, self._num_rejected = accepted, rejected
        self._expected_accepted, self._expected_rejected = expected_accepted, expected_rejected
        self._weigh()

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        kept = 1 - (1 - _KEPT_BY_REQUEST) * _IDLE_SHARE
        self._num_accepted *= kept
        self._num_rejected *= kept
        self._expected_accepted *= kept
        self._expected_rejected *= kept
        self._weigh()

    def _weigh(self) -> None:
        more = (self._num_accepted + _TRIALS) / (self._expected_accepted + _TRIALS)
        fewer = (self._num_rejected + _TRIALS) / (self._expected_rejected + _TRIALS)
        self.odds = more / fewer


class RequestExperience:
    """What holds for all requests of one proposer, and how far this one differs."""

    def __init__(self, general: Experience) -> None:
        self._general = general
        self._trust = Trust()

    def probabilities(self, draft: Draft) -> list[float]:
        """Return for each token of a draft how likely it is to be accepted if those before it are."""
        return self._applied(self._general.probabilities(draft))

    def probability(self, confidence: float) -> float:
        """Return the same for one token that a model is so sure of."""
        return self._trust.apply(self._general.probability(confidence))

    def expected(self, num_tokens: int) -> list[float]:
        """Return the same for a draft that a model has not made yet, by place alone."""
        return self._applied(self._general.expected(num_tokens))

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft, here and in what holds for all."""
        self._trust.observe(self._general.probabilities(draft, num_accepted_tokens + 1), num_accepted_tokens)
        self._general.observe(draft, num_accepted_tokens)

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft of anybody's."""
        self._trust.pass_over()

    def _applied(self, probabilities: list[float]) -> list[float]:
        odds = self._trust.odds
        return probabilities if odds == 1 else [p * odds / (p * odds + 1 - p) for p in probabilities]


class Experiences:
    """What became of the drafts of every proposer, for all requests and for each."""

    def __init__(self) -> None:
        self._general: dict[tuple[str, int, bool], Experience] = {}
        self._by_request: dict[str, dict[str, RequestExperience]] = {}

    def of(
        self, request_id: str, proposer: str, temperature: float = 0.0, *, has_grammar: bool = False
    ) -> RequestExperience:
        """Return a request's experience with a proposer; it begins with that of requests of its kind.

        These are about as warm, and bound by a grammar or not: within one, other tokens are uncertain.
        """
        if (known := self._by_request.get(request_id)) is None:
            known = self._by_request[request_id] = {}
        if (experience := known.get(proposer)) is None:
            alike = proposer, bisect_left(_TEMPERATURES, temperature), has_grammar
            experience = known[proposer] = RequestExperience(self._general.setdefault(alike, Experience()))
        return experience

    def pass_over(self, request_id: str) -> None:
        """Forget a little of a request's own: a step went by without a draft."""
        for experience in self._by_request.get(request_id, {}).values():
            experience.pass_over()

    def forget(self, request_id: str) -> None:
        """Drop what is kept for a request that ended."""
        self._by_request.pop(request_id, None)


def _evidence(draft: Draft, num_tokens: int | None) -> list[int]:
    """Return what is known of each of the first tokens of a draft, as a number; of 0 nothing is known."""
    confidence, match_len = draft.confidence, draft.match_len
    if confidence is None:
        end = match_len + len(draft.token_ids[:num_tokens])
        return [_MATCH_KINDS[min(length, _LONG_MATCH)] for length in range(match_len, end)]
    kinds = [bisect_left(_CONFIDENCES, one) + 1 for one in confidence[:num_tokens]]
    if not match_len:
        return kinds
    return [kind + _MATCH_KINDS[min(length, _LONG_MATCH)] for length, kind in enumerate(kinds, match_len)]


_MATCHES = (1, 3, 7, 15)
"""Longest agreement of each class but the last; a token's own is what matched before it, the draft included."""
_EXPECTED_BY_MATCH = (0.4, 0.7, 0.85, 0.92, 0.95)
_CONFIDENCES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.995)
_EXPECTED_BY_CONFIDENCE = (0.15, 0.3, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99)
_PLACES = (0, 1, 2, 4, 8)
_EXPECTED_OF_MODEL = 0.75
_LONG_MATCH = _MATCHES[-1] + 1
_MATCH_KINDS = [(bisect_left(_MATCHES, length) + 1) * (len(_CONFIDENCES) + 2) for length in range(_LONG_MATCH + 1)]
"""By match length, no match left out; the class of confidence, from 1 on, is added where there is one."""
_EXPECTED_BY_EVIDENCE = [
    _EXPECTED_BY_CONFIDENCE[kind - 1] if kind else _EXPECTED_BY_MATCH[match - 1] if match else _EXPECTED_OF_MODEL
    for match in range(len(_MATCHES) + 2)
    for kind in range(len(_CONFIDENCES) + 2)
]
_EXPECTED_TRIALS = 3
"""How many observed tokens weigh as much as what is expected."""
_TRIALS = 1.5
"""How many tokens of each outcome weigh as much as what holds for all requests."""
_TEMPERATURES = (0.0, 0.5, 0.9, 1.1)
"""The highest of each class but the last: the warmer a text is drawn, the harder it is to guess."""
_KEPT_BY_REQUEST = 0.95
_KEPT_BY_ALL = 0.995
_IDLE_SHARE = 0.2
"""A step without a draft forgets so much of what an observation does."""
