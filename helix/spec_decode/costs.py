"""What passes of a model cost, in seconds: measured before serving, corrected while serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, exp, log, log2, sqrt
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

    A Kalman filter over the logarithms of what passes of 1, 2, 4, ... rows cost beside what was measured, straight
    lines between them. What a pass takes longer or shorter than expected is mostly the machine, which got slower or
    faster for any number of rows, and for the rest a matter of about as many rows. So numbers of rows that have not
    been seen for long keep their proportion to the others. On a shared machine a few passes take many times as long as
    the rest, and none takes less than it must: steps up are limited.
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
        self._most_rows = most = rows[-1]
        self._last_slope_rows = most - rows[-2] if len(rows) > 1 else 0
        every = range(most + 1)
        self._measured_s = np.maximum(np.interp(every, rows, seconds), _SHORTEST_S)
        places = [log2(num_rows) if num_rows else 0.0 for num_rows in every]
        octaves = range(ceil(places[-1]) + 1)
        self._places = [(int(place), ceil(place), place % 1) for place in places]
        """By number of rows: the octaves below and above, and how far it is from the one below."""
        self._between = np.stack([np.interp(places, octaves, one) for one in np.eye(len(octaves))], axis=1)
        self._correction = [0.0] * len(octaves)
        prior = [
            [_VARIANCE_OF_ALL + _VARIANCE_OF_NEAR * exp(-abs(i - j) / _NEAR_OCTAVES) for i in octaves] for j in octaves
        ]
        self._covariance = prior
        self._relearnt = [[_FORGOTTEN * value for value in row] for row in prior]
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
        below, above, share = self._places[min(load.num_rows, self._most_rows)]
        covariance = self._covariance
        column = covariance[below]
        if share:
            column = [low + share * (high - low) for low, high in zip(column, covariance[above], strict=True)]
        deviation = sqrt(column[below] + share * (column[above] - column[below]) + _VARIANCE_OF_PASS)
        gain = [value / deviation for value in column]
        step = min(surprise / deviation, _MOST_DEVIATIONS)
        self._correction = [value + step * one for value, one in zip(self._correction, gain, strict=True)]
        self._covariance = [
            [_KEPT * value + more - one * other for value, more, other in zip(row, relearnt, gain, strict=True)]
            for row, relearnt, one in zip(covariance, self._relearnt, gain, strict=True)
        ]
        self._table = []
        return step * sum(gain) / len(gain)

    def follow(self, change: float) -> None:
        """Change all costs as those of another model on the same machine changed, which was seen since."""
        self._correction = [value + change for value in self._correction]
        factor = exp(change)
        self._table = [factor * seconds for seconds in self._table]
        self._beyond_s *= factor

    def with_free_rows(self) -> PassCosts:
        """Return costs by which any hope of a token is worth a row."""
        return PassCosts({1: self.seconds(Load(1))})

    def _tabulate(self) -> list[float]:
        now_s = self._measured_s * np.exp(self._between @ self._correction)
        self._table = table = np.maximum.accumulate(now_s).tolist()
        if self._last_slope_rows:
            self._beyond_s = (table[-1] - table[-1 - self._last_slope_rows]) / self._last_slope_rows
        return self._table


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
_KEPT = 1 - _FORGOTTEN
