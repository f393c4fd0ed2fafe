"""Calls as Hermes and Qwen write them: <tool_call>{"name": ..., "arguments": {...}}</tool_call>."""

from __future__ import annotations

from enum import Enum, auto

import msgspec

from openai_compat.tool_calls.parser import ParsedToolCall, Piece

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class _State(Enum):
    CONTENT = auto()
    CALL = auto()  # behind OPEN, in front of the end of the JSON object
    AFTER = auto()  # behind a call, where white space and CLOSE mean nothing


class _Call(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class HermesParser:
    """Push parser; a call is reported as soon as its JSON object is complete, a missing CLOSE is forgiven.

    White space in front of a call is layout of the format, not content; it is held back until what follows is known.
    """

    def __init__(self) -> None:
        self._state = _State.CONTENT
        self._text = ""
        self._gap = ""  # white space in front of OPEN, content again should no call follow
        self._scan = _ObjectScan()

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what is certain by now."""
        self._text += text
        return self._run(is_last=False)

    def finish(self) -> list[Piece]:
        """Return what was held back; nothing may be fed afterwards."""
        return self._run(is_last=True)

    def _run(self, *, is_last: bool) -> list[Piece]:
        steps = {_State.CONTENT: self._content, _State.CALL: self._call, _State.AFTER: self._after}
        pieces: list[Piece] = []
        while self._text and steps[self._state](pieces, is_last):
            pass
        return pieces

    def _content(self, pieces: list[Piece], is_last: bool) -> bool:
        """Pass content on up to OPEN or what may become one; return whether to go on in another state."""
        start = self._text.find(OPEN)
        if start >= 0:
            content = self._text[:start].rstrip()
            self._gap = self._text[len(content) : start]
            _append(pieces, content)
            self._text = self._text[start:]
            self._enter(_State.CALL)
            return True
        held = 0 if is_last else _held_back(self._text, OPEN)
        cut = len(self._text) - held
        _append(pieces, self._text[:cut])
        self._text = self._text[cut:]
        return False

    def _call(self, pieces: list[Piece], is_last: bool) -> bool:
        """Wait for the end of the object; give OPEN back as content when none can come."""
        end = self._scan.feed(self._text, len(OPEN))
        call = None
        if end is None and not self._scan.is_broken and not is_last:
            return False
        if end is not None:
            call = _decode(self._text[len(OPEN) : end])
        if call is None:
            _append(pieces, self._gap + OPEN)
            self._text = self._text[len(OPEN) :]
            self._enter(_State.CONTENT)
            return True
        pieces.append(call)
        self._text = self._text[end:]
        self._enter(_State.AFTER)
        return True

    def _after(self, pieces: list[Piece], is_last: bool) -> bool:
        """Swallow CLOSE and white space; anything else is content again."""
        self._text = self._text.lstrip()
        if self._text.startswith(CLOSE):
            self._text = self._text[len(CLOSE) :]
            return True
        if CLOSE.startswith(self._text):
            return False
        self._enter(_State.CONTENT)
        return True

    def _enter(self, state: _State) -> None:
        self._state = state
        self._scan = _ObjectScan()


class _ObjectScan:
    """Finds where a JSON object ends without reading any character twice."""

    def __init__(self) -> None:
        self._position: int | None = None
        self._depth = 0
        self._in_string = False
        self._is_escaped = False
        self.is_broken = False
        """Whether the text cannot be an object."""

    def feed(self, text: str, start: int) -> int | None:
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


def _append(pieces: list[Piece], content: str) -> None:
    if content:
        pieces.append(content)


def _held_back(text: str, marker: str) -> int:
    """Return how many characters at the end may be the beginning of marker, white space in front of it included."""
    longest = min(len(text), len(marker) - 1)
    overlap = next((size for size in range(longest, 0, -1) if text.endswith(marker[:size])), 0)
    body = text[: len(text) - overlap]
    return overlap + len(body) - len(body.rstrip())


def _decode(text: str) -> ParsedToolCall | None:
    """Return the call an object describes, or None; models write arguments as an object or as a string of one."""
    try:
        call = msgspec.json.decode(text, type=_Call)
        arguments = bytes(call.arguments)
        if arguments.startswith(b'"'):
            arguments = msgspec.json.decode(arguments, type=str).encode()
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return ParsedToolCall(call.name, arguments.decode())
