"""Values in Python's notation are those that a schema allows; what has no such form is JSON."""

from __future__ import annotations

from typing import Any

import pytest

from helix import Grammar
from openai_compat.tool_calls.python_values import ValueGrammar
from tests.grammars import matches


def is_value(schema: Any, text: str) -> bool:
    values = ValueGrammar({"$defs": {"a/b": {"type": "boolean"}}})
    return matches(Grammar.lark(f"start: {values.nested(values.of(schema))}"), text)


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        (True, ["1", '"a"', '[True, {"a": None}]', "{}", "-1.5"], ["true", "a", "[1,2]"]),
        ({"type": "boolean"}, ["True", "False"], ["true", "None"]),
        ({"enum": [True, 1, "b", None], "type": ["boolean", "null"]}, ["True", "None"], ["1", '"b"', "False"]),
        ({"const": 1, "type": "number"}, ["1"], ["True", "1.5"]),
        ({"anyOf": [{"type": "null"}, {"$ref": "#/$defs/a~1b"}]}, ["None", "True"], ["1"]),
        (
            {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2},
            ["[True]", "[True, False]"],
            ["[]"],
        ),
        ({"type": "array", "maxItems": 0}, ["[]"], ["[1]"]),
        ({"type": "array", "items": {"type": "null"}, "minItems": 2}, ["[None, None, None]"], ["[None]"]),
        ({"type": "object", "additionalProperties": False}, ["{}"], ['{"a": 1}']),
        ({"type": "object", "additionalProperties": {"type": "null"}}, ["{}", '{"a": None}'], ['{"a": 1}']),
        (
            {"type": "object", "properties": {"a": {}, "b": True}, "required": ["b"]},
            ['{"b": True}', '{"a": 1, "b": 2}'],
            ["{}"],
        ),
        ({"allOf": [{"type": "boolean"}]}, ["true"], ["True"]),
        ({"type": "array", "prefixItems": [{"type": "null"}], "items": False, "minItems": 1}, ["[null]"], ["[None]"]),
    ],
)
def test_values_are_those_of_the_schema(schema: Any, right: list[str], wrong: list[str]) -> None:
    for text in [*right, *wrong]:
        assert is_value(schema, text) == (text in right), text


def test_parts_stand_in_their_order_with_commas_between_them() -> None:
    parts = {"a": '"a"', "b": '"b"', "c": '"c"'}
    values = ValueGrammar({})
    for required in (set(), {"b"}, {"a", "c"}):
        grammar = Grammar.lark(f"start: {values.nested(values.listed(parts, required))}")
        for number in range(8):
            names = [name for bit, name in enumerate(parts) if number >> bit & 1]
            assert matches(grammar, ", ".join(names)) == (required <= {*names})
        assert not matches(grammar, "b, a") and not matches(grammar, ", a") and not matches(grammar, "a,")
