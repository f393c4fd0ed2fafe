"""Mistral's models wrote calls in four ways, and all of them are read."""

from __future__ import annotations

import pytest

from openai_compat.tool_calls.mistral import MistralParser
from tests.calls import check_every_cut


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS]f[CALL_ID]abc123XYZ[ARGS]{"a": 1}',
        '[TOOL_CALLS] f[ARGS] {"a": 1}',
        '[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "abc123XYZ"}]',
        '[TOOL_CALLS]{"name": "f", "arguments": {"a": 1}}',
    ],
)
def test_mistrals_forms_are_all_read(text: str) -> None:
    check_every_cut(MistralParser, "Well. " + text, ["Well.", ("f", '{"a": 1}')])


@pytest.mark.parametrize(
    "text", ["[TOOL_CALLS]", "[TOOL_CALLS] [", "[TOOL_CALLS]f(x)", "[TOOL_CALLS]f[ARGS]", "[ARGS]{}"]
)
def test_what_is_no_call_is_content(text: str) -> None:
    check_every_cut(MistralParser, text, [text])
