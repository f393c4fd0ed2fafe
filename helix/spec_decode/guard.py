"""Keeps speculation from costing time where it brings none: drafts that lose, and questions that bring no drafts."""

from __future__ import annotations

from collections import deque


class AskingBudget:
    """How often to ask for drafts while none is worth verifying: as often as a small share of the time allows.

    Asking takes a part of a millisecond. That is nothing beside a large model's pass, and a tenth of a small one's.
    """

    def __init__(self) -> None:
        self._asking_s = 0.0
        self._left_s = 0.0

    @property
    def allows(self) -> bool:
        """Whether to ask now."""
        return self._left_s >= 0

    def observe(self, seconds: float, *, in_vain: bool) -> None:
        """Count the time of asking; after an answer the next questions are free."""
        if not in_vain:
            self._left_s = _FREE_QUESTIONS * self._asking_s
            return
        self._asking_s += _LEARNT_FROM_ONE * (seconds - self._asking_s)
        self._left_s -= self._asking_s

    def earn(self, plain_s: float) -> None:
        """Count a step without drafts that took so long."""
        self._left_s = min(self._left_s + _ASKING_SHARE * plain_s, _FREE_QUESTIONS * self._asking_s)


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


class Pace:
    """When requests that draft by the same methods try it: what others try, and lose by it, holds up nobody."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.asking = AskingBudget()
        self._num_drafted_in_a_row = _MAX_STEPS_IN_A_ROW - _FIRST_STEPS_IN_A_ROW
        self._num_plain_in_a_row = 0

    @property
    def allows(self) -> bool:
        """Whether to ask for drafts in this step."""
        return not self.guard.is_off and self._num_drafted_in_a_row < _MAX_STEPS_IN_A_ROW and self.asking.allows

    @property
    def is_probing(self) -> bool:
        """Whether it is time for drafts that do not seem to pay."""
        return self._num_plain_in_a_row >= _MAX_STEPS_IN_A_ROW

    def note(self, *, has_drafts: bool) -> None:
        """Count a step."""
        self._num_drafted_in_a_row = self._num_drafted_in_a_row + 1 if has_drafts else 0
        self._num_plain_in_a_row = 0 if has_drafts else self._num_plain_in_a_row + 1


GUARD_WINDOW = 64
"""Steps over which speculation has to pay."""
GUARD_PAUSE = 256
"""Steps without it where it did not."""
LEAST_SPEED_UP = 0.95
"""Below it speculation is off for a while; what a step costs is not known better than that."""
_MAX_STEPS_IN_A_ROW = 100
"""Then one step is done the other way, with or without drafts, so that what it costs stays known."""
_FIRST_STEPS_IN_A_ROW = 8
"""The first plain step comes sooner."""
_LONGEST_STEP = 4.0
_ASKING_SHARE = 0.03
"""Of the time of steps without drafts, what asking for some may take."""
_FREE_QUESTIONS = 8
_LEARNT_FROM_ONE = 0.2
"""Part of what asking took once that counts for what it takes."""
