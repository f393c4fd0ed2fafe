"""Keywords that a grammar allows are read as arguments that their schema allows."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.python_arguments import ParenthesisScan, arguments_json, keywords_expression
from tests.grammars import TextTokenizer, allowed, begin, matches

PROPERTIES: dict[str, Any] = {
    "flag": {"type": "boolean"},
    "name": {"type": "string", "pattern": "^[a-c]{1,3}$"},
    "count": {"type": "integer", "minimum": 0, "maximum": 20},
    "either": {"type": ["null", "boolean"]},
    "kind": {"enum": ["a", None, True, {"x": [False]}]},
    "tree": {"$ref": "#/$defs/tree"},
    "limited": {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": {"type": "null"}},
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": PROPERTIES,
    "required": ["flag", "tree"],
    "additionalProperties": False,
    "$defs": {
        "tree": {
            "type": "object",
            "properties": {
                "leaf": {"const": None},
                "on": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2},
            },
            "required": ["leaf"],
            "additionalProperties": False,
        }
    },
}


def tool(schema: dict[str, Any], given: Grammar | None = None) -> CallableTool:
    return CallableTool(name="f", parameters=schema, is_strict=True, param="tools[0].function.parameters", input=given)


def grammar_of(schema: dict[str, Any], given: Grammar | None = None) -> Grammar:
    return Grammar.lark(f'start: "(" {keywords_expression(tool(schema, given), schema)} ")"')


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ('(flag=True, tree={"leaf": None})', True),
        ('(flag=False, name="ab", count=20, either=None, kind={"x": [False]}, tree={"leaf": None, "on": []})', True),
        ('(flag=True, tree={"leaf": None, "on": [{"leaf": None}, {"leaf": None}]}, limited={"a": null})', True),
        ("(flag=True)", False),
        ('(tree={"leaf": None}, flag=True)', False),
        ('(flag=true, tree={"leaf": None})', False),
        ('(flag=True, name="abcd", tree={"leaf": None})', False),
        ('(flag=True, count=21, tree={"leaf": None})', False),
        ('(flag=True, tree={"on": []})', False),
        ('(flag=True, tree={"leaf": None}, limited={})', False),
        ('(flag=True, tree={"leaf": None, "on": [{"leaf": None}, {"leaf": None}, {"leaf": None}]})', False),
        ('(flag=True, tree={"leaf": None},)', False),
        ('(flag=True, tree={"leaf": None}, other=1)', False),
    ],
)
def test_keywords_are_held_to_the_schema(text: str, is_one: bool) -> None:
    assert matches(grammar_of(SCHEMA), text) == is_one


def is_right(arguments: dict[str, Any]) -> bool:
    def is_tree(tree: Any) -> bool:
        return tree.keys() <= {"leaf", "on"} and tree["leaf"] is None and all(map(is_tree, tree.get("on", [])))

    return (
        list(arguments) == [name for name in PROPERTIES if name in arguments]
        and isinstance(arguments["flag"], bool)
        and arguments.get("count", 0) in range(21)
        and arguments.get("kind", "a") in PROPERTIES["kind"]["enum"]
        and is_tree(arguments["tree"])
    )


@pytest.mark.parametrize("schema", [SCHEMA, {"type": "object"}])
def test_whatever_a_grammar_leaves_is_read_as_what_it_means(schema: dict[str, Any]) -> None:
    rng, texts = random.Random(7), set[str]()
    for _ in range(12):
        state, token_ids = begin(grammar_of(schema)), list[int]()
        while not state.is_complete and len(token_ids) < 300:
            token_ids.append(rng.choice(sorted(allowed(state))))
            assert state.accept(token_ids[-1])
        text = TextTokenizer().decode(token_ids)
        if state.is_complete:
            arguments = arguments_json(text)
            assert arguments is not None, text
            assert schema is not SCHEMA or is_right(json.loads(arguments)), text
            texts.add(text)
    assert len(texts) > 3


@pytest.mark.parametrize(
    ("given", "right", "wrong"),
    [
        (Grammar.lark('start: "say " /".*"/'), '(input="say \\"a\\"")', '(input="say a")'),
        (Grammar.regex("[ab]+"), '(input="ab")', '(input="c")'),
    ],
)
def test_the_input_of_a_custom_tool_is_a_keyword(given: Grammar, right: str, wrong: str) -> None:
    grammar = grammar_of({}, given)
    assert matches(grammar, right) and not matches(grammar, wrong)


NESTED: dict[str, Any] = {}
for _ in range(1500):
    NESTED = {"type": "array", "items": NESTED}


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a b": {}}},
        {"properties": {"a": {}}, "required": ["b"]},
        {"properties": {"a": {}}, "minProperties": 1},
        {"properties": []},
        {"properties": {"a": NESTED}},
    ],
)
def test_what_keywords_cannot_be_held_to_is_named(schema: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        keywords_expression(tool(schema), schema)
    assert caught.value.param == "tools[0].function.parameters"


def test_parentheses_in_strings_close_nothing() -> None:
    call = 'f(\')\', "(\\")", [(1)])'
    assert ParenthesisScan().feed(call + "x", 1) == len(call)
    assert ParenthesisScan().feed("f((1)", 1) is None
    scan = ParenthesisScan()
    assert [scan.feed(call[:end], 1) for end in range(2, len(call) + 1)] == [None] * (len(call) - 2) + [len(call)]


def test_keywords_that_are_none_have_no_json() -> None:
    for text in ("(1)", "(a=1, a=2)", "(a=)", "(a=b)", "(, a=1)", "(a=1,, b=2)", "(a=1 b=2)"):
        assert arguments_json(text) is None, text
