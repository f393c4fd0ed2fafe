"""Lark's notation, read as far as grammars must be rewritten: its tokens, and which definitions need which."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""
    (?P<newline>(?:\r?\n)+[ \t]*)
    |(?P<space>[ \t]+|(?:\#|//)[^\n]*)
    |(?P<range>"(?:\\.|[^"\\\n])*"[ \t]*\.\.[ \t]*"(?:\\.|[^"\\\n])*")
    |(?P<string>"(?:\\.|[^"\\\n])*"i?)
    |(?P<regex>/(?:\\.|[^/\\])+/[imslux]*)
    |(?P<statement>%[a-z]+)
    |(?P<special><[^<>\s]+>|@\w*|["/])
    |(?P<name>[?!]{0,2}[A-Za-z_][\w\-]*)
    |(?P<other>->|\.\.|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMON = re.compile(r"%import\s+common\s*(?:\.\s*(?P<one>\w+)(?:\s*->\s*(?P<as>\w+))?|\((?P<several>[\w\s,]*)\))")
# The terminals that llguidance has under these names.
_FLOAT = r"(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE](?:\+|-)?[0-9]+)?|[0-9]+[eE](?:\+|-)?[0-9]+"
_COMMON_TERMINALS = {
    "DIGIT": "[0-9]",
    "HEXDIGIT": "[a-fA-F0-9]",
    "INT": "[0-9]+",
    "SIGNED_INT": r"(?:\+|-)?[0-9]+",
    "DECIMAL": r"[0-9]+\.[0-9]*|\.[0-9]+",
    "_EXP": r"[eE](?:\+|-)?[0-9]+",
    "FLOAT": _FLOAT,
    "SIGNED_FLOAT": rf"(?:\+|-)?(?:{_FLOAT})",
    "NUMBER": rf"[0-9]+|{_FLOAT}",
    "SIGNED_NUMBER": rf"(?:\+|-)?(?:[0-9]+|{_FLOAT})",
    "ESCAPED_STRING": r'"(?:[^"\\]|\\.)*"',
    "LCASE_LETTER": "[a-z]",
    "UCASE_LETTER": "[A-Z]",
    "LETTER": "[A-Za-z]",
    "WORD": "[A-Za-z]+",
    "CNAME": "[_A-Za-z][_A-Za-z0-9]*",
    "WS_INLINE": r"[ \t]+",
    "WS": r"[ \t\f\r\n]+",
    "CR": r"\r",
    "LF": r"\n",
    "NEWLINE": r"(?:\r?\n)+",
}


class CannotRewriteError(ValueError):
    """A description has no form for another place than its own; the text says why."""


@dataclass(frozen=True, slots=True)
class LarkToken:
    """A token, and which of Lark's kinds it is."""

    kind: str
    text: str


@dataclass(slots=True)
class Definition:
    """A rule or terminal, or with the name %ignore, what may stand between terminals."""

    name: str
    head: str
    """What stands behind the name: attributes and priority."""
    body: list[LarkToken] = field(default_factory=list)

    @property
    def needs(self) -> set[str]:
        """The names in the body."""
        return {token.text for token in self.body if token.kind == "name"}


def read_lark(text: str) -> list[Definition]:
    """Return the definitions of a grammar; what it imports of Lark's common terminals is defined as well.

    Raises:
        CannotRewriteError: It contains other statements, special tokens, or what is no definition.
    """
    tokens = [token for token in _tokens(_COMMON.sub(_imported, text)) if token.kind != "space"]
    definitions: list[Definition] = []
    position = 0
    while position < len(tokens):
        kind = tokens[position].kind
        if kind == "newline":
            position += 1
            continue
        begin = position
        if kind == "statement":
            definitions.append(Definition("%ignore", ""))
            position += 1
        elif kind == "name":
            position = _end_of_head(tokens, position)
            head = "".join(token.text for token in tokens[begin + 1 : position - 1])
            definitions.append(Definition(tokens[begin].text.lstrip("?!"), head))
        else:
            raise CannotRewriteError(f"'{tokens[begin].text}' begins no definition")
        while position < len(tokens) and not _begins_definition(tokens, position):
            if tokens[position].text == "->":
                position += 2
                continue
            if tokens[position].kind != "newline":
                definitions[-1].body.append(tokens[position])
            position += 1
    return definitions


def find_recursion(definitions: list[Definition]) -> str | None:
    """Return a rule that needs itself, or None."""
    needs = {one.name: one.needs for one in definitions}
    done: set[str] = set()
    for root in needs:
        open_names: list[tuple[str, Iterator[str]]] = [(root, iter(needs[root]))]
        path = {root}
        while open_names:
            name, rest = open_names[-1]
            inner = next((one for one in rest if one in needs and one not in done), None)
            if inner is None:
                done.add(name)
                path.discard(name)
                open_names.pop()
            elif inner in path:
                return inner
            else:
                path.add(inner)
                open_names.append((inner, iter(needs[inner])))
    return None


def as_terminals(definitions: list[Definition], rewrite: Callable[[LarkToken], str], prefix: str) -> list[str]:
    """Return definitions, none of which needs itself, as terminals: one expression, whose parts are named after prefix.

    The first result defines start. No terminal is cut where another one could go on: all ways to read a text count.
    """
    ordered = sorted(definitions, key=lambda one: one.name != "start")
    names = {one.name: f"{prefix}{number}" for number, one in enumerate(ordered)}

    def written(token: LarkToken) -> str:
        return names.get(token.text, token.text) if token.kind == "name" else rewrite(token)

    return [f"{names[one.name]}: {' '.join(map(written, one.body))}" for one in ordered]


def literal_value(literal: str) -> str:
    """Return what a quoted literal stands for; raises CannotRewriteError."""
    try:
        value: str = json.loads(re.sub(r"\\(?:x([0-7][0-9a-fA-F])|(.))", _json_escape, literal))
        value.encode()
    except ValueError:
        raise CannotRewriteError(f"the literal {literal} cannot be read") from None
    return value


def _tokens(text: str) -> Iterator[LarkToken]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        assert found is not None, "the last alternative is any character"
        kind = found.lastgroup or ""
        if kind == "special" or (kind == "statement" and found[0] != "%ignore"):
            raise CannotRewriteError(f"'{found[0]}' is not supported here")
        position = found.end()
        yield LarkToken(kind, found[0])


def _end_of_head(tokens: list[LarkToken], position: int) -> int:
    """Return the place behind the colon of a definition."""
    for index in range(position, len(tokens)):
        if tokens[index].kind == "newline":
            break
        if tokens[index].text == ":":
            return index + 1
    raise CannotRewriteError(f"'{tokens[position].text}' has no definition")


def _begins_definition(tokens: list[LarkToken], position: int) -> bool:
    """Return whether the line that begins here is a definition; others belong to the one before."""
    if tokens[position].kind == "statement":
        return True
    if tokens[position].kind != "name" or tokens[position - 1].kind != "newline":
        return False
    behind = tokens[position + 1 : position + 2]
    return bool(behind) and behind[0].text in (":", "[", ".")


def _imported(found: re.Match[str]) -> str:
    names = [found["one"]] if found["one"] else re.findall(r"\w+", found["several"])
    if unknown := [name for name in names if name not in _COMMON_TERMINALS]:
        raise CannotRewriteError(f"common.{unknown[0]} is not supported here")
    return "\n".join(f"{found['as'] or name}: /{_COMMON_TERMINALS[name]}/" for name in names)


def _json_escape(found: re.Match[str]) -> str:
    return f"\\u00{found[1]}" if found[1] else found[0]
