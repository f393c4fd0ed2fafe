"""How many tokens a step may have after one that did not fit the memory."""

from __future__ import annotations

_FIRST_PATIENCE = 16
_MAX_PATIENCE = 4096


class StepBudget:
    """Halves after a step that ran out of memory, and doubles behind a number of good steps.

    Tokens are cut, not requests: prompts are computed in smaller pieces first, and only then do fewer requests share a
    step. Each failure doubles the number of good steps that are asked for, so that a size that never fits is tried
    seldom.
    """

    def __init__(self, max_num_tokens: int) -> None:
        self.max_num_tokens = max_num_tokens
        self.limit = max_num_tokens
        """Most tokens of the next step, drafts included."""
        self._patience = _FIRST_PATIENCE
        self._num_good = 0

    def shrink(self, num_tokens: int) -> bool:
        """Note that a step of so many tokens did not fit; returns False where it cannot be made smaller."""
        if num_tokens <= 1:
            return False
        self.limit = max(1, min(self.limit, num_tokens) // 2)
        self._patience = min(2 * self._patience, _MAX_PATIENCE)
        self._num_good = 0
        return True

    def passed(self) -> None:
        """Note a step that fitted."""
        if self.limit == self.max_num_tokens:
            return
        self._num_good += 1
        if self._num_good >= self._patience:
            self.limit = min(2 * self.limit, self.max_num_tokens)
            self._num_good = 0
