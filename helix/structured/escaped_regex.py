"""Regular expressions for texts in which JSON has escaped characters: each character becomes its escape."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from helix.structured.lark_text import CannotRewriteError

MAX_ESCAPED = 64 * 1024
"""Longest rewritten expression: no grammar may be longer."""
SPECIAL = '"\\' + "".join(map(chr, range(0x20)))
"""Characters that stand in no JSON string as they are."""
_NOT_PLAIN, _ANY_PLAIN = r'["\\\x00-\x1F]', r'[^"\\\x00-\x1F]'
"""The class of those, and of all others."""
_ESCAPES = {"a": "\a", "f": "\f", "t": "\t", "n": "\n", "r": "\r", "v": "\v"}
_CHARACTER = re.compile(
    r"\\(?:x(?P<two>[0-9a-fA-F]{2})|u(?P<four>[0-9a-fA-F]{4})|U(?P<eight>[0-9a-fA-F]{8})"
    r"|[xuU]\{(?P<hex>[0-9a-fA-F]{1,8})\}|(?P<letter>[aftnrv])|(?P<mark>[^a-zA-Z0-9<>]))",
    re.DOTALL,
)
_FAMILY = re.compile(r"\\[dDwWsS]")
_WHITE_SPACE, _OUTSIDE = "\t\n\v\f\r", {"D", "W", "S"}
_QUANTIFIER = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")
_GROUP = re.compile(r"\((?:\?(?:P?<\w+>|(?P<flags>[is]*(?:-[is]+)?)(?P<end>[:)]))|(?!\?))")


def may_contain(pattern: str, characters: str) -> bool:
    """Return whether texts that a Rust expression matches may contain one of characters; raises as escaped_regex."""
    return _Rewriter(pattern, characters).rewrite() != pattern


def escaped_regex(pattern: str) -> str:
    """Return the expression for the insides of the JSON strings whose values a Rust expression matches.

    Every special character has one form there, the one that Python's json.dumps writes. The result may stand between
    slashes if pattern may.

    Raises:
        CannotRewriteError: pattern uses what cannot be told character by character.
    """
    return _Rewriter(pattern, SPECIAL).rewrite()


class _Rewriter:
    def __init__(self, pattern: str, special: str) -> None:
        self._pattern = pattern
        self._special = special
        self._position = 0
        self._dots_take_lines = [False]  # of the open groups

    def rewrite(self) -> str:
        written: list[str] = []
        length = 0
        while self._position < len(self._pattern):
            written.append(self._next())
            length += len(written[-1])
            if length > MAX_ESCAPED:
                raise CannotRewriteError("an expression is too long")
        return "".join(written)

    def _next(self) -> str:
        char = self._pattern[self._position]
        if char == "[":
            return self._class()
        if char == "(":
            return self._group()
        if char == "\\":
            return self._escape()
        quantifier = _QUANTIFIER.match(self._pattern, self._position)
        self._position += len(quantifier[0]) if quantifier else 1
        if char == ")" and len(self._dots_take_lines) > 1:
            self._dots_take_lines.pop()
        if char == ".":
            special = self._special if self._dots_take_lines[-1] else self._special.replace("\n", "")
            return f"(?:{'|'.join([_ANY_PLAIN, *_escapes(special)])})"
        if char in self._special:
            return _written(char)
        return quantifier[0] if quantifier else char

    def _group(self) -> str:
        found = _GROUP.match(self._pattern, self._position)
        if found is None:
            raise self._unsupported(self._pattern[self._position : self._position + 4])
        self._position = found.end()
        dots_take_lines = self._dots_take_lines[-1]
        on, _, off = (found["flags"] or "").partition("-")
        dots_take_lines = (dots_take_lines or "s" in on) and "s" not in off
        if found["end"] == ")":
            self._dots_take_lines[-1] = dots_take_lines
            return found[0]
        self._dots_take_lines.append(dots_take_lines)
        return found[0]

    def _escape(self) -> str:
        family = _FAMILY.match(self._pattern, self._position)
        if family:
            self._position = family.end()
            return _any_of(family[0], "".join(c for c in self._special if _is_in(c, family[0])))
        begin = self._position
        char = self._character()
        return _written(char) if char in self._special else self._pattern[begin : self._position]

    def _character(self) -> str:
        """Return the character that is described here, and pass it."""
        if self._pattern[self._position] != "\\":
            self._position += 1
            return self._pattern[self._position - 1]
        found = _CHARACTER.match(self._pattern, self._position)
        if found is None:
            raise self._unsupported(self._pattern[self._position : self._position + 2])
        self._position = found.end()
        if found["letter"] or found["mark"]:
            return _ESCAPES[found["letter"]] if found["letter"] else found["mark"]
        try:
            return chr(int(found["two"] or found["four"] or found["eight"] or found["hex"], 16))
        except (ValueError, OverflowError):
            raise self._unsupported(found[0]) from None

    def _class(self) -> str:
        """Rewrite a class of characters and ranges."""
        begin = self._position
        is_negated = self._pattern.startswith("[^", begin)
        self._position += 2 if is_negated else 1
        named: set[str] = set()
        has_others = False
        first = True
        while first or not self._pattern.startswith("]", self._position):
            first = False
            if self._position >= len(self._pattern):
                raise CannotRewriteError("an expression has a class that does not end")
            if self._pattern.startswith(("[", "&&", "--", "~~"), self._position):
                raise self._unsupported(self._pattern[begin : self._position + 2])
            family = _FAMILY.match(self._pattern, self._position)
            if family:
                self._position = family.end()
                named |= {c for c in self._special if _is_in(c, family[0])}
                has_others = True
                continue
            low, high = self._range()
            named |= {c for c in self._special if low <= c <= high}
            has_others = (
                has_others or high > "]" or any(chr(c) not in self._special for c in range(ord(low), ord(high) + 1))
            )
        self._position += 1
        special = "".join(c for c in self._special if (c in named) != is_negated)
        text = self._pattern[begin : self._position]
        return _any_of(text if has_others or is_negated else "", special)

    def _range(self) -> tuple[str, str]:
        """Return the ends of the range, or twice the character, that is described here, and pass it."""
        low = self._character()
        rest = self._pattern[self._position : self._position + 2]
        if not rest.startswith("-") or rest in ("-]", "--") or _FAMILY.match(self._pattern, self._position + 1):
            return low, low
        self._position += 1
        return low, self._character()

    def _unsupported(self, what: str) -> CannotRewriteError:
        return CannotRewriteError(f"'{what}' in an expression is not supported")


def _is_in(char: str, family: str) -> bool:
    """Return whether a character that is no letter, digit or underscore belongs to a family such as white space."""
    is_white_space = char in _WHITE_SPACE and family[1] in "sS"
    return is_white_space != (family[1] in _OUTSIDE)


def _any_of(others: str, special: str) -> str:
    """Return the expression for the plain characters of a class, others, and for escapes of special ones, if any."""
    if not special:
        return others
    parts = [f"[{others}--{_NOT_PLAIN}]"] if others else []
    return f"(?:{'|'.join([*parts, *_escapes(special)])})"


@lru_cache(maxsize=256)
def _escapes(special: str) -> list[str]:
    """Return expressions for the escapes of characters, those of the same kind in one."""
    written = [json.dumps(char)[1:-1] for char in special]
    short = "".join(re.escape(text[1]) for text in written if len(text) == 2)
    parts = [rf"\\[{short}]"] if short else []
    for digit in "01":
        last = "".join(text[5] for text in written if len(text) == 6 and text[4] == digit)
        parts += [rf"\\u00{digit}[{last}]"] if last else []
    return [f"(?-i:{'|'.join(parts)})"] if parts else []


def _written(char: str) -> str:
    return f"(?-i:{re.escape(json.dumps(char)[1:-1])})"
