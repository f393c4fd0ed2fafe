"""Proposes by matching the recent suffix in the request itself: prompt lookup.

Source: Saxena, "Prompt Lookup Decoding", 2023. Of all earlier places where the last tokens stand, the longest match
wins, the most recent among equals.
"""

from __future__ import annotations

from collections.abc import Sequence

from helix.scheduler import ScheduledRequest
from helix.spec_decode.proposer import Draft, Drafts


class NgramProposer:
    """Copies what followed the last occurrence of the current suffix."""

    name = "ngram"

    def __init__(self, *, ngram_min: int, ngram_max: int) -> None:
        self.ngram_min = ngram_min
        self.ngram_max = ngram_max
        self._indices: dict[str, NgramIndex] = {}

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        """Return a draft for every request whose suffix of ngram_min tokens or more occurred before."""
        drafts: dict[str, Draft] = {}
        for item in scheduled:
            if not item.max_draft_tokens:
                continue
            request = item.request
            index = self._indices.setdefault(request.request_id, NgramIndex(self.ngram_min))
            token_ids = index.lookup(request.token_ids, item.max_draft_tokens, self.ngram_max)
            if token_ids:
                drafts[request.request_id] = Draft(token_ids, self.name)
        return drafts

    def forget(self, request_id: str) -> None:
        """Drop what is kept for a request that ended."""
        self._indices.pop(request_id, None)


class NgramIndex:
    """Where each n-gram of the smallest size ends in one growing sequence; adding a token costs O(1)."""

    def __init__(self, ngram_min: int) -> None:
        self.ngram_min = ngram_min
        self._ends: dict[tuple[int, ...], list[int]] = {}
        self._num_indexed = 0

    def lookup(self, token_ids: Sequence[int], max_tokens: int, ngram_max: int) -> list[int]:
        """Return up to max_tokens tokens that followed the best earlier match of the suffix of token_ids."""
        size, length = self.ngram_min, len(token_ids)
        # The last n-gram itself is not indexed yet, else it would match itself.
        for end in range(max(self._num_indexed, size), length):
            self._ends.setdefault(tuple(token_ids[end - size : end]), []).append(end)
        self._num_indexed = max(self._num_indexed, length)
        best_len, best_end = 0, 0
        for end in reversed(self._ends.get(tuple(token_ids[length - size : length]), [])[-MAX_CANDIDATES:]):
            match = size
            while match < ngram_max and end > match and token_ids[end - match - 1] == token_ids[length - match - 1]:
                match += 1
            if match > best_len:
                best_len, best_end = match, end
                if match == ngram_max:
                    break
        if not best_len:
            return []
        # A match that overlaps its own continuation is a repetition: keep repeating it.
        period = length - best_end
        return [token_ids[best_end + i % period] for i in range(max_tokens)]


MAX_CANDIDATES = 64
"""Most earlier places looked at per lookup, the recent ones, so that repetitive text stays cheap."""
