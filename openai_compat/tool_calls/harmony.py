"""The channels of gpt-oss: thoughts, calls and answers as messages of their own, in OpenAI's harmony format.

An answer is a sequence of messages behind `<|start|>assistant`, with which the prompt ends, such as
`<|channel|>commentary to=functions.f <|constrain|>json<|message|>{}<|call|>`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import Enum, auto
from typing import Any

from openai_compat.reasoning import Reasoning
from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks
from openai_compat.tool_calls.heads import SPACE, HeadPattern
from openai_compat.tool_calls.marked import NoCallError
from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
END, RETURN, CALL = "<|end|>", "<|return|>", "<|call|>"
MARKERS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, RETURN, CALL)
FUNCTIONS = "functions."

_ENDS = (END, RETURN, CALL, START, CHANNEL)
_NAME, _ROLE_TO = re.compile(r"(?P<channel>[a-z]*)"), re.compile(r"(?P<role_to>[^\s<]*)")
_TO, _FORMAT = re.compile(r"(?P<to>[^\s<]*)"), re.compile(r"[a-z]*")
_HEADS = [
    HeadPattern(*start, *role, SPACE, CHANNEL, _NAME, *to, *constraint, SPACE, MESSAGE)
    for start in ((), (SPACE, START, "assistant"))
    for role in ((), (SPACE, "to=", _ROLE_TO))
    for to in ((), (SPACE, "to=", _TO))
    for constraint in ((), (SPACE, CONSTRAIN, SPACE, _FORMAT), (re.compile(r"\s+"), _FORMAT))
]
_MAX_HEAD = 512


class _Kind(Enum):
    HEAD = auto()  # in front of a message
    THOUGHT = auto()
    CONTENT = auto()
    ARGUMENTS = auto()


class HarmonyParser:
    """Push parser of the channels; without splits, thoughts are content like everything else, tags and all.

    opening is what the prompt ends with behind its last START. What is no message is content, and so is a call of what
    is no offered function.
    """

    def __init__(self, names: Collection[str], *, opening: str = "assistant", splits: bool = True) -> None:
        self._names = names
        self._splits = splits
        self._kind = _Kind.HEAD
        self._text = ""
        self._said: dict[type[Any], bool] = {}  # whether there was a thought, or content, in an earlier message
        self._is_fresh = False  # whether nothing of the message was told yet
        self._begin(opening.removeprefix("assistant"), [])

    def feed(self, text: str, *, is_last: bool = False) -> list[Reasoning | Piece]:
        """Take more text and return what is certain by now; the last time, everything."""
        self._text += text
        pieces: list[Reasoning | Piece] = []
        while self._text and (self._head(pieces, is_last) if self._kind is _Kind.HEAD else self._body(pieces, is_last)):
            pass
        if is_last and self._kind is _Kind.ARGUMENTS and self._is_fresh:
            self._tell("{}", pieces)
        return pieces

    def _begin(self, opening: str, pieces: list[Reasoning | Piece]) -> None:
        """Read the message that the prompt leaves open, if it leaves one open; it said what it says before us."""
        self._text = opening
        if opening and self._head(pieces, False) and self._kind is not _Kind.HEAD:
            self._is_fresh, self._text = self._text == "", ""
            if self._kind is _Kind.ARGUMENTS:
                self._kind = _Kind.CONTENT  # of a call that somebody else began

    def _head(self, pieces: list[Reasoning | Piece], is_last: bool) -> bool:
        found = _head_of(self._text[:_MAX_HEAD])
        is_open = found is None and len(self._text) < _MAX_HEAD
        if is_open:
            self._text = "" if is_last else self._text  # cut off in a head, which says nothing
            return False
        if found is None or isinstance(found, NoCallError):
            self._kind, self._is_fresh = _Kind.CONTENT, True
            marker = next((one for one in (START, CHANNEL) if self._text.startswith(one)), "")
            self._tell(marker, pieces)
            self._text = self._text[len(marker) :]
            return True
        head, self._text = found[0], self._text[found.end() :]
        groups = found.groupdict()
        recipient = groups.get("to") or groups.get("role_to") or ""
        name = recipient.removeprefix(FUNCTIONS)
        self._is_fresh = True
        if recipient.startswith(FUNCTIONS) and name in self._names:
            self._kind = _Kind.ARGUMENTS
            pieces.append(CallStart(name))
        elif groups["channel"] == "analysis" and self._splits:
            self._kind = _Kind.THOUGHT
        else:
            self._kind = _Kind.CONTENT
            if recipient or groups["channel"] == "analysis":
                self._tell(head, pieces)
        return True

    def _body(self, pieces: list[Reasoning | Piece], is_last: bool) -> bool:
        """Take what there is of a message; return whether it has ended."""
        ends = [(start, end) for end in _ENDS if (start := self._text.find(end)) >= 0]
        if not ends:
            held = 0 if is_last else max(_overlap(self._text, end) for end in _ENDS)
            cut = len(self._text) - held
            self._tell(self._text[:cut], pieces)
            self._text = self._text[cut:]
            return False
        start, end = min(ends)
        self._tell(self._text[:start] or ("{}" if self._kind is _Kind.ARGUMENTS and self._is_fresh else ""), pieces)
        self._text = self._text[start + (0 if end in (START, CHANNEL) else len(end)) :]
        self._kind = _Kind.HEAD
        return True

    def _tell(self, text: str, pieces: list[Reasoning | Piece]) -> None:
        """Pass text on as what the message is; messages of a kind stand on lines of their own."""
        if not text:
            return
        if self._kind is _Kind.ARGUMENTS:
            pieces.append(CallArguments(text))
        else:
            kind = Reasoning if self._kind is _Kind.THOUGHT else str
            line = "\n" if self._is_fresh and self._said.get(kind) else ""
            self._said[kind] = True
            pieces.append(kind(line + text))
        self._is_fresh = False


class HarmonyCounter:
    """Counts the tokens of an answer's thoughts, with what stands around them."""

    def __init__(self, special_ids: Mapping[str, int], opening: str) -> None:
        self._message = special_ids.get(MESSAGE)
        self._channel = special_ids.get(CHANNEL)
        self._ends = {special_ids[end] for end in (END, RETURN, CALL, START) if end in special_ids}
        head, _, _ = opening.partition(MESSAGE)
        self._is_head = MESSAGE not in opening
        self._is_thought = not self._is_head and f"{CHANNEL}analysis" in head
        self._channel_name: bytes | None = b"" if head.endswith(CHANNEL) else None
        self._num_before = 0

    def feed(self, tokens: Sequence[tuple[int, bytes]]) -> int:
        """Return how many more tokens of thoughts are known with these, each given by its id and its bytes."""
        count = 0
        for token_id, data in tokens:
            if not self._is_head:
                count += self._is_thought
                self._is_head = token_id in self._ends
                self._channel_name, self._num_before = None, 0
                continue
            self._num_before += 1
            if token_id == self._channel:
                self._channel_name = b""
            elif token_id == self._message:
                self._is_head = False
                self._is_thought = (self._channel_name or b"").startswith(b"analysis")
                count += self._num_before if self._is_thought else 0
            elif self._channel_name is not None:
                self._channel_name += data
        return count


