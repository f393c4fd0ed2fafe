"""JSON schemas of people who write down what they want, and mean nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_DEPEND_ON_OTHERS = frozenset(
    {
        *("oneOf", "not", "if", "then", "else", "allOf", "dependentSchemas", "dependentRequired", "contains"),
        *("patternProperties", "propertyNames", "minProperties", "unevaluatedProperties", "unevaluatedItems"),
    }
)
"""Keywords beside which fewer properties here may mean more or nothing there."""
_ELSEWHERE = frozenset({"anyOf", "$ref"})
_HERE = frozenset({"properties", "required", "additionalProperties"})
_BY_NAME = ("properties", "$defs", "definitions")
_IN_A_LIST = ("anyOf", "prefixItems")
_ALONE = ("items", "additionalProperties")


def closed_schema(schema: Any) -> Any:
    """Return a schema whose objects have no properties but the declared ones, unless it speaks of others.

    JSON Schema allows every property that it does not mention, and a model that may write more does not know when to
    stop: clients that leave additionalProperties out expect none. Whatever the result allows, the schema allowed too;
    one with keywords for which that could fail is returned as it is.
    """
    try:
        return schema if any(map(_depends_on_others, _mappings(schema))) else _closed(schema)
    except RecursionError:  # whoever compiles it refuses it
        return schema


def _depends_on_others(schema: Mapping[str, Any]) -> bool:
    """Whether properties may be described in one place and allowed in another."""
    is_described_twice = bool(_ELSEWHERE & schema.keys() and _HERE & schema.keys())
    return is_described_twice or bool(_DEPEND_ON_OTHERS & schema.keys())


def _closed(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    closed = dict(schema)
    for keyword in _BY_NAME:
        if isinstance(named := schema.get(keyword), Mapping):
            closed[keyword] = {name: _closed(one) for name, one in named.items()}
    for keyword in _IN_A_LIST:
        if isinstance(several := schema.get(keyword), list):
            closed[keyword] = [_closed(one) for one in several]
    for keyword in _ALONE:
        if keyword in schema:
            closed[keyword] = _closed(schema[keyword])
    declared, required = schema.get("properties"), schema.get("required", [])
    if isinstance(declared, Mapping) and isinstance(required, list) and all(name in declared for name in required):
        closed.setdefault("additionalProperties", False)
    return closed


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping at any depth; one of names to schemas among them does no harm."""
    if isinstance(value, Mapping):
        yield value
        for one in value.values():
            yield from _mappings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _mappings(one)
