"""The matcher against a definition that looks at the whole text, for every way to cut it into pushes."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix.text.stop_strings import StopStringMatcher

TEXTS = st.text("ab\N{SNOWMAN}", max_size=24)
STOPS = st.lists(st.text("ab\N{SNOWMAN}", min_size=1, max_size=5), max_size=4)
CUTS = st.lists(st.integers(0, 24), max_size=8)


def run(matcher: StopStringMatcher, pushes: list[str]) -> tuple[str, str | None]:
    printed = ""
    for push in pushes:
        printable, matched = matcher.feed(push)
        printed += printable
        if matched is not None:
            assert matcher.feed("more") == ("", matched)
            assert matcher.finish() == ""
            return printed, matched
    return printed + matcher.finish(), None


def expected(text: str, stop: list[str], *, include: bool) -> tuple[str, str | None]:
    for end in range(1, len(text) + 1):
        complete = [candidate for candidate in stop if text[:end].endswith(candidate)]
        if complete:
            longest = max(complete, key=len)
            return text[: end if include else end - len(longest)], longest
    return text, None


@given(text=TEXTS, stop=STOPS, cuts=CUTS, include=st.booleans())
def test_every_split_gives_the_answer_of_the_definition(
    text: str, stop: list[str], cuts: list[int], include: bool
) -> None:
    bounds = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pushes = [text[start:end] for start, end in pairwise(bounds)]
    answer = expected(text, stop, include=include)
    assert run(StopStringMatcher(stop, include), [text]) == answer
    assert run(StopStringMatcher(stop, include), list(text)) == answer
    assert run(StopStringMatcher(stop, include), pushes) == answer


@given(text=TEXTS, stop=STOPS)
def test_only_what_may_become_a_stop_string_is_held_back(text: str, stop: list[str]) -> None:
    matcher = StopStringMatcher(stop)
    printed = ""
    for position, character in enumerate(text, start=1):
        printable, matched = matcher.feed(character)
        if matched is not None:
            return
        printed += printable
        held = text[len(printed) : position]
        assert any(candidate.startswith(held) for candidate in stop) if held else True
        suffixes = [text[start:position] for start in range(len(printed))]
        assert not any(c.startswith(suffix) for c in stop for suffix in suffixes), "printed what should be held back"


@pytest.mark.parametrize(
    ("stop", "pushes", "answer"),
    [
        ((), ["a", "b"], ("ab", None)),
        (("END",), ["one E", "N", "D two"], ("one ", "END")),
        (("END",), ["one E", "N", "E"], ("one ENE", None)),
        (("aab",), ["a", "a", "a", "b"], ("a", "aab")),  # the held back text shrinks by one
        (("abcd", "bc"), ["abcd"], ("a", "bc")),  # complete first, though abcd began earlier
        (("bc", "abc"), ["xabc"], ("x", "abc")),  # both complete at once: the longest
        (("\n\n",), ["line\n", "\nnext"], ("line", "\n\n")),
        (("\N{GRINNING FACE}",), ["a\N{GRINNING FACE}b"], ("a", "\N{GRINNING FACE}")),
    ],
)
def test_examples(stop: tuple[str, ...], pushes: list[str], answer: tuple[str, str | None]) -> None:
    assert run(StopStringMatcher(stop), pushes) == answer


def test_stop_string_stays_in_the_output_when_asked() -> None:
    assert StopStringMatcher(("END",), include_in_output=True).feed("one END two") == ("one END", "END")


def test_time_is_linear_in_the_text_and_in_a_long_stop_string() -> None:
    """A matcher that searches its buffer again for every push needs hours for this."""
    start = time.perf_counter()
    matcher = StopStringMatcher(("a" * 50_000 + "b",))
    printed = sum(len(matcher.feed("a")[0]) for _ in range(200_000))
    assert printed == 150_000
    assert len(matcher.finish()) == 50_000
    assert time.perf_counter() - start < 20
