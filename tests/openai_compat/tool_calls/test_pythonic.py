"""Python's calls become JSON, and what is no list of calls stays content."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.errors import UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.pythonic import PYTHONIC, PythonicParser
from tests.calls import check_every_cut


@pytest.mark.parametrize(
    "text", ["[f(a=1, b='x,]\\'')]", ' [f(a=1, b="x,]\'")]\n', "<|python_start|>[f(a=1, b='x,]\\'')]"]
)
def test_pythonic_arguments_become_json(text: str) -> None:
    check_every_cut(PythonicParser, text, [("f", '{"a": 1, "b": "x,]\'"}')])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[f()]", "{}"),
        ("[f(a=[1, {'b': None}], c=-1.5)]", '{"a": [1, {"b": null}], "c": -1.5}'),
        ("[f(a=true, b=[null, False])]", '{"a": true, "b": [null, false]}'),
    ],
)
def test_python_literals_have_their_json(text: str, arguments: str) -> None:
    check_every_cut(PythonicParser, text, [("f", arguments)])


@pytest.mark.parametrize(
    "text", ["[1] says so", "[f(x)]", "[f(a=g())]", "[f(**a)]", "f(a=1)", "[f(a=1", "[f(a='\\ud800')]", "[see](link)"]
)
def test_what_is_no_list_of_calls_is_content(text: str) -> None:
    check_every_cut(PythonicParser, text, [text])


def test_several_pythonic_calls_and_what_follows() -> None:
    text = "<|tool_call_start|>[f(a=1), g()]<|tool_call_end|> so"
    check_every_cut(PythonicParser, text, [("f", '{"a": 1}'), ("g", "{}"), "so"])


def test_pythonic_calls_cannot_be_enforced() -> None:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tool_choice": "required"}
    body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    assert use is not None
    with pytest.raises(UnsupportedParameter, match="pythonic") as caught:
        answer_grammar(use, PYTHONIC, PLAIN_MARKS)
    assert caught.value.param == "tools"
