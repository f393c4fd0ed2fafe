"""The parser must give one answer however the text was cut, and lose nothing that is no call."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.hermes import HermesParser
from openai_compat.tool_calls.parser import ParsedToolCall, Piece

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Graz"}}\n</tool_call>'
WEATHER = ParsedToolCall("weather", '{"city": "Graz"}')

CASES: dict[str, tuple[str, list[Piece]]] = {
    "no call": ("Just text, 3 < 4 <tool> </tool_call>.", ["Just text, 3 < 4 <tool> </tool_call>."]),
    "white space at the end is content": ("Hello  \n", ["Hello  \n"]),
    "a call alone": (CALL, [WEATHER]),
    "content, then a call": ("One moment.\n\n" + CALL, ["One moment.", WEATHER]),
    "two calls": (CALL + "\n" + CALL, [WEATHER, WEATHER]),
    "content behind a call": (CALL + "\nDone.", [WEATHER, "Done."]),
    "closing tag missing": ('<tool_call>{"name": "f", "arguments": {}}', [ParsedToolCall("f", "{}")]),
    "closing tag missing between calls": (
        '<tool_call>{"name": "f", "arguments": {}}\n<tool_call>{"name": "g", "arguments": {}}</tool_call>',
        [ParsedToolCall("f", "{}"), ParsedToolCall("g", "{}")],
    ),
    "no arguments": ('<tool_call>{"name": "now"}</tool_call>', [ParsedToolCall("now", "{}")]),
    "arguments as a string": (
        '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>',
        [ParsedToolCall("f", '{"a": 1}')],
    ),
    "arguments keep the model's spelling": (
        '<tool_call>{"name": "f", "arguments": {"x": 1.0,  "é": "ü\\u00fc"}}</tool_call>',
        [ParsedToolCall("f", '{"x": 1.0,  "é": "ü\\u00fc"}')],
    ),
    "tags and braces inside strings": (
        '<tool_call>{"name": "f", "arguments": {"html": "</tool_call>}{\\"<tool_call>"}}</tool_call>',
        [ParsedToolCall("f", '{"html": "</tool_call>}{\\"<tool_call>"}')],
    ),
    "not JSON": ("So: <tool_call>hello</tool_call>", ["So: <tool_call>hello</tool_call>"]),
    "broken object": ('<tool_call>{"name": }</tool_call> x', ['<tool_call>{"name": }</tool_call> x']),
    "no name": ('<tool_call>{"arguments": {}}</tool_call>', ['<tool_call>{"arguments": {}}</tool_call>']),
    "arguments are no object": (
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        ['<tool_call>{"name": "f", "arguments": [1]}</tool_call>'],
    ),
    "cut off inside the object": ('Wait <tool_call>{"name": "f", "argu', ['Wait <tool_call>{"name": "f", "argu']),
    "cut off inside the opening tag": ("Wait <tool_c", ["Wait <tool_c"]),
    "cut off inside the closing tag": ('<tool_call>{"name": "f"}</tool_c', [ParsedToolCall("f", "{}")]),
    "a call behind a broken one": ("<tool_call>oops " + CALL, ["<tool_call>oops", WEATHER]),
    "an opening tag that only begins": ("a <tool_<tool_call>b", ["a <tool_<tool_call>b"]),
    "empty": ("", []),
}


def parse(*parts: str) -> list[Piece]:
    parser = HermesParser()
    pieces = [piece for part in parts for piece in parser.feed(part)] + parser.finish()
    joined: list[Piece] = []
    for piece in pieces:
        assert piece != "", "an empty piece is no piece"
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


@pytest.mark.parametrize("case", CASES)
def test_text_is_split_into_content_and_calls(case: str) -> None:
    text, expected = CASES[case]
    assert parse(text) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_result_does_not_depend_on_where_the_text_was_cut(case: str) -> None:
    text, expected = CASES[case]
    assert parse(*text) == expected, "one character at a time"
    for first in range(len(text) + 1):
        assert parse(text[:first], text[first:]) == expected
        for second in range(first, len(text) + 1, 3):
            assert parse(text[:first], text[first:second], text[second:]) == expected


def test_content_is_not_held_back_without_need() -> None:
    parser = HermesParser()
    assert parser.feed("Hello, ") == ["Hello,"]
    assert parser.feed("world") == [" world"]
    assert parser.feed(" <") == []
    assert parser.feed("b>") == [" <b>"]


def test_a_call_is_reported_before_its_closing_tag() -> None:
    parser = HermesParser()
    assert parser.feed('<tool_call>{"name": "f"}') == [ParsedToolCall("f", "{}")]
