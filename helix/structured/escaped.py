"""Languages inside JSON strings, or in front of a marker: grammars rewritten for where their sentences stand.

JSON's escapes, of which each character is given one, map texts to texts one to one and character by character. So a
language keeps its structure, and only what stands for characters is rewritten. One thing is lost: a lexer that reads a
backslash does not know yet which character follows, and may have gone on with a terminal that ends there.
"""

from __future__ import annotations

import json
import re

from helix.structured.escaped_regex import SPECIAL, escaped_regex, may_contain
from helix.structured.lark_text import (
    CannotRewriteError,
    Definition,
    LarkToken,
    as_terminals,
    find_recursion,
    literal_value,
    read_lark,
)


def escaped_lark(text: str) -> str:
    """Return a grammar in Lark's notation for the insides of the JSON strings whose values are sentences of another.

    Where special characters come in more than what is ignored, the grammar becomes one terminal.

    Raises:
        CannotRewriteError: That is impossible, since a rule needs itself or something is ignored; or it says something
            that has no such form, such as a special token.
    """
    definitions = read_lark(text)
    for definition in definitions:
        _check(definition)
    if not any(_has(token, SPECIAL) for one in definitions if one.name != "%ignore" for token in one.body):
        return "\n".join(_line(one) for one in definitions)
    if obstacle := _obstacle(definitions):
        raise CannotRewriteError(f"beside quotes, backslashes or control characters in terminals, {obstacle}")
    return "\n".join(["start: T0", *as_terminals(definitions, _rewritten, "T")])


def ended_lark(text: str, marker: str, end: str) -> str:
    """Return a grammar for sentences of another in front of end; sentences that contain marker are left out.

    Raises:
        CannotRewriteError: Which sentences these are cannot be told, since a rule needs itself or something is ignored.
    """
    definitions = read_lark(text)
    obstacle = _obstacle(definitions)
    if obstacle is None:
        rules = as_terminals(definitions, lambda token: token.text, "T")
        return "\n".join(["start: ENDED", f"ENDED: (T0 & {without(marker)}) {json.dumps(end)}", *rules])
    for definition in definitions:
        characters = marker[0] if definition.name == "%ignore" else marker[0] + end[0]
        if any(_has(token, characters) for token in definition.body):
            raise CannotRewriteError(f"beside {json.dumps(marker[0] + end[0])[1:-1]} in terminals, {obstacle}")
    return f"start: inner {json.dumps(end)}\ninner: %lark {{\n{text}\n}}"


def without(marker: str) -> str:
    """Return the term for all texts that do not contain a marker."""
    return rf"~/(.|\n)*{re.escape(marker).replace('/', chr(92) + '/')}(.|\n)*/"


def _obstacle(definitions: list[Definition]) -> str | None:
    """Return why definitions cannot become one terminal, or None."""
    recursive = find_recursion(definitions)
    if recursive is not None:
        return f"no rule may need itself as '{recursive}' does"
    special = next((f"'{one.name}{one.head}'" for one in definitions if one.name == "%ignore" or one.head), None)
    return special and f"{special} is not supported"


def _line(definition: Definition) -> str:
    body = " ".join(map(_rewritten, definition.body))
    return f"%ignore {body}" if definition.name == "%ignore" else f"{definition.name}{definition.head}: {body}"


def _check(definition: Definition) -> None:
    """Refuse what takes everything but something: JSON's notation is not everything."""
    before = ""
    for token in definition.body:
        is_operand = bool(before) and (before[-1] in ')]"}?*+/' or before[-1].isalnum() or before[-1] == "_")
        if token.text == "~" and not is_operand and before != "&":
            raise CannotRewriteError("'~' in front of a term is supported behind '&' only")
        before = token.text


def _has(token: LarkToken, characters: str) -> bool:
    """Return whether texts of a token may contain one of characters."""
    match token.kind:
        case "string":
            return not set(characters).isdisjoint(literal_value(token.text.removesuffix("i")))
        case "range":
            return may_contain(_range_class(token.text), characters)
        case "regex":
            return may_contain(_pattern(token.text), characters)
        case _:
            return False


def _rewritten(token: LarkToken) -> str:
    match token.kind:
        case "string":
            return _string(token.text)
        case "range":
            return f"/{escaped_regex(_range_class(token.text))}/"
        case "regex":
            return f"/{escaped_regex(_pattern(token.text))}/"
        case _:
            return token.text


def _string(token: str) -> str:
    value = literal_value(token.removesuffix("i"))
    if token.endswith("i") and not set(SPECIAL).isdisjoint(value):
        return f"/{escaped_regex(f'(?i:{re.escape(value)})')}/"
    escaped = json.dumps(json.dumps(value, ensure_ascii=False)[1:-1], ensure_ascii=False)
    return escaped + "i" if token.endswith("i") else escaped


def _range_class(token: str) -> str:
    ends = [literal_value(part) for part in re.findall(r'"(?:\\.|[^"\\])*"', token)]
    if any(len(end) != 1 for end in ends):
        raise CannotRewriteError(f"{token} is no range of characters")
    return "[" + "-".join(map(re.escape, ends)).replace("/", r"\/") + "]"


def _pattern(token: str) -> str:
    """Return the expression between slashes, its flags inside."""
    pattern, _, flags = token[1:].rpartition("/")
    if unknown := set(flags) - {"i", "s", "u"}:
        raise CannotRewriteError(f"the flag '{min(unknown)}' of an expression is not supported")
    inner = "".join(flag for flag in "is" if flag in flags)
    return f"(?{inner}:{pattern})" if inner else pattern
