"""What all formats with markers have in common, shown by one that has everything."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import MarkedCallParser, NoCallError
from tests.calls import Part, check_every_cut


class LetterParser(MarkedCallParser):
    """A call is a letter and an object: A{...}."""

    markers = ("[call]", "@")
    closers = ("[end]", "!")
    separators = ("; ",)
    begins_answers = True

    def find_head(self, text: str) -> CallHead | None:
        if not text:
            return None
        if not text[0].isupper():
            raise NoCallError
        if len(text) > 1 and text[1] != "{":
            raise NoCallError
        return CallHead(text[0], 1) if len(text) > 1 else None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A{}", [("A", "{}")]),
        ("a{}", ["a{}"]),
        (" A{}", [" A{}"]),
        ("x @A{} y", ["x", ("A", "{}"), "y"]),
        ("x [call]B{1}[end]", ["x", ("B", "{1}")]),
        ("A{}! [end]  !\n", [("A", "{}")]),
        ("A{}; B{2}; C{3}! so", [("A", "{}"), ("B", "{2}"), ("C", "{3}"), "so"]),
        ("A{}; not", [("A", "{}"), "; not"]),
        ("A{};", [("A", "{}")]),
        ("A{} \n  text", [("A", "{}"), "text"]),
        ("@ @@A{}", ["@ @", ("A", "{}")]),
        ("x [call]? [cal", ["x [call]? [cal"]),
        ("x [call]", ["x [call]"]),
        ("", []),
    ],
)
def test_a_text_means_the_same_wherever_it_was_cut(text: str, expected: list[Part]) -> None:
    check_every_cut(LetterParser, text, expected)
