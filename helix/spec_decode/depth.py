"""How many tokens to draft: as many as bring the most tokens per second, by measured costs and past acceptance.

The choice looks at earlier steps and at what is known before a token is drawn, so every accept rule stays exact; it
changes the speed and never the text.

Source: Leviathan et al., arXiv 2211.17192, theorem 3.8; goodput and trimming by survival as in SmartSpec,
arXiv 2406.14066, with measured costs.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from helix.spec_decode.costs import Load, PassCosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A draft that one request could have verified, made already or to be made by a model."""

    survival: Sequence[float]
    """Probability that this token and all before it are accepted; falls from token to token."""
    context_len: int
    """Tokens that each of its rows attends to."""
    num_made: int = 0
    """Tokens at its beginning that are there already; a model makes the others."""
    token_s: float = 0.0
    """Seconds for each of the others."""
    before_s: float = 0.0
    """Seconds before the first of them that are lost if they are refused."""
    invested_s: float = 0.0
    """Seconds before the first of them that later drafts have the use of."""

    def risked_s(self, depth: int) -> float:
        """Return the time to make what is missing of a draft of so many tokens, but for what is invested."""
        num_missing = depth - self.num_made
        return self.before_s + num_missing * self.token_s if num_missing > 0 else 0.0

    def drafting_s(self, depth: int) -> float:
        """Return all of that time."""
        return self.risked_s(depth) + (self.invested_s if depth > self.num_made else 0.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """Depths and what they are expected to bring."""

    depths: list[int]
    """Per candidate; 0 is plain."""
    tokens_per_s: float


def plan(
    costs: PassCosts,
    candidates: Sequence[Candidate],
    *,
    load: Load,
    num_tokens: int,
    limits_s: Sequence[float] | None = None,
    limit_s: float = math.inf,
) -> Plan:
    """Return the depths that bring all requests of a step together the most tokens per second.

    Draft tokens are admitted in the order of their survival, which is a prefix of each draft, as long as the whole
    gains. Models draft for their requests together, so the deepest of them sets the time.

    Args:
        costs: What passes of the target cost.
        candidates: At most one per request.
        load: The pass without drafts, prompt chunks included.
        num_tokens: Tokens that it brings.
        limits_s: Most seconds that each candidate may add to the step; None: no limit.
        limit_s: Most seconds that all of them together may.
    """
    depths = [0] * len(candidates)
    left_s = [math.inf] * len(candidates) if limits_s is None else list(limits_s)
    plain_s = costs.seconds(load)
    drafting_s, risked_s, expected = 0.0, 0.0, float(num_tokens)
    best = Plan(list(depths), expected / plain_s)
    likely_first = sorted(
        (-value, place, i) for i, candidate in enumerate(candidates) for place, value in enumerate(candidate.survival)
    )
    for negative, place, i in likely_first:
        candidate = candidates[i]
        if place > depths[i]:  # one before it was too much of a risk
            continue
        more = load.plus(1, candidate.context_len)
        more_risked_s = max(risked_s, candidate.risked_s(depths[i] + 1))
        added_s = costs.seconds(more) - costs.seconds(load) + more_risked_s - risked_s
        if added_s > left_s[i] or costs.seconds(more) + more_risked_s - plain_s > limit_s:
            continue
        depths[i] += 1
        left_s[i] -= added_s
        expected -= negative
        load, risked_s = more, more_risked_s
        drafting_s = max(drafting_s, candidate.drafting_s(depths[i]))
        tokens_per_s = expected / (costs.seconds(load) + drafting_s)
        if tokens_per_s > best.tokens_per_s:
            best = Plan(list(depths), tokens_per_s)
    return best


def behind(first: Sequence[float], then: Sequence[float]) -> list[float]:
    """Return the survival of the tokens of two drafts, the second of which continues the first one."""
    chance = first[-1] if first else 1.0
    return [*first, *(chance * value for value in then)]


@dataclass(frozen=True, slots=True)
class Prices:
    """How likely a draft token must be accepted for its time not to be better spent, once a plan is made."""

    costs: PassCosts
    planned: Plan
    load: Load
    """The pass without drafts."""
    num_drafting: int
    """Requests whose drafts grow together."""

    def of(self, num_beyond: int, draft_s: float) -> float:
        """Return the price of a token that takes draft_s to draft.

        Within the planned depth (num_beyond below 1) its row costs what planned rows cost on average, beyond it what
        so many more rows for each of the drafts would add.
        """
        seconds = self.costs.seconds
        num_rows = sum(self.planned.depths)
        planned = self.load.plus(num_rows, self._context_len)
        if num_beyond < 1:
            row_s = (seconds(planned) - seconds(self.load)) / num_rows
        else:
            more = planned.plus(num_beyond * self.num_drafting, self._context_len)
            fewer = planned.plus((num_beyond - 1) * self.num_drafting, self._context_len)
            row_s = (seconds(more) - seconds(fewer)) / self.num_drafting
        return self.planned.tokens_per_s * (row_s + draft_s)

    def affordable(self, planned: int, most: int, *, draft_s: float, limit_s: float) -> int:
        """Return the depth, at least the planned one, up to which a draft costs no more than limit_s if all is refused.

        Args:
            planned: Tokens that the plan gives to it.
            most: Deepest draft.
            draft_s: What each token beyond the planned ones takes to draft.
            limit_s: What those may cost, and the rows of all.
        """
        seconds = self.costs.seconds
        others = self.load.plus(sum(self.planned.depths) - planned, self._context_len)
        depth = planned
        while depth < most:
            deeper = others.plus(depth + 1, self._context_len)
            if seconds(deeper) - seconds(others) + (depth + 1) * draft_s > limit_s:
                break
            depth += 1
        return depth

    @property
    def _context_len(self) -> int:
        return self.load.context // self.load.num_rows


class Guard:
    """Switches speculation off for a while where it turns out slower than plain decoding, whatever the plan said."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float]] = deque(maxlen=GUARD_WINDOW)
        self._num_steps_off = 0

    @property
    def is_off(self) -> bool:
        """Whether nothing should be drafted now."""
        return self._num_steps_off > 0

    def observe(self, seconds: float, plain_s: float) -> float | None:
        """Count a step that took seconds for tokens that plain decoding brings in plain_s.

        Returns:
            The speed-up over the last steps, below 1, if speculation is switched off now; else None.
        """
        if self.is_off:
            self._num_steps_off -= 1
            return None
        # One pause of the machine is no verdict.
        self._steps.append((min(seconds, _LONGEST_STEP * plain_s), plain_s))
        if len(self._steps) < GUARD_WINDOW:
            return None
        speed_up = sum(plain for _, plain in self._steps) / sum(spent for spent, _ in self._steps)
        if speed_up >= LEAST_SPEED_UP:
            return None
        self._steps.clear()
        self._num_steps_off = GUARD_PAUSE
        return speed_up


GUARD_WINDOW = 64
"""Steps over which speculation has to pay."""
GUARD_PAUSE = 256
"""Steps without it where it did not."""
LEAST_SPEED_UP = 0.95
_LONGEST_STEP = 4.0
