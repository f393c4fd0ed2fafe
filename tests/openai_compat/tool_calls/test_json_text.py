"""Where a growing object ends, and what is known of the call it describes."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.json_text import CallHead, ObjectScan, open_call, whole_call


@pytest.mark.parametrize("text", ['{"a": [1, {"b": "}]"}], "c": "\\\\\\"}"}', "{}", '  {"\\\\": 1}'])
def test_an_object_ends_where_its_braces_do(text: str) -> None:
    assert ObjectScan().feed(text + '}{"') == len(text)
    scan = ObjectScan()
    assert [scan.feed(text[:end]) for end in range(1, len(text) + 1)] == [None] * (len(text) - 1) + [len(text)]
    assert not scan.is_broken


def test_what_was_read_may_be_forgotten() -> None:
    text, scan = '{"a": "b}c"} and more', ObjectScan()
    assert scan.feed(text[:5]) is None
    scan.forget(5)
    assert scan.feed(text[5:]) == len('{"a": "b}c"}') - 5


def test_what_is_no_object_is_broken() -> None:
    scan = ObjectScan()
    assert scan.feed(" [1]") is None and scan.is_broken


def test_a_call_is_known_once_its_arguments_open() -> None:
    text = ' {"name": "a\\u00fc", "arguments": {'
    assert open_call(text) == CallHead("aü", len(text) - 1)
    assert open_call(text[:-1]) is None
    assert open_call(text.replace("{", "[")) is None


@pytest.mark.parametrize(
    ("text", "head"),
    [
        ('{"name": "f"}', CallHead("f", 13, "{}")),
        ('{"arguments": {"a": 1}, "name": "f"}', CallHead("f", 36, '{"a": 1}')),
        ('{"parameters": "{}", "name": "f"}', CallHead("f", 33, "{}")),
        ('{"name": 1}', None),
        ('{"arguments": {}}', None),
        ('{"name": "f", "arguments": [1]}', None),
        ('{"name": "f", "arguments": "x"}', None),
    ],
)
def test_a_whole_object_is_a_call_if_it_has_a_name_and_an_object(text: str, head: CallHead | None) -> None:
    assert whole_call(text + " x", len(text)) == head
