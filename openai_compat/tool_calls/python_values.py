"""A grammar for the values that a JSON schema allows, in Python's notation: True, False and None for JSON's words."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from helix import Grammar
from openai_compat.tool_calls.format import quoted

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", type(None): "null"}
_SCALARS = {"string", "integer", "number"}
_MAX_LISTED = 4096


class ValueGrammar:
    """Collects the rules of one schema; what has no form here is written as JSON, which is Python but for its words."""

    SAYS_NOTHING = frozenset({"title", "description", "default", "examples", "$schema", "$defs", "definitions"})
    anything = "anything"
    """The name of the rule for any value."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._definitions = {key: root[key] for key in ("$defs", "definitions") if key in root}
        self._names: dict[str, str] = {}  # of the rules for references
        self._rules: list[str] = []

    def nested(self, start: str) -> str:
        """Return the expression start as a term that has its rules with it."""
        comma, colon = quoted(", "), quoted(": ")
        shared = [
            "anything: string | number | word | list | dict",
            'word: "True" | "False" | "None"',
            f'list: "[" (anything ({comma} anything)*)? "]"',
            f'dict: "{{" (string {colon} anything ({comma} string {colon} anything)*)? "}}"',
            f"string: {Grammar.json_schema({'type': 'string'}).term}",
            f"number: {Grammar.json_schema({'type': 'number'}).term}",
        ]
        return Grammar.lark("\n".join([f"start: {start}", *self._rules, *shared])).term

    def of(self, schema: Any) -> str:
        """Return the expression for the values of a schema."""
        if schema is True or not isinstance(schema, Mapping):
            return self.anything if schema is True else self._json({"not": {}})
        said = {key: value for key, value in schema.items() if key not in self.SAYS_NOTHING}
        if not said:
            return self.anything
        if set(said) == {"$ref"}:
            return self._reference(said["$ref"])
        if set(said) == {"anyOf"} and isinstance(said["anyOf"], list) and said["anyOf"]:
            return _either(self.of(one) for one in said["anyOf"])
        if ("enum" in said or "const" in said) and set(said) <= {"type", "enum", "const"}:
            return self._listed_values(said)
        kinds = said.get("type")
        if isinstance(kinds, list) and kinds:
            return _either(self.of(said | {"type": kind}) for kind in kinds)
        form = None
        if kinds in ("boolean", "null") and len(said) == 1:
            form = '("True" | "False")' if kinds == "boolean" else '"None"'
        elif kinds == "array" and set(said) <= {"type", "items", "minItems", "maxItems"}:
            form = self._array(said)
        elif kinds == "object" and set(said) <= {"type", "properties", "required", "additionalProperties"}:
            form = self._object(said)
        return form or self._json(said)

    def listed(self, parts: Mapping[str, str], required: set[str]) -> str:
        """Return the expression for some of parts, in their order, with commas between them; all that are required."""
        comma = quoted(", ")
        first, others = '""', ""
        for name, part in reversed([*parts.items()]):
            rest = self._rule(others) if others else ""
            first = f"{part} {rest}" if name in required else f"({part} {rest} | {self._rule(first)})"
            more = f"{comma} {part}"
            others = f"{more if name in required else f'({more})?'} {rest}"
        return first

    def _listed_values(self, said: Mapping[str, Any]) -> str:
        values = said.get("enum", [said.get("const")])
        kinds = said.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if not isinstance(values, list) or len(values) > _MAX_LISTED:
            return self._json(said)
        fitting = [
            value
            for value in values
            if value == said.get("const", value) and (not kinds or _type_of(value) in kinds or _is_number(value, kinds))
        ]
        return _either(quoted(_python(value)) for value in fitting) if fitting else self._json(said)

    def _array(self, said: Mapping[str, Any]) -> str | None:
        least, most = said.get("minItems", 0), said.get("maxItems")
        if type(least) is not int or least < 0 or (most is not None and (type(most) is not int or most < least)):
            return None
        item = self._rule(self.of(said.get("items", True)))
        if most == 0:
            return '"[" "]"'
        limits = f"{{{max(least - 1, 0)},{'' if most is None else most - 1}}}"
        several = f"{item} ({quoted(', ')} {item}){limits}"
        return f'"[" {several if least else f"({several})?"} "]"'

    def _object(self, said: Mapping[str, Any]) -> str | None:
        properties, others = said.get("properties", {}), said.get("additionalProperties", True)
        required = said.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list) or set(required) - properties.keys():
            return None
        if not properties:
            if others is False:
                return '"{" "}"'
            pair = f"string {quoted(': ')} {self.of(others)}"
            return f'"{{" ({pair} ({quoted(", ")} {pair})*)? "}}"'
        if isinstance(others, Mapping):
            return None
        parts = {name: f"{quoted(json.dumps(name) + ': ')} {self.of(value)}" for name, value in properties.items()}
        return f'"{{" {self.listed(parts, set(required))} "}}"'

    def _reference(self, reference: Any) -> str:
        found: Any = self._root
        for key in str(reference).removeprefix("#/").split("/"):
            found = found.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
        if found is None or not str(reference).startswith("#/"):
            return self._json({"$ref": reference})  # whose error says what is wrong
        if reference not in self._names:
            self._names[reference] = f"ref{len(self._names)}"
            self._rules.append(f"{self._names[reference]}: {self.of(found)}")
        return self._names[reference]

    def _json(self, schema: Mapping[str, Any]) -> str:
        return Grammar.json_schema({**schema, **self._definitions}).term

    def _rule(self, expression: str) -> str:
        self._rules.append(f"r{len(self._rules)}_: {expression}")
        return f"r{len(self._rules) - 1}_"


def _either(expressions: Iterable[str]) -> str:
    return f"({' | '.join(expressions)})"


def _type_of(value: Any) -> str:
    return _TYPES.get(type(value), "object")


def _is_number(value: Any, kinds: list[Any]) -> bool:
    return type(value) is int and "number" in kinds


def _python(value: Any) -> str:
    """Return a value's literal, with strings as JSON writes them."""
    match value:
        case None | True | False:
            return repr(value)
        case dict():
            return "{" + ", ".join(f"{_python(key)}: {_python(one)}" for key, one in value.items()) + "}"
        case list():
            return f"[{', '.join(map(_python, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)
