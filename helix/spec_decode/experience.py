"""What became of earlier drafts: how likely the tokens of the next one are to be accepted.

Only tokens that were judged count: the accepted ones and the first that was not. Nobody knows about those behind it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from helix.spec_decode.proposer import Draft

Evidence = tuple[object, ...]
"""What is known of a token before it is judged: its proposer, and a class of match length, confidence or place."""


class Acceptance:
    """How many draft tokens of one kind were accepted, when those before them were; slowly forgotten."""

    def __init__(self) -> None:
        self._num_accepted = self._num_judged = 0.0

    def weighed(self, expected: float) -> tuple[float, float]:
        """Return accepted and judged tokens, what is expected before anything is observed among them."""
        return expected * _EXPECTED_TRIALS + self._num_accepted, _EXPECTED_TRIALS + self._num_judged

    def probability(self, expected: float) -> float:
        """Return the probability that the next one is accepted."""
        num_accepted, num_judged = self.weighed(expected)
        return num_accepted / num_judged

    def observe(self, is_accepted: bool) -> None:
        """Count a judged token."""
        self._num_accepted = self._num_accepted * _KEPT_BY_ALL + is_accepted
        self._num_judged = self._num_judged * _KEPT_BY_ALL + 1


class Experience:
    """Acceptance by evidence, of all requests."""

    def __init__(self) -> None:
        self._kinds: dict[Evidence, Acceptance] = {}
        self._by_confidence: dict[Evidence, list[float]] = {}
        """Probabilities by class of confidence, until something is observed."""

    def probabilities(self, draft: Draft) -> list[float]:
        """Return for each token of one proposer's draft how likely it is to be accepted if those before it are."""
        if draft.confidence is not None:
            return [
                self._sure((draft.proposer, *_matched(draft, place)))[bisect_left(_CONFIDENCES, confidence)]
                for place, confidence in enumerate(draft.confidence)
            ]
        if draft.match_len:
            matches = [_matched(draft, place) for place in range(len(draft.token_ids))]
            return [self._of((draft.proposer, *one)).probability(_EXPECTED_BY_MATCH[one[1]]) for one in matches]
        return self.expected(draft.proposer, len(draft.token_ids))

    def expected(self, proposer: str, num_tokens: int) -> list[float]:
        """Return the same for a draft that a model has not made yet, by place alone.

        A place of which little is known is expected to be like those before it.
        """
        by_class = list(
            accumulate(
                range(len(_PLACES) + 1),
                lambda expected, index: self._of((proposer, "place", index)).probability(expected),
                initial=_EXPECTED_OF_MODEL,
            )
        )
        return [by_class[bisect_left(_PLACES, place) + 1] for place in range(num_tokens)]

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft of one proposer."""
        for place in range(min(num_accepted_tokens + 1, len(draft.token_ids))):
            is_accepted = place < num_accepted_tokens
            self._of((draft.proposer, "place", bisect_left(_PLACES, place))).observe(is_accepted)
            kind: Evidence = (draft.proposer, *_matched(draft, place))
            if draft.confidence is not None:
                self._by_confidence.pop(kind, None)
                index = bisect_left(_CONFIDENCES, draft.confidence[place])
                self._of((*kind, "confidence", index)).observe(is_accepted)
            elif draft.match_len:
                self._of(kind).observe(is_accepted)

    def _sure(self, kind: Evidence) -> list[float]:
        """Return the probability for each class of confidence: who is surer is not less often right.

        Where counts say otherwise, neighbours are taken together (isotonic regression). A class that was unlucky once
        and is not chosen since would else never be judged again.
        """
        if (known := self._by_confidence.get(kind)) is None:
            pooled: list[tuple[float, float, int]] = []
            for index, expected in enumerate(_EXPECTED_BY_CONFIDENCE):
                accepted, judged = self._of((*kind, "confidence", index)).weighed(expected)
                num_classes = 1
                while pooled and pooled[-1][0] / pooled[-1][1] > accepted / judged:
                    others = pooled.pop()
                    accepted, judged, num_classes = accepted + others[0], judged + others[1], num_classes + others[2]
                pooled.append((accepted, judged, num_classes))
            known = [accepted / judged for accepted, judged, num_classes in pooled for _ in range(num_classes)]
            self._by_confidence[kind] = known
        return known

    def _of(self, evidence: Evidence) -> Acceptance:
        return self._kinds.setdefault(evidence, Acceptance())


class Trust:
    """How much more or less often a proposer is right for one request than it is for all of them.

    The odds differ by a factor, one of a few, which changes now and then: a hidden Markov model whose states are the
    factors. So a few wrong guesses tell, the surer they were the more, and a few right ones win trust back. What is
    not observed any more returns to what holds for all, so that a proposer is tried again.
    """

    def __init__(self) -> None:
        self._weights = list(_PRIOR)

    def survival(self, probabilities: Sequence[float]) -> list[float]:
        """Return for each token the probability that it and all before it are accepted.

        Args:
            probabilities: That it is when those before it are, as it holds for all requests.
        """
        chances = self._weights
        result = []
        for probability in probabilities:
            chances = [chance * _shift(probability, factor) for chance, factor in zip(chances, _FACTORS, strict=True)]
            result.append(sum(chances))
        return result

    def observe(self, is_accepted: bool, probability: float) -> None:
        """Count a judged token that had this probability for all."""
        probability = min(max(probability, 1 - _SUREST), _SUREST)
        weights = []
        for weight, factor in zip(self._weights, _FACTORS, strict=True):
            shifted = _shift(probability, factor)
            weights.append(weight * (shifted if is_accepted else 1 - shifted))
        total = sum(weights)
        self._weights = [weight / total for weight in weights]
        self._forget(_CHANGE)

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        self._forget(_CHANGE_IDLE)

    def _forget(self, share: float) -> None:
        self._weights = [weight + share * (prior - weight) for weight, prior in zip(self._weights, _PRIOR, strict=True)]


def _shift(probability: float, factor: float) -> float:
    """Return the probability whose odds are so many times as high."""
    return probability * factor / (probability * factor + 1 - probability)


class RequestExperience:
    """What holds for all requests, and how far this one differs."""

    def __init__(self, general: Experience) -> None:
        self._general = general
        self._trust: dict[str, Trust] = {}

    def survival(self, draft: Draft) -> list[float]:
        """Return for each token of one proposer's draft how likely it and all before it are to be accepted."""
        return self._trust_in(draft.proposer).survival(self._general.probabilities(draft))

    def expected(self, proposer: str, num_tokens: int, confidence: Sequence[float] = ()) -> list[float]:
        """Return the same for a draft that a model has not made yet, or just begun, with this confidence."""
        probabilities = self._general.expected(proposer, num_tokens)
        if confidence:
            begun = Draft([0] * len(confidence), proposer, confidence=confidence)
            probabilities[: len(confidence)] = self._general.probabilities(begun)
        return self._trust_in(proposer).survival(probabilities)

    def observe(self, draft: Draft, num_accepted_tokens: int) -> None:
        """Count a verified draft of one proposer, here and in what holds for all."""
        trust = self._trust_in(draft.proposer)
        judged = self._general.probabilities(draft)[: num_accepted_tokens + 1]
        for place, probability in enumerate(judged):
            trust.observe(place < num_accepted_tokens, probability)
        self._general.observe(draft, num_accepted_tokens)

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        for trust in self._trust.values():
            trust.pass_over()

    def _trust_in(self, proposer: str) -> Trust:
        return self._trust.setdefault(proposer, Trust())


