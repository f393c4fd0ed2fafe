"""Python's calls become JSON, and what is no list of calls stays content."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.pythonic import PYTHONIC, PYTHONIC_LLAMA, PythonicFormat, PythonicParser
from tests.calls import check_every_cut, parse
from tests.grammars import matches


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


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        (
            '[f(a="\\/", b=1e999, c=["\\ud83d\\ude00", True])]',
            '{"a": "\\/", "b": 1e999, "c": ["\\ud83d\\ude00", true]}',
        ),
        ("[f(a=" + "1" * 5000 + ")]", '{"a": ' + "1" * 5000 + "}"),
        ('[f(max-size="True", b={"None": None},)]', '{"max-size": "True", "b": {"None": null}}'),
    ],
)
def test_values_that_are_json_but_for_a_word_keep_their_characters(text: str, arguments: str) -> None:
    assert parse(PythonicParser, text) == [("f", arguments)]


@pytest.mark.parametrize(
    ("tool_format", "text"),
    [(PYTHONIC, "[f(a=1)]"), (PYTHONIC_LLAMA, "<|python_start|>[f(a=1)]<|python_end|>")],
)
def test_a_required_call_is_written_between_the_models_own_tags(tool_format: PythonicFormat, text: str) -> None:
    body: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tool_choice": "required"}
    body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    body["tools"][0]["function"]["parameters"] = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    assert use is not None
    grammar = answer_grammar(use, tool_format, PLAIN_MARKS)
    assert matches(grammar, text)
    for wrong in ("hi", text[:-1], text.replace("1", "true"), text.replace("a=1", "")):
        assert not matches(grammar, wrong)
