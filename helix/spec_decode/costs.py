"""What passes of a model cost, in seconds: measured before serving, corrected while serving."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from helix.scheduler import ScheduledRequest
from helix.spec_decode.proposer import Draft


class Load(NamedTuple):
    """What decides how long a pass takes."""

    num_rows: int
    context: int = 0
    """Tokens that the rows attend to, summed over the rows."""

    def plus(self, num_rows: int, context_len: int) -> Load:
        """Return the load with more rows of one request, each of which attends to context_len tokens."""
        return Load(self.num_rows + num_rows, self.context + num_rows * context_len)


def plain_load(scheduled: Sequence[ScheduledRequest]) -> Load:
    """Return the load of a step without drafts."""
    return verification_load(scheduled, {})


def verification_load(scheduled: Sequence[ScheduledRequest], drafts: Mapping[str, Draft]) -> Load:
    """Return the load of a step with its drafts."""
    load = Load(0)
    for item in scheduled:
        draft = drafts.get(item.request.request_id)
        num_rows = item.num_tokens + (len(draft.token_ids) if draft is not None else 0)
        load = load.plus(num_rows, item.request.num_computed_tokens + item.num_tokens)
    return load


class PassCosts:
    """Seconds per pass by its load.

    Corrections are small steps towards what is seen, so that they find the median: on a shared machine a few steps take
    many times as long as the rest.
    """

    def __init__(
        self,
        pass_s: Mapping[int, float],  # by number of rows, over a short context; not empty
        context_s: float = 0.0,  # per row and token it attends to
    ) -> None:
        self._context_s = context_s
        # Fewer rows never cost more; where they seem to, something else ran beside them.
        self._measured_s = {rows: min(seconds for other, seconds in pass_s.items() if other >= rows) for rows in pass_s}
        self._observed_s: dict[int, float] = {}
        self._known = self._merge()

    def seconds(self, load: Load) -> float:
        """Return the cost of a pass; between known numbers of rows by interpolation, beyond them by the last slope."""
        num_rows, context = load
        known = self._known
        above = min(bisect_left(known, (num_rows, 0.0)), len(known) - 1)
        base_s = known[above][1]
        if above > 0:
            (rows, seconds), (more_rows, more_seconds) = known[above - 1], known[above]
            base_s = seconds + (more_seconds - seconds) / (more_rows - rows) * (num_rows - rows)
        return base_s + self._context_s * context

    def observe(self, load: Load, seconds: float) -> None:
        """Correct the cost of passes of so many rows.

        What was only measured before serving keeps its proportion to it: the machine was slower or faster then.
        """
        num_rows = load.num_rows
        known = self.seconds(Load(num_rows))
        lowest = 1 / _STEP if num_rows in self._observed_s else 1 / _FIRST_STEP
        factor = min(max(seconds / self.seconds(load), lowest), _STEP)
        self._observed_s[num_rows] = known * factor
        self._measured_s = {rows: cost * factor for rows, cost in self._measured_s.items()}
        self._known = self._merge()

    def with_free_rows(self) -> PassCosts:
        """Return costs by which any hope of a token is worth a row."""
        return PassCosts({1: self.seconds(Load(1))})

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
