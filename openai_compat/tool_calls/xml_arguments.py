"""Arguments that stand between tags: what type the text has, and a grammar for each schema that can be told exactly."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import quoted

_SAYS_NOTHING = {
    "title",
    "description",
    "default",
    "examples",
    "$schema",
    "$defs",
    "definitions",
    "additionalProperties",
}
_PYTHON_WORDS = {"True": "true", "False": "false", "None": "null"}
_TYPES: dict[type, tuple[str, ...]] = {
    str: ("string",),
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number", "integer"),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}


def is_text(schema: Any) -> bool:
    """Return whether a property's values are strings, which stand between their tags without quotes."""
    return isinstance(schema, Mapping) and schema.get("type") == "string"


def value_json(text: str, schema: Any) -> str:
    """Return the JSON of a value that is not known to be a string: its own text where that fits."""
    text = text.strip()
    text = _PYTHON_WORDS.get(text, text)
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return json.dumps(text, ensure_ascii=False)
    types = schema.get("type") if isinstance(schema, Mapping) else None
    if isinstance(types, list) and "string" in types and not set(_TYPES[type(value)]) & set(types):
        return json.dumps(text, ensure_ascii=False)
    return text


def arguments_expression(tool: CallableTool, schema: Mapping[str, Any]) -> str:
    """Return the expression for the parameters of a call, in the schema's order.

    Raises:
        UnsupportedParameter: The schema says something that text between tags cannot be held to.
    """
    properties = schema.get("properties", {})
    if "properties" not in schema:
        return '("<parameter=" /[^<>\\n]+/ ">\\n" xml_text)*'
    names = schema.get("required", [])
    if not isinstance(properties, Mapping) or not isinstance(names, list):
        raise _unsupported(tool, "properties and required make no sense")
    required = {str(name) for name in names}
    if extra := schema.keys() - _SAYS_NOTHING - {"type", "properties", "required"} or required - properties.keys():
        raise _unsupported(tool, ", ".join(sorted(extra)))
    shared = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    parts: list[str] = []
    for key, value in properties.items():
        part = f"{quoted(f'<parameter={key}>{chr(10)}')} {_value(tool, key, value, shared)}"
        parts.append(part if key in required else f"({part})?")
    return " ".join(parts) or '""'


def _value(tool: CallableTool, key: str, schema: Any, shared: Mapping[str, Any]) -> str:
    if not is_text(schema):
        described = {**schema, **shared} if isinstance(schema, Mapping) else {}
        return f"{Grammar.json_schema(described).term} {quoted(chr(10) + '</parameter>' + chr(10))}"
    if extra := schema.keys() - _SAYS_NOTHING - {"type", "enum"}:
        raise _unsupported(tool, f"{', '.join(sorted(extra))} of '{key}'")
    if "enum" not in schema:
        return "xml_text"
    return "(" + " | ".join(quoted(f"{text}\n</parameter>\n") for text in schema["enum"]) + ")"


def _unsupported(tool: CallableTool, what: str) -> UnsupportedParameter:
    return UnsupportedParameter(tool.param, f"{tool.param} cannot be enforced in this model's format: {what}.")
