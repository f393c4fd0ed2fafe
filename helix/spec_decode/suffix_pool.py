"""Keeps what was written before, to be found again: one bounded pool for each salt."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from helix.spec_decode.suffix_index import SuffixIndex

MAX_SALTS = 16
"""Pools kept; the one that nothing was added to for longest gives way."""


class SuffixPool:
    """Outputs of finished requests; those of one salt are never seen by another.

    A pool is two shelves of half its size. When the newer one is full, the older one is dropped as a whole, and with
    it the oldest outputs.
    """

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        """Most tokens kept per salt; 0: none."""
        self._shelves: OrderedDict[str | None, list[SuffixIndex]] = OrderedDict()

    def add(self, salt: str | None, token_ids: Sequence[int]) -> None:
        """Keep an output, or as much of its end as fits half the pool."""
        max_on_shelf = self.max_tokens // 2
        kept = token_ids[max(0, len(token_ids) + 1 - max_on_shelf) :]
        if not kept or max_on_shelf < 2:
            return
        shelves = self._shelves.setdefault(salt, [SuffixIndex()])
        self._shelves.move_to_end(salt)
        if len(shelves[0].token_ids) + 1 + len(kept) > max_on_shelf:
            shelves[:] = [SuffixIndex(), shelves[0]]
        shelves[0].extend([SEPARATOR, *kept])
        if len(self._shelves) > MAX_SALTS:
            self._shelves.popitem(last=False)

    def indices(self, salt: str | None) -> Sequence[SuffixIndex]:
        """Return where to look for what was written under a salt, the newer first; outputs begin with SEPARATOR."""
        return self._shelves.get(salt, ())


SEPARATOR = -1
"""Stands before each output, so that no match and no continuation reaches from one into another."""
