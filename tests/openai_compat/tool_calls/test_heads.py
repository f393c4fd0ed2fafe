"""A pattern knows of every beginning of a match that it is one, and of everything else that it is not."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.heads import NAME, SPACE, HeadPattern, first_head
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import NoCallError

PATTERN = HeadPattern(SPACE, "[a]", NAME, "(", SPACE, "{")


@pytest.mark.parametrize("text", [" [a]name( {", "[a]n({", "\n[a]x.y-z({"])
def test_every_beginning_is_unfinished_and_the_whole_matches(text: str) -> None:
    for end in range(len(text)):
        assert PATTERN.match(text[:end]) is None
    found = PATTERN.match(text + "more")
    assert found is not None and found.end() == len(text)


@pytest.mark.parametrize("text", ["x", "[b", "[a]name[", "[a] name", "[a]name( x", "[[a]"])
def test_what_cannot_match_any_more_is_no_call(text: str) -> None:
    with pytest.raises(NoCallError):
        PATTERN.match(text)


def test_the_first_pattern_that_matches_decides_and_all_may_fail() -> None:
    patterns = (HeadPattern("f:", NAME, "{"), HeadPattern(NAME, ":", "{"))
    assert first_head(patterns, "f") is None
    assert first_head(patterns, "f:") is None
    assert first_head(patterns, "f:{") == CallHead("f", 2)
    assert first_head(patterns, "f:g{") == CallHead("g", 3)
    with pytest.raises(NoCallError):
        first_head(patterns, "f-g!")
    with pytest.raises(NoCallError):
        first_head(patterns, ":{")
