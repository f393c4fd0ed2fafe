"""Keeps speculation from costing more than it gives, asking for drafts included, whatever the plan said."""

from __future__ import annotations


class Guard:
    """An account of the time that speculation won and lost, in plain steps: while it is overdrawn nothing is drafted.

    A small share of the time is paid in, step by step. So what loses is tried again, for so short that it loses that
    share at most; what wins has some credit for when it loses for a while.
    """

    def __init__(self) -> None:
        self._balance = FIRST_CREDIT
        self._unsettled = 0.0
        """Won and lost, and not in the balance yet: drafts may win back what a draft model's first pass has cost."""
        self._is_off = False

    @property
    def is_off(self) -> bool:
        """Whether nothing should be drafted now."""
        return self._is_off

    def observe(self, seconds: float, plain_s: float, *, step_s: float) -> bool:
        """Count a step that took seconds for tokens that plain decoding brings in plain_s, step by step of step_s.

        Returns:
            Whether speculation is switched off by it.
        """
        self._unsettled += max((plain_s - seconds) / step_s, -_MOST_LOST)
        settled = self._unsettled / _SETTLED_IN
        self._unsettled -= settled
        self._balance = max(min(self._balance + settled + SHARE, _MOST_CREDIT), -_MOST_DEBT)
        was_off, self._is_off = self._is_off, self._balance < (NEXT_CREDIT if self._is_off else 0)
        return self._is_off and not was_off


class UsualTime:
    """What something usually takes, so that a pause of the machine in its midst is told from it."""

    def __init__(self) -> None:
        self._usual_s: float | None = None

    def excess(self, seconds: float) -> float:
        """Return what it took longer this time than it ever should, and learn from the rest."""
        if self._usual_s is None:
            self._usual_s = seconds
        rest_s = min(seconds, _LONGEST * self._usual_s)
        self._usual_s += _LEARNT_FROM_ONE * (rest_s - self._usual_s)
        return seconds - rest_s


class Pace:
    """When requests that draft by the same methods, and are about as many, try it: others lose by it or win."""

    def __init__(self) -> None:
        self.guard = Guard()
        self.asking = UsualTime()
        """Besides the passes of models."""
        self._num_drafted_in_a_row = _MAX_STEPS_IN_A_ROW - _FIRST_STEPS_IN_A_ROW
        self._num_plain_in_a_row = 0

    @property
    def allows(self) -> bool:
        """Whether to ask for drafts in this step."""
        return not self.guard.is_off and self._num_drafted_in_a_row < _MAX_STEPS_IN_A_ROW

    @property
    def is_probing(self) -> bool:
        """Whether it is time for drafts that do not seem to pay."""
        return self._num_plain_in_a_row >= _MAX_STEPS_IN_A_ROW

    def note(self, *, has_drafts: bool) -> None:
        """Count a step in which drafts were possible."""
        self._num_drafted_in_a_row = self._num_drafted_in_a_row + 1 if has_drafts else 0
        self._num_plain_in_a_row = 0 if has_drafts else self._num_plain_in_a_row + 1


FIRST_CREDIT = 4.0
"""Plain steps that speculation may lose until it has won any."""
NEXT_CREDIT = 2.0
"""Plain steps that it may lose when it is tried again."""
SHARE = 0.01
"""Of the time of all steps, what may be lost for good."""
_MOST_CREDIT = 16.0
_MOST_DEBT = 4.0
_MOST_LOST = 16.0
"""Plain steps that a single step may count as lost: one pause of the machine is no verdict."""
_SETTLED_IN = 8
"""Steps over which what a step won or lost enters the balance, about."""
_LONGEST = 2.0
"""Times as long as usual that something may take at most."""
_LEARNT_FROM_ONE = 0.1
_MAX_STEPS_IN_A_ROW = 100
"""Then one step is done the other way, with or without drafts, so that what it costs stays known."""
_FIRST_STEPS_IN_A_ROW = 8
"""The first plain step comes sooner."""
