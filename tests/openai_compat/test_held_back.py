"""What waits is the beginning of a marker with the white space in front of it, and nothing more."""

from __future__ import annotations

import pytest

from openai_compat.held_back import held_back


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("a", 0), ("a<", 1), ("a <ta", 4), ("a <tab", 0), ("a \n", 2), ("<tag", 4), ("<<", 1)]
)
def test_the_beginning_of_a_marker_waits(text: str, count: int) -> None:
    assert held_back(text, "<tag>") == count
