"""Values between tags have the types their schemas allow; the grammar is tested with the format that uses it."""

from __future__ import annotations

from typing import Any

import pytest

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.xml_arguments import ANY_TEXT, arguments_expression, is_text, value_json


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        (" 3\n", {"type": "integer"}, "3"),
        ("1.50", {}, "1.50"),
        ("True", {"type": "boolean"}, "true"),
        ("None", {"type": ["string", "null"]}, "null"),
        ("3", {"type": ["string", "null"]}, '"3"'),
        ("3", {"type": ["string", "number"]}, "3"),
        ('{"a": [1]}', None, '{"a": [1]}'),
        ('Graz "x"', True, '"Graz \\"x\\""'),
        ("", {"type": "integer"}, '""'),
    ],
)
def test_a_value_is_its_own_json_where_that_fits(text: str, schema: Any, expected: str) -> None:
    assert value_json(text, schema) == expected


def test_only_a_string_is_text() -> None:
    assert all(is_text(schema) for schema in ({"type": "string", "enum": ["a"]}, {"enum": ["a", "b"]}, {"const": "a"}))
    others: list[Any] = [
        {"type": ["string", "null"]},
        {},
        True,
        None,
        {"enum": ["a", None]},
        {"const": 1},
        {"enum": []},
    ]
    assert not any(is_text(schema) for schema in others)


def test_parameters_stand_in_the_schemas_order_and_optional_ones_may_be_missing() -> None:
    schema = {"type": "object", "properties": {"b": {"enum": [1]}, "a": {"type": "string"}}, "required": ["a"]}
    tool = CallableTool(name="f", parameters=schema, is_strict=True, param="tools[0].function.parameters")
    first, second = arguments_expression(tool, schema).split(' "<parameter=a>')
    assert first.startswith('("<parameter=b>') and first.endswith(")?")
    assert second.endswith(ANY_TEXT)
    assert arguments_expression(tool, {"type": "object", "properties": {}}) == '""'