class HarmonyFormat:
    """Calls are messages to a function."""

    name = "harmony"
    markers = MARKERS

    def parser(self, tools: Sequence[CallableTool]) -> HarmonyCalls:
        """Return a parser of one answer, which takes thoughts for content."""
        return HarmonyCalls([tool.name for tool in tools])

    def layout(self, marks: Marks) -> Layout | None:
        """Return None: calls are no region of the content but messages beside it."""
        return None


class HarmonyCalls:
    """The parser as that of any format: thoughts, which another parser would have taken off before, are content."""

    def __init__(self, names: Collection[str]) -> None:
        self._parser = HarmonyParser(names, splits=False)

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what is certain by now."""
        return [piece for piece in self._parser.feed(text) if not isinstance(piece, Reasoning)]

    def finish(self) -> list[Piece]:
        """Return what was held back; nothing may be fed afterwards."""
        return [piece for piece in self._parser.feed("", is_last=True) if not isinstance(piece, Reasoning)]


HARMONY = HarmonyFormat()


def with_thoughts(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages with their reasoning where templates of the format look for it.

    They refuse content beside reasoning in front of a call, and show content alone as a thought: both become one.
    """
    shown = []
    for message in messages:
        thoughts = message.get("reasoning_content")
        if thoughts:
            message = {**message, "thinking": thoughts}
            if message.get("tool_calls") and message.get("content"):
                message |= {"thinking": f"{thoughts}\n{message['content']}", "content": ""}
        shown.append(message)
    return shown


def _head_of(text: str) -> re.Match[str] | NoCallError | None:
    """Return the head that text begins with, None while it is unfinished, an error where there is none."""
    is_open = False
    for pattern in _HEADS:
        try:
            found = pattern.match(text)
        except NoCallError:
            continue
        if found is not None:
            return found
        is_open = True
    return None if is_open else NoCallError()


def _overlap(text: str, marker: str) -> int:
    """Return how many characters at the end may be the beginning of marker."""
    longest = min(len(text), len(marker) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(marker[:size])), 0)
