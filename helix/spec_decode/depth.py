"""How many tokens to draft: as many as bring the most tokens per second, by measured costs and past acceptance.

The choice looks at earlier steps and at what is known before a token is drawn, so every accept rule stays exact; it
changes the speed and never the text.

Source: Leviathan et al., arXiv 2211.17192, theorem 3.8; goodput and trimming by survival as in SmartSpec,
arXiv 2406.14066, with measured costs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

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
    first_s: float = 0.0
    """Seconds for the first token to be made."""
    next_s: float = 0.0
    """Seconds for each further one."""

    def drafting_s(self, depth: int) -> float:
        """Return the time to make what is missing of a draft of so many tokens."""
        num_missing = depth - self.num_made
        return self.first_s + (num_missing - 1) * self.next_s if num_missing > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Depths and what they are expected to bring."""

    depths: list[int]
    """Per candidate; 0 is plain."""
    tokens_per_s: float


def plan(costs: PassCosts, candidates: Sequence[Candidate], *, load: Load, num_tokens: int) -> Plan:
    """Return the depths that bring all requests of a step together the most tokens per second.

    Draft tokens are admitted in the order of their survival, which is a prefix of each draft, as long as the whole
    gains. Models draft for their requests together, so the deepest of them sets the time.

    Args:
        costs: What passes of the target cost.
        candidates: At most one per request.
        load: The pass without drafts, prompt chunks included.
        num_tokens: Tokens that it brings.
    """
    depths = [0] * len(candidates)
    drafting_s, expected = 0.0, float(num_tokens)
    best = Plan(list(depths), expected / costs.seconds(load))
    likely_first = sorted(
        (-value, place, i) for i, candidate in enumerate(candidates) for place, value in enumerate(candidate.survival)
    )
    for negative, _, i in likely_first:
        candidate = candidates[i]
        depths[i] += 1
        expected -= negative
        load = load.plus(1, candidate.context_len)
        drafting_s = max(drafting_s, candidate.drafting_s(depths[i]))
        tokens_per_s = expected / (costs.seconds(load) + drafting_s)
        if tokens_per_s > best.tokens_per_s:
            best = Plan(list(depths), tokens_per_s)
    return best


def survival(probabilities: Sequence[float]) -> list[float]:
    """Return the probability that each token and all before it are accepted."""
    return list(accumulate(probabilities, mul))


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
"""Below it speculation is off for a while; costs are medians, and single steps are not known better than that."""
_LONGEST_STEP = 4.0
