"""What speculation is meant to reach, and whether the rows say it does. The targets are for the upscaled pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.arms import TRANSFORMERS_NAMES
from benchmarks.rows import AUTO, Row, best, fixed_rows, ratio_of

LEAST_SPEEDUP = {"code-editing": 5.0, "agent-loops": 3.0, "json": 2.5}
"""Of auto, one request at a time."""
LEAST_SPEEDUP_BY_DRAFT = {"chat": 2.0}
"""Of the draft model at its best fixed depth."""
LEAST_EVER = 0.98
"""Of auto on every task at every concurrency."""
LEAST_OF_BEST_FIXED = 0.95
"""Of auto, in speed-ups of the best fixed depth of any method; the best of several measured ones is flattered."""
MOST_ACCEPTED_ADVERSARIAL = 0.05
"""Of the tokens that methods at fixed depths draft: else the text is not adversarial."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A figure beside its target."""

    name: str
    task: str
    target: float
    measured: float
    is_upper_bound: bool = False

    @property
    def holds(self) -> bool:
        """Whether the target is reached."""
        return self.measured <= self.target if self.is_upper_bound else self.measured >= self.target


def check(rows: Sequence[Row]) -> list[Claim]:
    """Return every claim that the rows can decide; what was not measured is not claimed."""
    claims = []
    for task in dict.fromkeys(row.task for row in rows):
        own = [row for row in rows if row.task == task]
        single = [row for row in own if row.concurrency == 1]
        for row in own:
            if row.arm == AUTO and row.speedup is not None:
                claims.append(Claim(f"never slower, {row.concurrency} at once", task, LEAST_EVER, row.speedup))
        for row in fixed_rows(single):
            if task == "adversarial" and row.acceptance_rate is not None:
                most = MOST_ACCEPTED_ADVERSARIAL
                claims.append(Claim(f"accepted of {row.arm}", task, most, row.acceptance_rate, is_upper_bound=True))
        drafts = best([row for row in fixed_rows(single) if row.arm.startswith("draft ")])
        if task in LEAST_SPEEDUP_BY_DRAFT and drafts is not None and drafts.speedup is not None:
            claims.append(Claim(f"speed-up of {drafts.arm}", task, LEAST_SPEEDUP_BY_DRAFT[task], drafts.speedup))
        auto = next((row for row in single if row.arm == AUTO), None)
        if auto is not None and auto.speedup is not None:
            claims += _check_auto(auto, single)
    return claims


def _check_auto(auto: Row, single: Sequence[Row]) -> list[Claim]:
    claims = []
    if auto.task in LEAST_SPEEDUP and auto.speedup is not None:
        claims.append(Claim("speed-up of auto", auto.task, LEAST_SPEEDUP[auto.task], auto.speedup))
    fixed = best(fixed_rows(single))
    if fixed is not None and (ratio := ratio_of(auto, fixed)) is not None:
        claims.append(Claim(f"auto over {fixed.arm}, the best fixed depth", auto.task, LEAST_OF_BEST_FIXED, ratio))
    for row in single:
        if row.arm in TRANSFORMERS_NAMES.values() and (ratio := ratio_of(auto, row)) is not None:
            claims.append(Claim(f"auto over {row.arm}", auto.task, 1.0, ratio))
    return claims
