"""The keywords of a Python call: what their text means in JSON, and a grammar for each schema of a tool's arguments."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import CUSTOM_INPUT, CallableTool
from openai_compat.tool_calls.format import quoted, rewritten_input
from openai_compat.tool_calls.python_values import ValueGrammar

_KEYWORD = re.compile(r"\s*([\w.-]+)\s*=(.*)", re.DOTALL)
_KEYWORD_NAME = re.compile(r"[\w.-]+")
_STRING_OR_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|\b(?:True|False|None)\b', re.DOTALL)
_JSON_OF_WORD = {"True": "true", "False": "false", "None": "null"}
_JSON_WORDS = {"true": True, "false": False, "null": None}
_OPENING, _CLOSING = "([{", ")]}"


class ParenthesisScan:
    """Finds the end of what opens at a place of a text that grows; each character is looked at once."""

    def __init__(self) -> None:
        self._depth, self._quote = 0, ""
        self._position: int | None = None

    def feed(self, text: str, start: int) -> int | None:
        """Return the end of what opens at start, or None while it is open; text begins with that of the last time."""
        position = start if self._position is None else self._position
        while position < len(text):
            char = text[position]
            position += 1
            if self._quote:
                if char == "\\":
                    position += 1
                elif char == self._quote:
                    self._quote = ""
                continue
            if char in "\"'":
                self._quote = char
            self._depth += (char in _OPENING) - (char in _CLOSING)
            if self._depth == 0:
                return position
        self._position = position
        return None


def arguments_json(text: str) -> str | None:
    """Return the keywords of a call, given with its parentheses, as JSON, or None where they are none.

    A value that is JSON but for Python's words for true, false and null keeps its characters.
    """
    written: dict[str, str] = {}
    for part in _keywords(text):
        found = _KEYWORD.fullmatch(part)
        value = None if found is None else _value_json(found[2].strip())
        if found is None or value is None or found[1] in written:
            return None
        written[found[1]] = value
    return "{" + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {value}" for key, value in written.items()) + "}"


def keywords_expression(tool: CallableTool, schema: Mapping[str, Any]) -> str:
    """Return the expression for a call's keywords, in the schema's order.

    Raises:
        UnsupportedParameter: Keywords cannot be held to the schema, or to a custom tool's grammar.
    """
    if tool.input is not None:
        if tool.input.kind == "regex":
            pattern = {"type": "string", "pattern": f"^(?:{tool.input.text})$"}
            return f"{quoted(CUSTOM_INPUT + '=')} {Grammar.json_schema(pattern).term}"
        inside = rewritten_input(tool, tool.input.inside_json)
        return f"{quoted(CUSTOM_INPUT + '=' + chr(34))} {inside.term} {quoted(chr(34))}"
    values = ValueGrammar(schema)
    properties, required = schema.get("properties"), schema.get("required", [])
    if properties is None:
        keyword = f"/[a-z_][a-z0-9_]*/ {quoted('=')} {values.anything}"
        return values.nested(f"({keyword} ({quoted(', ')} {keyword})*)?")
    if not isinstance(properties, Mapping) or not isinstance(required, list):
        raise _unsupported(tool, "properties and required make no sense")
    wrong = [name for name in properties if not _KEYWORD_NAME.fullmatch(name)]
    extra = schema.keys() - values.SAYS_NOTHING - {"type", "properties", "required", "additionalProperties"}
    if wrong or extra or not set(required) <= properties.keys():
        raise _unsupported(tool, ", ".join(sorted({*wrong, *extra, *(set(map(str, required)) - properties.keys())})))
    try:
        parts = {name: f"{quoted(f'{name}=')} {values.of(value)}" for name, value in properties.items()}
        return values.nested(values.listed(parts, set(required)))
    except RecursionError:
        raise _unsupported(tool, "it is nested too deeply") from None


def _keywords(text: str) -> Iterator[str]:
    """Yield what stands between the commas of a call's parentheses; a comma may stand behind the last."""
    begin = 1
    for end, depth in _depths(text):
        if depth == 0 or (depth == 1 and text[end - 1] == ","):
            part = text[begin : end - 1]
            if depth or part.strip():
                yield part
            begin = end


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Yield each position behind a character that is in no string, and how much is open there."""
    depth, quote, position = 0, "", 0
    while position < len(text):
        char = text[position]
        position += 1
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
            continue
        if char in "\"'":
            quote = char
        depth += (char in _OPENING) - (char in _CLOSING)
        yield position, depth


def _value_json(text: str) -> str | None:
    as_json = _STRING_OR_WORD.sub(lambda found: _JSON_OF_WORD.get(found[0], found[0]), text)
    try:
        msgspec.json.decode(as_json, type=msgspec.Raw)
        as_json.encode()
        return as_json
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    try:
        value = _literal(ast.parse(text, mode="eval").body)
        return json.dumps(value, ensure_ascii=False, allow_nan=False).encode().decode()  # no unpaired surrogates
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _literal(node: ast.expr) -> object:
    """Return a literal's value; the words of JSON are understood as well."""
    for child in ast.walk(node):
        for name, field in ast.iter_fields(child):
            if isinstance(field, ast.expr):
                setattr(child, name, _word(field))
            elif isinstance(field, list):
                field[:] = [_word(one) for one in field]
    return ast.literal_eval(_word(node))


def _word(node: Any) -> Any:
    if isinstance(node, ast.Name) and node.id in _JSON_WORDS:
        return ast.Constant(_JSON_WORDS[node.id])
    return node


def _unsupported(tool: CallableTool, what: str) -> UnsupportedParameter:
    return UnsupportedParameter(tool.param, f"{tool.param} cannot be enforced in this model's format: {what}.")
