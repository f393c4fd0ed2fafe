"""What passes of a model cost, in seconds: measured before serving, corrected while serving."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import log, sqrt
from typing import NamedTuple

import numpy as np

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
    all_rows = context = 0
    for item in scheduled:
        request, num_rows = item.request, item.num_tokens
        context_len = request.num_computed_tokens + num_rows
        if drafts and (draft := drafts.get(request.request_id)) is not None:
            num_rows += len(draft.token_ids)
        all_rows += num_rows
        context += num_rows * context_len
    return Load(all_rows, context)


class PassCosts:
    """Seconds per pass by its load.

    A Kalman filter over the logarithms of the costs. What a pass takes longer or shorter than expected is mostly the
    machine, which got slower or faster for any number of rows, and for the rest a matter of about as many rows. So
    numbers of rows that have not been seen for long keep their proportion to the others. On a shared machine a few
    passes take many times as long as the rest, and none takes less than it must: steps up are limited.
    """

    def __init__(
        self,
        pass_s: Mapping[int, float],  # by number of rows, over a short context; not empty
        context_s: float = 0.0,  # per row and token it attends to
    ) -> None:
        rows = sorted(pass_s)
        # Fewer rows never cost more; where they seem to, something else ran beside them.
        seconds = [min(pass_s[other] for other in rows[i:]) for i in range(len(rows))]
        self.context_s = context_s
        self._num_rows = known = sorted({*rows, *(num for num in _NUM_ROWS if rows[0] < num < rows[-1])})
        self._measured_s = np.maximum(np.interp(known, rows, seconds), _SHORTEST_S)
        self._correction = np.zeros(len(known))
        octaves = np.log2(known)
        near = np.exp(-np.abs(octaves[:, None] - octaves) / _NEAR_OCTAVES)
        self._covariance = _VARIANCE_OF_ALL + _VARIANCE_OF_NEAR * near
        self._relearnt = _FORGOTTEN * self._covariance
        self._share = np.full(len(known), 1 / len(known))
        self._between = np.stack([np.interp(range(rows[-1] + 1), known, one) for one in np.eye(len(known))], axis=1)
        self._table: list[float] = []
        """Seconds by number of rows from 0 on; empty where it has to be made again."""
        self._beyond_s = 0.0
        """Seconds of each row beyond the table."""

    def seconds(self, load: Load) -> float:
        """Return the cost of a pass; between known numbers of rows by interpolation, beyond them by the last slope."""
        num_rows, context = load
        table = self._table or self._tabulate()
        if num_rows < len(table):
            return table[num_rows] + self.context_s * context
        return table[-1] + self._beyond_s * (num_rows - len(table) + 1) + self.context_s * context

    def of_rows(self, num_rows: int, num_more: int) -> list[float]:
        """Return the costs of passes of num_rows and up to num_more rows more, without a context."""
        table = self._table or self._tabulate()
        while len(table) <= num_rows + num_more:
            table.append(table[-1] + self._beyond_s)
        return table[num_rows : num_rows + num_more + 1]

    def observe(self, load: Load, seconds: float) -> float:
        """Correct the costs by a pass that was seen.

        Returns:
            By how much all of them changed on average, as a logarithm: what the machine is to blame for.
        """
        surprise = log(max(seconds, _SHORTEST_S) / self.seconds(load))
        place = min(bisect_left(self._num_rows, load.num_rows), len(self._num_rows) - 1)
        column = self._covariance[place].copy()
        variance = float(column[place]) + _VARIANCE_OF_PASS
        deviation = sqrt(variance)
        column /= deviation
        change = column * min(surprise / deviation, _MOST_DEVIATIONS)
        self._correction += change
        self._covariance *= 1 - _FORGOTTEN
        self._covariance += self._relearnt
        self._covariance -= column[:, None] * column
        self._table = []
        return float(change @ self._share)

    def follow(self, change: float) -> None:
        """Change all costs as those of another model on the same machine changed, which was seen since."""
        self._correction += change
        self._table = []

    def with_free_rows(self) -> PassCosts:
        """Return costs by which any hope of a token is worth a row."""
        return PassCosts({1: self.seconds(Load(1))})

    def _tabulate(self) -> list[float]:
        known = np.maximum.accumulate(self._measured_s * np.exp(self._correction))
        self._table = (self._between @ known).tolist()
        if len(known) > 1:
            self._beyond_s = float((known[-1] - known[-2]) / (self._num_rows[-1] - self._num_rows[-2]))
        return self._table


_NUM_ROWS = (*range(1, 17), 20, 24, 28, 32, 40, 48, 64)
"""Passes of so many rows have costs of their own, within what was measured."""
_SHORTEST_S = 1e-9
_VARIANCE_OF_ALL = 0.25
"""Of the logarithm of what all passes cost beside what was measured before serving."""
_VARIANCE_OF_NEAR = 0.02
"""Of that of some number of rows beside the others."""
_NEAR_OCTAVES = 2.0
"""How far numbers of rows are apart whose costs have little in common but the machine."""
_VARIANCE_OF_PASS = 0.01
"""Of that of a single pass."""
_MOST_DEVIATIONS = 2.0
"""What a pass may seem to have taken longer than expected, in standard deviations."""
_FORGOTTEN = 0.002
"""Share of what was learnt that every pass makes uncertain again: machines change within some hundreds."""
