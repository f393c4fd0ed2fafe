"""How fast places become free, so that who is refused can be told when to come back."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

_NUM_REMEMBERED = 64
_HORIZON_S = 60.0
"""Longest time anybody is sent away for, and the memory of the rate."""
_UNKNOWN_S = 1.0
"""Time for which people are sent away while nothing is known."""


class FinishingRate:
    """Requests that ended lately, per second, and the times promised to those who were refused.

    Each one that is refused is given a time of its own, one place behind the one before: whoever comes back at the
    time that he was told finds a place, and they do not all come at once. May be used from several threads.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ended_s: deque[float] = deque(maxlen=_NUM_REMEMBERED)
        self._promised_s = 0.0

    def observe(self) -> None:
        """Count a request that ended now, whatever the reason: its place is free."""
        self._ended_s.append(self._clock())

    @property
    def per_s(self) -> float | None:
        """Requests that end per second; None while fewer than two are remembered."""
        now_s = self._clock()
        ended_s = [at_s for at_s in tuple(self._ended_s) if now_s - at_s <= _HORIZON_S]
        if len(ended_s) < 2:
            return None
        # Silence since the last one is part of the measure: a rate that has collapsed must not be told.
        return (len(ended_s) - 1) / max(now_s - ended_s[0], 1e-3)

    def wait_s(self, num_places: int = 1) -> float:
        """Return the seconds until so many places have become free."""
        rate = self.per_s
        return _UNKNOWN_S if rate is None else min(num_places / rate, _HORIZON_S)

    def retry_after_s(self) -> float:
        """Return when the next one who is refused should come back, in seconds, and remember the promise."""
        now_s = self._clock()
        self._promised_s = min(max(self._promised_s, now_s) + self.wait_s(), now_s + _HORIZON_S)
        return self._promised_s - now_s