def _matched(draft: Draft, place: int) -> tuple[str, int]:
    """Return the class of how much matched before a token of a draft, the draft itself included."""
    return "match", bisect_left(_MATCHES, draft.match_len + place) if draft.match_len else -1


_MATCHES = (1, 3, 7, 15)
"""Longest agreement of each class but the last; a token's own is what matched before it, the draft included."""
_EXPECTED_BY_MATCH = (0.4, 0.7, 0.85, 0.92, 0.95)
_CONFIDENCES = (0.2, 0.4, 0.6, 0.8, 0.9, 0.97, 0.995)
_EXPECTED_BY_CONFIDENCE = (0.15, 0.3, 0.5, 0.7, 0.85, 0.93, 0.97, 0.99)
_PLACES = (0, 1, 2, 4, 8)
_EXPECTED_OF_MODEL = 0.75
_EXPECTED_TRIALS = 3
"""How many observed tokens weigh as much as what is expected."""
_FACTORS = (30.0, 3.0, 1.0, 0.2, 0.01)
"""By how much the odds of a request may differ from those of all."""
_PRIOR = (0.05, 0.15, 0.6, 0.1, 0.1)
"""How likely each factor is for a new request."""
_SUREST = 0.95
"""No single guess is taken for surer than that, or its failure would say too much."""
_CHANGE = 0.06
"""How likely the factor is to change from one token to the next."""
_CHANGE_IDLE = 0.005
"""The same for a step without a draft, in which nothing is observed."""
_KEPT_BY_ALL = 0.995
"""What a kind's counts keep when one more token of it is judged."""
