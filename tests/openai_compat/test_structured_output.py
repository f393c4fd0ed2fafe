"""Fields that ask for a form become one grammar, or are refused by name."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from helix import Grammar, InvalidRequestError
from openai_compat.answer_format import AnswerFormat
from openai_compat.closed_schema import closed_schema
from openai_compat.errors import ApiError, UnsupportedParameter
from openai_compat.reasoning import THINK
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.structured_output import grammar_fields, grammar_of
from openai_compat.tool_calls.llama_json import LLAMA_JSON

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "f"}}


def chat(**fields: Any) -> ChatCompletionRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    return msgspec.convert(body, ChatCompletionRequest)


def complete(**fields: Any) -> CompletionRequest:
    return msgspec.convert({"model": "m", "prompt": "hi"} | fields, CompletionRequest)


def schema_format(**fields: Any) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA} | fields}


@pytest.mark.parametrize("strict", [{}, {"strict": True}, {"strict": False}, {"strict": None}, {"description": "d"}])
def test_a_schema_holds_strict_or_not(strict: dict[str, Any]) -> None:
    """And what it does not mention is left out, as clients expect that leave additionalProperties out."""
    expected = Grammar.json_schema(closed_schema(SCHEMA))
    assert grammar_of(chat(response_format=schema_format(**strict))) == expected
    assert json.loads(expected.text)["additionalProperties"] is False


@pytest.mark.parametrize(
    ("fields", "grammar"),
    [
        ({}, None),
        ({"guided_json": SCHEMA}, Grammar.json_schema(SCHEMA)),
        ({"guided_json": msgspec.json.encode(SCHEMA).decode()}, Grammar.json_schema(SCHEMA)),
        ({"guided_regex": "a|b"}, Grammar.regex("a|b")),
        ({"guided_choice": ["yes", "no."]}, Grammar.choice(["yes", "no."])),
        ({"guided_grammar": 'start: "a"'}, Grammar.lark('start: "a"')),
        ({"structured_outputs": {"json": SCHEMA}}, Grammar.json_schema(SCHEMA)),
        ({"structured_outputs": {"json": "{}", "disable_any_whitespace": True}}, Grammar.json_schema({})),
        ({"structured_outputs": {"regex": "a|b"}}, Grammar.regex("a|b")),
        ({"structured_outputs": {"choice": ["yes"]}}, Grammar.choice(["yes"])),
        ({"structured_outputs": {"grammar": 'start: "a"'}}, Grammar.lark('start: "a"')),
        ({"structured_outputs": {"json_object": True}}, Grammar.json_object()),
        ({"structured_outputs": {"json_object": False}}, None),
    ],
)
def test_vllms_fields_mean_what_they_mean_there(fields: dict[str, Any], grammar: Grammar | None) -> None:
    assert grammar_of(chat(**fields)) == grammar_of(complete(**fields)) == grammar
    named = [field.split(".")[0] for field in grammar_fields(chat(**fields))]
    assert named == (list(fields) if grammar else [])


def test_json_objects_and_text() -> None:
    assert grammar_of(chat(response_format={"type": "json_object"})) == Grammar.json_object()
    assert grammar_of(chat(response_format={"type": "text"})) is None
    assert grammar_of(chat(response_format={"type": "json_object"}, tools=[TOOL], tool_choice="none")) is not None


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}},
            "response_format.json_schema.schema",
        ),
        ({"response_format": {"type": "json_object"}, "guided_regex": "a"}, "guided_regex"),
        ({"guided_json": {}, "guided_choice": ["a"]}, "guided_choice"),
        ({"guided_regex": "a", "tools": [TOOL]}, "guided_regex"),
        ({"structured_outputs": {"regex": "a", "json": {}}}, "structured_outputs.regex"),
        ({"structured_outputs": {"choice": ["a"]}, "guided_regex": "a"}, "structured_outputs.choice"),
        ({"guided_json": "{"}, "grammar"),
        ({"guided_json": "[1]"}, "grammar"),
        ({"guided_choice": []}, "grammar"),
        ({"guided_regex": "a" * 100_000}, "grammar"),
    ],
)
def test_what_makes_no_sense_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises((ApiError, InvalidRequestError)) as caught:
        grammar_of(chat(**fields))
    assert isinstance(caught.value, ApiError | InvalidRequestError)
    assert caught.value.param == param


def test_a_form_beside_tools_is_refused_where_a_call_looks_like_it() -> None:
    llama = AnswerFormat(tools=LLAMA_JSON)
    with pytest.raises(UnsupportedParameter) as caught:
        grammar_of(chat(response_format=schema_format(), tools=[TOOL]), llama)
    assert caught.value.param == "response_format"
    assert grammar_of(chat(response_format=schema_format(), tools=[TOOL], tool_choice="required"), llama) is not None


def test_a_form_stands_behind_reasoning() -> None:
    thinking = AnswerFormat(reasoning=THINK)
    grammar = grammar_of(chat(response_format=schema_format()), thinking)
    assert grammar is not None and grammar.kind == "lark" and "</think>" in grammar.text
    assert grammar_of(chat(), thinking) is None
    assert grammar_of(complete(guided_json=SCHEMA), thinking) == Grammar.json_schema(SCHEMA)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "\u00e9"])
def test_a_schema_has_a_name_as_openai_has_them(name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"json_schema\.name"):
        chat(response_format=schema_format(name=name))
