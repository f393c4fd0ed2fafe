"""Proposes by matching the recent suffix in the request itself: prompt lookup.

Source: Saxena, "Prompt Lookup Decoding", 2023. Of all earlier places where the last tokens stand, the longest match
wins, the most recent among equals; while a copied passage flows, it is followed without looking again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from helix.request import Request
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts


class NgramProposer:
    """Copies what followed the last occurrence of the current suffix, the more the longer it is."""

    name = "ngram"

    def __init__(self, *, ngram_min: int, ngram_max: int) -> None:
        self.ngram_min = ngram_min
        self.ngram_max = ngram_max
        self._indices: dict[str, NgramIndex] = {}

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return a draft for every request whose suffix of ngram_min tokens or more occurred before."""
        drafts: dict[str, Draft] = {}
        for item in asked:
            if (index := self._indices.get(item.request_id)) is None:
                index = self._indices[item.request_id] = NgramIndex(self.ngram_min)
            token_ids = index.lookup(item.request.token_ids, item.max_draft_tokens, self.ngram_max, item.prefix)
            if token_ids:
                drafts[item.request_id] = Draft(token_ids, self.name, match_len=index.match_len)
        return drafts

    def forget(self, request: Request) -> None:
        """Drop what is kept for a request that ended."""
        self._indices.pop(request.request_id, None)


@dataclass(slots=True)
class _Match:
    """The length tokens before source_end equal the last ones of the sequence."""

    length: int
    source_end: int
    num_tokens: int
    """Length of the sequence when the match was found."""


class NgramIndex:
    """Where each n-gram of the smallest size ends in one growing sequence; adding a token costs O(1)."""

    def __init__(self, ngram_min: int) -> None:
        self.ngram_min = ngram_min
        self._ends: dict[tuple[int, ...], list[int]] = {}
        self._num_indexed = 0
        self._match: _Match | None = None

    @property
    def match_len(self) -> int:
        """Tokens that the last lookup found to be equal; 0 when it found none."""
        return 0 if self._match is None else self._match.length

    def lookup(
        self, token_ids: Sequence[int], max_tokens: int, ngram_max: int, prefix: Sequence[int] = ()
    ) -> list[int]:
        """Return what followed the best earlier match of the suffix of token_ids, and of prefix behind them.

        At most max_tokens, and at most DRAFT_TOKENS_PER_MATCHED times as many tokens as match.
        """
        self._index(token_ids)
        if prefix:
            token_ids = [*token_ids, *prefix]
        match = self._follow(token_ids) or self._search(token_ids, ngram_max)
        self._match = match
        if match is None:
            return []
        # A match that overlaps its own continuation is a repetition: keep repeating it.
        period = len(token_ids) - match.source_end
        num_tokens = min(max_tokens, DRAFT_TOKENS_PER_MATCHED * match.length)
        return [token_ids[match.source_end + i % period] for i in range(num_tokens)]

    def _index(self, token_ids: Sequence[int]) -> None:
        """Add the tokens that came; the last n-gram itself is left out, else it would match itself."""
        size = self.ngram_min
        for end in range(max(self._num_indexed, size), len(token_ids)):
            self._ends.setdefault(tuple(token_ids[end - size : end]), []).append(end)
        self._num_indexed = max(self._num_indexed, len(token_ids))

    def _follow(self, token_ids: Sequence[int]) -> _Match | None:
        """Return the last match grown by the tokens since, or None where they left its source."""
        last = self._match
        if last is None:
            return None
        num_grown = len(token_ids) - last.num_tokens
        end = last.source_end + num_grown
        if num_grown < 0 or list(token_ids[last.source_end : end]) != list(token_ids[last.num_tokens :]):
            return None
        return _Match(last.length + num_grown, end, len(token_ids))

    def _search(self, token_ids: Sequence[int], ngram_max: int) -> _Match | None:
        """Return the longest match of up to ngram_max tokens, the most recent of equal ones."""
        size, num_tokens = self.ngram_min, len(token_ids)
        best: _Match | None = None
        for end in reversed(self._ends.get(tuple(token_ids[num_tokens - size :]), [])[-MAX_CANDIDATES:]):
            match = size
            while match < ngram_max and end > match and token_ids[end - match - 1] == token_ids[num_tokens - match - 1]:
                match += 1
            if best is None or match > best.length:
                best = _Match(match, end, num_tokens)
                if match == ngram_max:
                    break
        return best


DRAFT_TOKENS_PER_MATCHED = 2
"""A longer match promises a longer continuation."""
MAX_CANDIDATES = 64
"""Most earlier places looked at per lookup, the recent ones, so that repetitive text stays cheap."""
