"""Arguments between tags become JSON of the types their schema says, wherever the text was cut."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.errors import UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import ToolUse, tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.parser import CallArguments, CallStart
from openai_compat.tool_calls.qwen_xml import QWEN_XML, QwenXmlParser
from tests.calls import Part, check_every_cut
from tests.grammars import END, TextTokenizer, allowed, begin, matches

PROPERTIES: dict[str, Any] = {
    "code": {"type": "string"},
    "n": {"type": "integer"},
    "flag": {"type": "boolean"},
    "either": {"type": ["string", "null"]},
    "list": {"type": "array", "items": {"$ref": "#/$defs/small"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": PROPERTIES,
    "required": ["code"],
    "$defs": {"small": {"enum": [1, 2]}},
    "additionalProperties": False,
}


def use_of(schema: dict[str, Any] = SCHEMA, **fields: Any) -> ToolUse:
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]} | fields
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    assert use is not None
    return use


def new_parser() -> QwenXmlParser:
    return QwenXmlParser(use_of().tools)


def call(*parameters: tuple[str, str]) -> str:
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in parameters)
    return f"<tool_call>\n<function=f>\n{inner}</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("parameters", "arguments"),
    [
        ([], "{}"),
        ([("code", "a\n\n  b")], '{"code": "a\\n\\n  b"}'),
        ([("code", 'if "a" < b:\n\t</para>\n')], '{"code": "if \\"a\\" < b:\\n\\t</para>\\n"}'),
        ([("code", ""), ("n", "3")], '{"code": "", "n": 3}'),
        ([("n", "3"), ("code", "3")], '{"n": 3, "code": "3"}'),
        ([("flag", "True"), ("either", "null")], '{"flag": true, "either": null}'),
        ([("either", "12"), ("list", "[1, 2]")], '{"either": "12", "list": [1, 2]}'),
        ([("n", "many"), ("unknown", "Graz")], '{"n": "many", "unknown": "Graz"}'),
    ],
)
def test_arguments_have_the_types_of_the_schema(parameters: list[tuple[str, str]], arguments: str) -> None:
    check_every_cut(new_parser, "So:\n" + call(*parameters) + "\nDone", ["So:", ("f", arguments), "Done"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<tool_call>\n<function=f>\n<parameter=code>\nab", [("f", '{"code": "ab')]),
        ("<tool_call>\n<function=f>\n<parameter=n>\n12", [("f", '{"n": 12')]),
        ("<tool_call>\n<function=f>\n<parameter=co", [("f", "{")]),
        ("<tool_call>\n<function=f>\n</func", [("f", "{")]),
        ("<tool_call>\n<function=f>\n oops", [("f", "{}"), "oops"]),
        ("<tool_call>\n<function=>", ["<tool_call>\n<function=>"]),
        ('<tool_call>\n{"name": "f"}', ['<tool_call>\n{"name": "f"}']),
    ],
)
def test_what_is_cut_off_or_broken_is_not_lost(text: str, expected: list[Part]) -> None:
    check_every_cut(new_parser, text, expected)


def test_a_string_comes_as_it_is_written() -> None:
    parser = new_parser()
    assert parser.feed("<tool_call><function=f><parameter=code>\n") == [
        CallStart("f"),
        CallArguments("{"),
        CallArguments('"code": "'),
    ]
    assert parser.feed('x = "') == [CallArguments('x = \\"')]
    assert parser.feed("\n</") == []
    assert parser.feed("y") == [CallArguments("\\n</y")]


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (call(("code", 'x = "1"')), True),
        (call(("code", ""), ("n", "-3"), ("either", '"a"'), ("list", "[1, 2]")), True),
        (call(("n", "3")), False),
        (call(("code", "x"), ("n", "x")), False),
        (call(("code", "x"), ("list", "[3]")), False),
        (call(("n", "3"), ("code", "x")), False),
        (call(("code", "x"), ("other", "x")), False),
    ],
)
def test_a_required_call_satisfies_its_schema(text: str, is_one: bool) -> None:
    state = begin(answer_grammar(use_of(tool_choice="required"), QWEN_XML, PLAIN_MARKS))
    accepted = all(state.accept(token_id) for token_id in TextTokenizer().encode(text))
    assert (accepted and END in allowed(state)) == is_one


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"enum": ["a b", "", "x\ny"]}, ["a b", "", "x\ny"], ["a", "x"]),
        ({"type": "string", "const": "a/b"}, ["a/b"], ["", "a/b "]),
        ({"type": "string", "pattern": "^[a-c]{2}$"}, ["ab"], ["abc", "a", "xab"]),
        ({"type": "string", "pattern": "b"}, ["b", "abc", "\nb\n"], ["", "ac"]),
        ({"type": "string", "pattern": "^a/[^^$|]"}, ["a/b", "a/x more"], ["a/", " a/b", "a/|"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "\n\nc", "\u00e9\u00e9\u00e9"], ["a", "abcd"]),
        ({"type": "string", "minLength": 1}, ["a", "ab</para"], [""]),
        ({"type": "string", "enum": ["ab", "ba", "a"], "pattern": "^a", "minLength": 2}, ["ab"], ["ba", "a"]),
        ({"type": "string"}, ["", "x</para>"], ["a</parameter>b"]),
    ],
)
def test_what_a_schema_says_of_a_string_holds_between_tags(
    schema: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    whole = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    grammar = answer_grammar(use_of(whole, tool_choice="required"), QWEN_XML, PLAIN_MARKS)
    for text in [*right, *wrong]:
        assert matches(grammar, call(("a", text))) == (text in right), text


@pytest.mark.parametrize(
    ("syntax", "definition"),
    [("lark", 'start: "(" start ")" | /[ab]+/'), ("regex", r"[(ab)]+"), ("lark", "start: /.*/")],
)
def test_the_input_of_a_custom_tool_stands_between_tags_as_it_is(syntax: str, definition: str) -> None:
    grammar = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    tool = {"type": "custom", "custom": {"name": "f", "format": grammar}}
    required = answer_grammar(use_of(tools=[tool], tool_choice="required"), QWEN_XML, PLAIN_MARKS)
    assert matches(required, call(("input", "((ab))")))
    for wrong in ("((ab))\n", "a</parameter>", "\n"):
        assert not matches(required, call(("input", wrong)))


def test_a_call_of_a_loose_tool_has_any_parameters() -> None:
    state = begin(answer_grammar(use_of(parallel_tool_calls=False), QWEN_XML, PLAIN_MARKS))
    assert all(state.accept(token_id) for token_id in TextTokenizer().encode("Hi " + call(("x", "y"), ("z", ""))))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string", "format": "date"}}},
        {"type": "object", "properties": {"a": {"type": "string", "maxLength": -1}}},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "^a|b$"}}},
        {"type": "object", "properties": {"a": {"type": "string", "pattern": "a(^b)"}}},
        {"type": "object", "properties": {"a": {}}, "anyOf": [{"required": ["a"]}]},
        {"type": "object", "properties": {}, "required": ["a"]},
        {"type": "object", "properties": []},
    ],
)
def test_what_tags_cannot_be_held_to_is_named(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        answer_grammar(use_of(schema, tool_choice="required"), QWEN_XML, PLAIN_MARKS)
    assert caught.value.param == "tools[0].function.parameters"
