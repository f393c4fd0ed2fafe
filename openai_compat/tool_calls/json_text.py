"""JSON that is still being written: where an object ends, and what a call says so far."""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

ARGUMENT_KEYS = ("arguments", "parameters")

_HEAD = re.compile(r'\s*\{\s*"name"\s*:\s*(?P<name>"(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)')


class ObjectScan:
    """Finds where a JSON object ends without reading any character twice."""

    def __init__(self, *, depth: int = 0) -> None:
        self._position: int | None = None
        self._depth = depth
        self._in_string = False
        self._is_escaped = False
        self.is_broken = False
        """Whether the text cannot be an object."""

    def feed(self, text: str, start: int = 0) -> int | None:
        """Return the end of the object that begins at start, white space aside, or None while it is incomplete."""
        position = start if self._position is None else self._position
        while position < len(text):
            char = text[position]
            position += 1
            if self._depth == 0:
                if char == "{":
                    self._depth = 1
                elif not char.isspace():
                    self.is_broken = True
                    break
            elif self._in_string:
                if self._is_escaped:
                    self._is_escaped = False
                elif char == "\\":
                    self._is_escaped = True
                elif char == '"':
                    self._in_string = False
            elif char == '"':
                self._in_string = True
            elif char in "{[":
                self._depth += 1
            elif char in "}]":
                self._depth -= 1
                if self._depth == 0:
                    return position
        self._position = position
        return None

    def forget(self, num_characters: int) -> None:
        """Take the text to begin later: what was read is gone from its front."""
        if self._position is not None:
            self._position -= num_characters


@dataclass(frozen=True, slots=True)
class CallHead:
    """What is known of a call once its name is."""

    name: str
    end: int
    """Where the arguments begin, or where the call ends if they are known already."""
    arguments: str | None = None
    """Whole, where they did not come last and as an object."""


def open_call(text: str) -> CallHead | None:
    """Return the head of the object {"name": ..., "arguments": {... that text begins with, or None."""
    head = _HEAD.match(text)
    if head is None:
        return None
    try:
        return CallHead(msgspec.json.decode(head["name"], type=str), head.end())
    except msgspec.DecodeError:
        return None


def whole_call(text: str, end: int) -> CallHead | None:
    """Return the call that the object in front of end describes, or None.

    Models write arguments as an object or as a string of one, and leave them out.
    """
    try:
        call = msgspec.json.decode(text[:end], type=dict[str, msgspec.Raw])
        name = msgspec.json.decode(call["name"], type=str)
        arguments = next((bytes(call[key]) for key in ARGUMENT_KEYS if key in call), b"{}")
        if arguments.startswith(b'"'):
            arguments = msgspec.json.decode(arguments, type=str).encode()
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, KeyError, UnicodeError, RecursionError):
        return None
    return CallHead(name, end, arguments.decode())
