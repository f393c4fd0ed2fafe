"""Every place that ends as the text does is found, and the longest match is the longest there is."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from helix.spec_decode.suffix_index import (
    ENOUGH_OCCURRENCES,
    MAX_MATCH_LEN,
    MAX_OCCURRENCES,
    Occurrence,
    SuffixIndex,
)

TEXTS = st.integers(2, 4).flatmap(lambda size: st.lists(st.integers(0, size - 1), max_size=MAX_OCCURRENCES))


def _index(token_ids: Sequence[int]) -> SuffixIndex:
    index = SuffixIndex()
    index.extend(token_ids)
    return index


def _match_len(sequence: Sequence[int], end: int, text: Sequence[int]) -> int:
    """Count the last tokens of text that stand before end."""
    longest = min(end, len(text), MAX_MATCH_LEN)
    return max(n for n in range(longest + 1) if list(sequence[end - n : end]) == list(text[len(text) - n :]))


@given(TEXTS, TEXTS)
def test_the_longest_match_in_another_text_is_found(sequence: list[int], text: list[int]) -> None:
    """Fails when a gram hides a longer match, or a chain skips a place."""
    longest = max((_match_len(sequence, end, text) for end in range(1, len(sequence))), default=0)
    assert max((found.match_len for found in _index(sequence).occurrences(text)), default=0) == longest


@given(TEXTS)
def test_a_text_finds_itself_earlier_and_not_at_its_own_end(text: list[int]) -> None:
    longest = max((_match_len(text, end, text) for end in range(1, len(text))), default=0)
    found = _index(text).occurrences(text)
    assert max((place.match_len for place in found), default=0) == longest
    assert all(place.end < len(text) for place in found)


@given(TEXTS, TEXTS)
def test_every_place_ends_as_it_says_and_the_most_recent_comes_first(sequence: list[int], text: list[int]) -> None:
    found = _index(sequence).occurrences(text)
    assert [place.match_len for place in found] == [_match_len(sequence, place.end, text) for place in found]
    ends = [place.end for place in found]
    assert ends == sorted(set(ends), reverse=True)


@given(TEXTS, st.data())
def test_an_index_that_grows_answers_as_one_built_at_once(text: list[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    growing = _index(text[:cut])
    growing.extend(text[cut:])
    assert growing.occurrences(text) == _index(text).occurrences(text)


def test_long_matches_hide_the_places_of_short_ones() -> None:
    sequence = [1, 2, 3, 4, 8, 3, 9]
    assert _index(sequence).occurrences([0, 1, 2, 3]) == [Occurrence(3, 3)]
    assert _index(sequence).occurrences([0, 0, 2, 3]) == [Occurrence(1, 6), Occurrence(2, 3)]


def test_nothing_matches_an_empty_text_an_unknown_token_or_a_negative_id() -> None:
    index = _index([-1, 5, 6, -1, 5])
    assert index.occurrences([]) == []
    assert index.occurrences([7]) == []
    assert index.occurrences([4, 4, 5]) == [Occurrence(1, 2)]


def test_ids_of_any_size_are_told_apart() -> None:
    """A gram holds the lower bits alone."""
    large = [2**40 + 1, 2**40 + 2, 2**40 + 3]
    index = _index([1, 2, 3, 4, *large, 5])
    assert index.occurrences(large) == [Occurrence(3, 7)]
    assert index.occurrences([1, 2, 3]) == [Occurrence(3, 3)]


def test_repetitive_text_stays_cheap() -> None:
    """Else a lookup would compare thousands of places, one token less each."""
    assert len(_index([7] * 5000).occurrences([7] * 5000)) == ENOUGH_OCCURRENCES
    assert len(_index([7, 8] * 5000).occurrences([9, 7])) == MAX_OCCURRENCES
