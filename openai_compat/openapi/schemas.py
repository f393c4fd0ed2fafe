"""JSON schemas of Structs, as msgspec reads and writes them, with what their source says of each field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from openai_compat.options import field_docs

REFERENCE = "#/components/schemas/{name}"


Kind = type[msgspec.Struct]
Schema = dict[str, Any]


def schemas_of(kinds: Iterable[Kind]) -> tuple[dict[Kind, Schema], dict[str, Schema]]:
    """Return a schema for each Struct, which is a reference, and the schemas referred to by name."""
    kinds = list(kinds)
    references, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    known = {name: kind for kind in _below(msgspec.Struct) for name in _names(kind)}
    for name, schema in components.items():
        if name in known:
            _describe(schema, known[name])
    return dict(zip(kinds, references, strict=True)), components


def parameters_of(kind: Kind) -> list[Schema]:
    """Return the fields of a Struct as OpenAPI's parameters of a query; null is left out, as a query cannot say it."""
    (reference,), components = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    schema = components[reference["$ref"].rpartition("/")[2]]
    _describe(schema, kind)
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            **({"description": field.pop("description")} if "description" in field else {}),
            "schema": _without_null(field),
        }
        for name, field in schema["properties"].items()
    ]


def _without_null(field: Schema) -> Schema:
    if "anyOf" not in field:
        return field
    kinds = [kind for kind in field["anyOf"] if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def _describe(schema: Schema, kind: Kind) -> None:
    """Put the docstrings of a Struct's fields into its schema."""
    docs: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        if one.__module__.startswith(__package__.partition(".")[0]):
            docs |= field_docs(one)
    for name, encoded in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        if name in docs and encoded in schema["properties"]:
            schema["properties"][encoded]["description"] = docs[name]


def _below(kind: type[Any]) -> Iterator[type[Any]]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)


def _names(kind: type[Any]) -> tuple[str, str]:
    """Return what msgspec may call a Struct: its name, or all of it where two have the same one."""
    return f"{kind.__module__}.{kind.__qualname__}", kind.__name__
