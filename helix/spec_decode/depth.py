"""How many tokens to draft: as many as bring the most tokens per second, by measured costs and past acceptance.

The choice looks at earlier steps alone, never at a token of this one, so every accept rule stays exact; it changes the
speed and never the text.

Source: Leviathan et al., arXiv 2211.17192, theorem 3.8, with a measured cost for each number of verified rows.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile


class PassCosts:
    """What steps cost, in seconds: measured before serving, corrected while serving.

    Corrections are small steps towards what is seen, so that they find the median: on a shared machine a few steps take
    many times as long as the rest.
    """

    def __init__(
        self,
        target_s: Mapping[int, float],  # by number of rows; not empty
        draft_s: float = 0.0,  # one drafted token of the draft model
    ) -> None:
        self.draft_s = draft_s
        # Fewer rows never cost more; where they seem to, something else ran beside them.
        self._measured_s = {
            rows: min(seconds for other, seconds in target_s.items() if other >= rows) for rows in target_s
        }
        self._observed_s: dict[int, float] = {}
        self._known = self._merge()

    def verification_s(self, num_rows: int) -> float:
        """Return the cost of a step; between known numbers of rows by interpolation, beyond them by the last slope."""
        known = self._known
        above = min(bisect_left(known, (num_rows, 0.0)), len(known) - 1)
        if above == 0:
            return known[0][1]
        (rows, seconds), (more_rows, more_seconds) = known[above - 1], known[above]
        return seconds + (more_seconds - seconds) / (more_rows - rows) * (num_rows - rows)

    def observe_step(self, num_rows: int, seconds: float) -> None:
        """Correct the cost of a step of so many rows.

        What was only measured before serving keeps its proportion to it: the machine was slower or faster then.
        """
        known = self.verification_s(num_rows)
        lowest = 1 / _STEP if num_rows in self._observed_s else 1 / _FIRST_STEP
        factor = min(max(seconds / known, lowest), _STEP)
        self._observed_s[num_rows] = known * factor
        self._measured_s = {rows: cost * factor for rows, cost in self._measured_s.items()}
        self._known = self._merge()

    def observe_draft(self, seconds: float) -> None:
        """Correct the cost of a drafted token."""
        self.draft_s *= min(max(seconds / self.draft_s, 1 / _STEP), _STEP) if self.draft_s else 1.0

    def with_free_drafts(self) -> PassCosts:
        """Return costs by which any hope of a token is worth a draft."""
        return PassCosts({1: self.verification_s(1)})

    def _merge(self) -> list[tuple[int, float]]:
        """Return rows and costs, ascending; a measured one gives way to an observed one or to that of fewer rows."""
        merged: list[tuple[int, float]] = []
        lowest = 0.0
        for rows in sorted(self._measured_s | self._observed_s):
            cost = self._observed_s.get(rows)
            if cost is None:
                cost = max(self._measured_s[rows], lowest)
            lowest = max(lowest, cost)
            merged.append((rows, cost))
        return merged


_STEP = 1.15
"""Most that one observation changes a cost; a first one may lower it by _FIRST_STEP."""
_FIRST_STEP = 8.0


class Acceptance:
    """The probability that a draft token is accepted when those before it were; learnt, and slowly forgotten.

    What is not observed any more returns to what was assumed, so that a proposer is tried again.
    """

    def __init__(self, assumed: float) -> None:
        self._assumed = assumed
        self._num_accepted = self._num_judged = 0.0

    @property
    def probability(self) -> float:
        """Between 0 and 1."""
        return (self._assumed * _ASSUMED_TRIALS + self._num_accepted) / (_ASSUMED_TRIALS + self._num_judged)

    def observe(self, num_draft_tokens: int, num_accepted_tokens: int) -> None:
        """Count a verified draft: every accepted token, and the first that was not; nobody judged those behind it."""
        self._decay(_KEPT_PER_DRAFT)
        self._num_accepted += num_accepted_tokens
        self._num_judged += min(num_accepted_tokens + 1, num_draft_tokens)

    def pass_over(self) -> None:
        """Forget a little: a step went by without a draft."""
        self._decay(_KEPT_PER_PLAIN_STEP)

    def _decay(self, kept: float) -> None:
        self._num_accepted *= kept
        self._num_judged *= kept


_ASSUMED_TRIALS = 2
_KEPT_PER_DRAFT = 0.9
_KEPT_PER_PLAIN_STEP = 0.98


class Experience:
    """What became of one request's drafts, apart for each proposer and for short and long matches."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, float], Acceptance] = {}
        self._last: tuple[Acceptance, list[int], int] | None = None

    def acceptance(self, proposer: str, match_len: int) -> Acceptance:
        """Return what is known about guesses of a proposer behind a match of so many tokens; 0: it does not copy."""
        assumed = next(assumed for longest, assumed in _ASSUMED_BY_MATCH if match_len <= longest)
        return self._kinds.setdefault((proposer, assumed), Acceptance(assumed))

    def expect(self, acceptance: Acceptance, draft_token_ids: list[int], num_tokens: int) -> None:
        """Note a draft made behind num_tokens tokens."""
        self._last = (acceptance, draft_token_ids, num_tokens)

    def learn(self, token_ids: Sequence[int]) -> None:
        """Compare the last draft with the tokens that came; a step without one is forgotten a little."""
        if self._last is None:
            for acceptance in self._kinds.values():
                acceptance.pass_over()
            return
        acceptance, drafted, start = self._last
        self._last = None
        came = token_ids[start : start + len(drafted)]
        pairs = zip(came, drafted, strict=False)
        acceptance.observe(len(drafted), sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))


_ASSUMED_BY_MATCH = ((0, 0.75), (1, 0.4), (3, 0.7), (float("inf"), 0.9))
"""Longest match, and what is assumed of guesses behind it; the first is for a draft model."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A number of draft tokens and what it is expected to bring."""

    num_draft_tokens: int
    tokens_per_s: float


def plan(
    costs: PassCosts,
    *,
    acceptance: float,
    max_draft_tokens: int,
    num_rows: int = 1,
    num_requests: int = 1,
    draft_s: float = 0.0,
) -> Plan:
    """Return the depth that brings each of num_requests equal requests the most tokens per second; 0 is plain.

    Args:
        costs: What passes cost.
        acceptance: Probability that a token is accepted when those before it were.
        max_draft_tokens: Largest depth considered.
        num_rows: Rows of the pass without drafts, prompt chunks of other requests included.
        num_requests: Requests that would draft as many tokens each.
        draft_s: Seconds for one more draft token of all of them.
    """
    best = Plan(0, 1 / costs.verification_s(num_rows))
    survival = tokens = 1.0
    for depth in range(1, max_draft_tokens + 1):
        survival *= acceptance
        tokens += survival
        tokens_per_s = tokens / (costs.verification_s(num_rows + num_requests * depth) + depth * draft_s)
        if tokens_per_s > best.tokens_per_s:
            best = Plan(depth, tokens_per_s)
    return best
