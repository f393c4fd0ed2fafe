"""Finds where the end of a text stands earlier in a growing sequence of tokens. Numbers only.

A suffix automaton finds the longest match in fewer steps, but how often a state occurs and where it occurred last cost
it a walk over its suffix links for each new token, nothing can be taken out of it, and in Python it takes several
times the memory. So each place is chained to the one before it that ends with the same token, or the same few, and a
lookup compares the most recent places of a chain with the text.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

MAX_MATCH_LEN = 32
"""Longest agreement that is told apart from a longer one."""
MAX_OCCURRENCES = 64
"""Most places looked at per lookup, the recent ones, so that repetitive text stays cheap."""
ENOUGH_OCCURRENCES = 4
"""Places of MAX_MATCH_LEN after which no more are looked for."""


class Occurrence(NamedTuple):
    """A place that ends as the text does."""

    match_len: int
    """Tokens before end that equal the last ones of the text, at most MAX_MATCH_LEN."""
    end: int
    """Index in the sequence of the token that followed."""


class SuffixIndex:
    """One growing sequence and its chains; adding a token costs O(1), and so does a lookup."""

    def __init__(self) -> None:
        self.token_ids = array("l")
        """The sequence; a negative id matches nothing."""
        # An end is the index behind a token, so that 0 is none.
        self._last_end_of_token: dict[int, int] = {}
        self._last_end_of_gram: dict[int, int] = {}
        self._end_before_by_token = array("l")
        self._end_before_by_gram = array("l")
        self._gram = 0

    def extend(self, token_ids: Sequence[int]) -> None:
        """Append tokens."""
        by_token, by_gram, gram = self._last_end_of_token, self._last_end_of_gram, self._gram
        before_by_token, before_by_gram = self._end_before_by_token, self._end_before_by_gram
        for end, token_id in enumerate(token_ids, len(self.token_ids) + 1):
            gram = (gram << _TOKEN_BITS | token_id) & _GRAM_MASK
            before_by_token.append(by_token.get(token_id, 0))
            by_token[token_id] = end
            before_by_gram.append(by_gram.get(gram, 0))
            by_gram[gram] = end
        self._gram = gram
        self.token_ids.extend(token_ids)

    def occurrences(self, text: Sequence[int]) -> list[Occurrence]:
        """Return places that end as text does and go on, the most recent first; where there are long ones, only those.

        The longest match is among them unless its last token or gram occurs more than MAX_OCCURRENCES times.
        """
        if not text:
            return []
        backwards = text[: -MAX_MATCH_LEN - 1 : -1]
        found: list[Occurrence] = []
        if len(backwards) >= _GRAM_LEN:
            gram = 0
            for token_id in text[-_GRAM_LEN:]:
                gram = (gram << _TOKEN_BITS | token_id) & _GRAM_MASK
            found = self._compare(self._last_end_of_gram.get(gram, 0), self._end_before_by_gram, backwards, _GRAM_LEN)
        return found or self._compare(
            self._last_end_of_token.get(backwards[0], 0), self._end_before_by_token, backwards, 1
        )

    def _compare(self, end: int, end_before: array[int], backwards: Sequence[int], at_least: int) -> list[Occurrence]:
        """Follow a chain from end and return those of its places where enough tokens match."""
        token_ids = self.token_ids
        found: list[Occurrence] = []
        num_seen = num_longest = 0
        while end and num_seen < MAX_OCCURRENCES and num_longest < ENOUGH_OCCURRENCES:
            if end < len(token_ids):
                num_seen += 1
                match_len = 0
                for token_id in backwards:
                    if match_len == end or token_ids[end - match_len - 1] != token_id:
                        break
                    match_len += 1
                if match_len >= at_least:
                    found.append(Occurrence(match_len, end))
                    num_longest += match_len == MAX_MATCH_LEN
            end = end_before[end - 1]
        return found


_GRAM_LEN = 3
_TOKEN_BITS = 21
"""Ids of more bits may share a gram; their tokens are compared all the same."""
_GRAM_MASK = (1 << _GRAM_LEN * _TOKEN_BITS) - 1
