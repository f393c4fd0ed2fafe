"""The input of a custom tool is what its JSON string says, wherever that was cut."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.custom_input import CustomInput


def read(*texts: str) -> str:
    custom = CustomInput()
    return "".join([custom.feed(text) for text in texts] + [custom.finish()])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ('{"input": "x = 1"}', "x = 1"),
        ('{"input": ""}', ""),
        (' {"input":"a\\n\\"b\\"\\\\"} ', 'a\n"b"\\'),
        ('{"input": "\\u00fc\\ud83d\\ude00\u00e9"}', "\u00fc\U0001f600\u00e9"),
        ('{"input": "a\\udc00b"}', "a\ufffdb"),
        ('{"input": "cut off', "cut off"),
        ('{"input": "cut \\u00', "cut \\u00"),
        ('{"other": 1}', '{"other": 1}'),
        ("{", "{"),
    ],
)
def test_the_input_is_decoded_wherever_it_was_cut(arguments: str, expected: str) -> None:
    assert read(arguments) == expected
    assert read(*arguments) == expected
    for cut in range(len(arguments)):
        assert read(arguments[:cut], arguments[cut:]) == expected


def test_the_input_comes_as_it_is_written() -> None:
    custom = CustomInput()
    assert [custom.feed(text) for text in ('{"inp', 'ut": "a', "b\\", 'n"}')] == ["", "a", "b", "\n"]
