"""The parser must give one answer however the text was cut, and lose nothing that is no call."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.hermes import HermesParser
from openai_compat.tool_calls.parser import CallArguments, CallStart
from tests.calls import Part, check_every_cut

CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Graz"}}\n</tool_call>'
WEATHER = ("weather", '{"city": "Graz"}')

CASES: dict[str, tuple[str, list[Part]]] = {
    "no call": ("Just text, 3 < 4 <tool> </tool_call>.", ["Just text, 3 < 4 <tool> </tool_call>."]),
    "white space at the end is content": ("Hello  \n", ["Hello  \n"]),
    "a call alone": (CALL, [WEATHER]),
    "content, then a call": ("One moment.\n\n" + CALL, ["One moment.", WEATHER]),
    "two calls": (CALL + "\n" + CALL, [WEATHER, WEATHER]),
    "content behind a call": (CALL + "\nDone.", [WEATHER, "Done."]),
    "closing tag missing": ('<tool_call>{"name": "f", "arguments": {}}', [("f", "{}")]),
    "closing tag missing between calls": (
        '<tool_call>{"name": "f", "arguments": {}}\n<tool_call>{"name": "g", "arguments": {}}</tool_call>',
        [("f", "{}"), ("g", "{}")],
    ),
    "no arguments": ('<tool_call>{"name": "now"}</tool_call>', [("now", "{}")]),
    "llama's word for arguments": ('<tool_call>{"name": "f", "parameters": {"a": 1}}</tool_call>', [("f", '{"a": 1}')]),
    "arguments first": ('<tool_call>{"arguments": {"a": 1}, "name": "f"}</tool_call>', [("f", '{"a": 1}')]),
    "more in the object": (
        '<tool_call>{"name": "f", "arguments": {"a": 1}, "id": "}x"}</tool_call>y',
        [("f", '{"a": 1}'), "y"],
    ),
    "arguments as a string": (
        '<tool_call>{"name": "f", "arguments": "{\\"a\\": 1}"}</tool_call>',
        [("f", '{"a": 1}')],
    ),
    "arguments keep the model's spelling": (
        '<tool_call>{"name": "f", "arguments": {"x": 1.0,  "é": "ü\\u00fc"}}</tool_call>',
        [("f", '{"x": 1.0,  "é": "ü\\u00fc"}')],
    ),
    "a name with escapes": ('<tool_call>{"name": "f\\u00fc", "arguments": {}}</tool_call>', [("fü", "{}")]),
    "tags and braces inside strings": (
        '<tool_call>{"name": "f", "arguments": {"html": "</tool_call>}{\\"<tool_call>"}}</tool_call>',
        [("f", '{"html": "</tool_call>}{\\"<tool_call>"}')],
    ),
    "not JSON": ("So: <tool_call>hello</tool_call>", ["So: <tool_call>hello</tool_call>"]),
    "broken object": ('<tool_call>{"name": }</tool_call> x', ['<tool_call>{"name": }</tool_call> x']),
    "no name": ('<tool_call>{"arguments": {}}</tool_call>', ['<tool_call>{"arguments": {}}</tool_call>']),
    "a name that is no string": (
        '<tool_call>{"name": 1, "arguments": {}}',
        ['<tool_call>{"name": 1, "arguments": {}}'],
    ),
    "arguments are no object": (
        '<tool_call>{"name": "f", "arguments": [1]}</tool_call>',
        ['<tool_call>{"name": "f", "arguments": [1]}</tool_call>'],
    ),
    "cut off before the arguments": ('Wait <tool_call>{"name": "f", "argu', ['Wait <tool_call>{"name": "f", "argu']),
    "cut off inside the opening tag": ("Wait <tool_c", ["Wait <tool_c"]),
    "cut off inside the arguments": ('<tool_call>{"name": "f", "arguments": {"a": "b', [("f", '{"a": "b')]),
    "cut off behind the arguments": ('<tool_call>{"name": "f", "arguments": {"a": 1}\n', [("f", '{"a": 1}')]),
    "cut off inside the closing tag": ('<tool_call>{"name": "f"}</tool_c', [("f", "{}")]),
    "arguments that are broken stay the call's": (
        '<tool_call>{"name": "f", "arguments": {"a": oops}}</tool_call>',
        [("f", '{"a": oops}')],
    ),
    "an object that never ends": (
        '<tool_call>{"name": "f", "arguments": {}, "b": x</tool_call>',
        [("f", "{}"), ', "b": x</tool_call>'],
    ),
    "something else behind the arguments": (
        '<tool_call>{"name": "f", "arguments": {}x</tool_call>',
        [("f", "{}"), "x</tool_call>"],
    ),
    "a call behind a broken one": ("<tool_call>oops " + CALL, ["<tool_call>oops", WEATHER]),
    "an opening tag that only begins": ("a <tool_<tool_call>b", ["a <tool_<tool_call>b"]),
    "empty": ("", []),
}


@pytest.mark.parametrize("case", CASES)
def test_text_is_split_into_content_and_calls_wherever_it_was_cut(case: str) -> None:
    check_every_cut(HermesParser, *CASES[case])


def test_content_is_not_held_back_without_need() -> None:
    parser = HermesParser()
    assert parser.feed("Hello, ") == ["Hello,"]
    assert parser.feed("world") == [" world"]
    assert parser.feed(" <") == []
    assert parser.feed("b>") == [" <b>"]


def test_arguments_come_as_they_are_written() -> None:
    parser = HermesParser()
    assert parser.feed('<tool_call>{"name": "f", "arguments": ') == []
    assert parser.feed("{") == [CallStart("f"), CallArguments("{")]
    assert parser.feed('"a": "x') == [CallArguments('"a": "x')]
    assert parser.feed('"}}</tool') == [CallArguments('"}')]
    assert parser.feed("_call>") == []
    assert parser.finish() == []


def test_a_call_without_arguments_is_reported_before_its_closing_tag() -> None:
    parser = HermesParser()
    assert parser.feed('<tool_call>{"name": "f"}') == [CallStart("f"), CallArguments("{}")]
