"""Arguments that stand between tags: what type the text has, and a grammar for each schema that can be told exactly."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import CUSTOM_INPUT, CallableTool
from openai_compat.tool_calls.format import quoted, rewritten_input

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
_SAYS_TEXT = {"type", "enum", "const", "pattern", "minLength", "maxLength"}
_PATTERN_PART = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.", re.DOTALL)
VALUE_END = "</parameter>"
ANY_TEXT = "XML_TEXT"
"""The name of the rule for a string that nothing is said of, with the tag behind it."""
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
    if not isinstance(schema, Mapping):
        return False
    if "type" in schema:
        return bool(schema["type"] == "string")
    texts = _texts(schema)
    return bool(texts) and all(isinstance(text, str) for text in texts or ())


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
        UnsupportedParameter: Text between tags cannot be held to the schema, or to a custom tool's grammar.
    """
    if tool.input is not None:
        given = rewritten_input(tool, lambda: _ended(tool.input))
        return f"{quoted(f'<parameter={CUSTOM_INPUT}>{chr(10)}')} {given.term}"
    properties = schema.get("properties", {})
    if "properties" not in schema:
        return f'("<parameter=" /[^<>\\n]+/ ">\\n" {ANY_TEXT})*'
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
    if extra := schema.keys() - _SAYS_NOTHING - _SAYS_TEXT:
        raise _unsupported(tool, f"{', '.join(sorted(extra))} of '{key}'")
    limits = _limits(schema)
    if limits is None:
        raise _unsupported(tool, f"the length of '{key}'")
    conditions = [limits] if limits else []
    texts = _texts(schema)
    if texts is not None:
        conditions.append("|".join(re.escape(str(text)) for text in texts))
    if "pattern" in schema:
        searched = _searched(schema["pattern"])
        if searched is None:
            raise _unsupported(tool, f"the pattern of '{key}'")
        conditions.append(searched)
    if not conditions:
        return ANY_TEXT
    languages = " & ".join(f"({Grammar.regex(condition).term})" for condition in conditions)
    return rewritten_input(tool, lambda: _ended(Grammar.lark(f"start: TEXT\nTEXT: {languages}"))).term


def _ended(text: Grammar | None) -> Grammar:
    """Return the language of a parameter's texts with the tag behind them."""
    assert text is not None, "a tool whose input has a language"
    return text.ended_by(f"\n{VALUE_END}\n", marker=VALUE_END)


def _texts(schema: Mapping[str, Any]) -> list[Any] | None:
    """Return the values that a schema lists, None where it lists none."""
    listed = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if not isinstance(listed, list):
        return None
    return [one for one in listed if one == schema.get("const", one)]


def _limits(schema: Mapping[str, Any]) -> str | None:
    """Return the expression for texts of a length, empty where there is no limit, None where it makes no sense."""
    least, most = schema.get("minLength", 0), schema.get("maxLength", "")
    if type(least) is not int or least < 0 or (most != "" and (type(most) is not int or most < least)):
        return None
    return rf"(?:.|\n){{{least},{most}}}" if least or most != "" else ""


def _searched(pattern: Any) -> str | None:
    """Return the expression for texts in which a pattern is found, None where its anchors stand inside it."""
    if not isinstance(pattern, str):
        return None
    begin, end = pattern.startswith("^"), bool(re.search(r"(?<!\\)(?:\\\\)*\$\Z", pattern))
    inner = pattern[begin : len(pattern) - end]
    depth = 0
    for token in _PATTERN_PART.findall(inner):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if token in ("^", "$") or (token == "|" and depth == 0 and (begin or end)):
            return None
    anything = r"(?:.|\n)*"
    return f"{'' if begin else anything}(?:{inner}){'' if end else anything}"


def _unsupported(tool: CallableTool, what: str) -> UnsupportedParameter:
    return UnsupportedParameter(tool.param, f"{tool.param} cannot be enforced in this model's format: {what}.")
