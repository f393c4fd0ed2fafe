"""What a schema does not mention is left out, wherever that can only narrow what it allows."""

from __future__ import annotations

from typing import Any

import pytest

from openai_compat.closed_schema import closed_schema

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
CLOSED = CITY | {"additionalProperties": False}


def test_objects_are_closed_at_every_depth() -> None:
    schema = {
        "$defs": {"City": CITY},
        "type": "object",
        "properties": {
            "home": CITY,
            "all": {"type": "array", "items": CITY},
            "either": {"anyOf": [CITY, {"type": "null"}]},
            "map": {"type": "object", "additionalProperties": CITY},
            "ref": {"$ref": "#/$defs/City"},
        },
    }
    assert closed_schema(schema) == {
        "$defs": {"City": CLOSED},
        "type": "object",
        "properties": {
            "home": CLOSED,
            "all": {"type": "array", "items": CLOSED},
            "either": {"anyOf": [CLOSED, {"type": "null"}]},
            "map": {"type": "object", "additionalProperties": CLOSED},
            "ref": {"$ref": "#/$defs/City"},
        },
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        True,
        CITY | {"additionalProperties": True},
        CITY | {"additionalProperties": {"type": "integer"}},
        CITY | {"required": ["country"]},
        CITY | {"minProperties": 2},
        {"allOf": [CITY, {"properties": {"country": {}}}]},
        CITY | {"anyOf": [{"required": ["country"]}, {"required": ["city"]}]},
        {"$defs": {"City": CITY}, "$ref": "#/$defs/City", "required": ["country"]},
        {"oneOf": [CITY, {"type": "object"}]},
        {"type": "object", "properties": {"a": {"not": CITY}}},
        {"const": {"properties": {}}},
        {"enum": [{"properties": {"a": 1}}]},
    ],
)
def test_what_speaks_of_others_or_could_mean_more_is_left_alone(schema: Any) -> None:
    assert closed_schema(schema) == schema


def test_a_schema_too_deep_for_this_is_left_to_who_refuses_it() -> None:
    deep: Any = CITY
    for _ in range(2000):
        deep = {"items": deep}
    assert closed_schema(deep) is deep
