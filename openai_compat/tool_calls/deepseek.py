"""Calls as DeepSeek's models write them, between special tokens whose names have full-width bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.heads import NAME, SPACE, HeadPattern, first_head
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import MarkedCallParser

OPEN, CLOSE = "<\uff5ctool\u2581calls\u2581begin\uff5c>", "<\uff5ctool\u2581calls\u2581end\uff5c>"
CALL, END = "<\uff5ctool\u2581call\u2581begin\uff5c>", "<\uff5ctool\u2581call\u2581end\uff5c>"
SEPARATOR = "<\uff5ctool\u2581sep\uff5c>"

_PLAIN = (NAME, SEPARATOR, SPACE, "{")
_FENCED = ("function", SEPARATOR, NAME, SPACE, "```json", SPACE, "{")
_HEADS = tuple(HeadPattern(*begin, *parts) for parts in (_FENCED, _PLAIN) for begin in ((SPACE,), (SPACE, CALL, SPACE)))


class DeepseekParser(MarkedCallParser):
    """Push parser of the forms of V3, with a fence around the arguments, and of V3.1, without."""

    markers = (OPEN, CALL)
    closers = ("```", END, CLOSE)
    separators = (CALL,)

    def find_head(self, text: str) -> CallHead | None:
        """Return the head, in front of whose name a fenced call says that it is a function."""
        return first_head(_HEADS, text)


class DeepseekFormat:
    """Calls between tokens, all of them between two others."""

    name = "deepseek"
    markers = (OPEN, CALL, SEPARATOR, END, CLOSE)

    def __init__(self, *, is_fenced: bool) -> None:
        self._is_fenced = is_fenced

    def parser(self, tools: Sequence[CallableTool]) -> DeepseekParser:
        """Return a parser of one answer."""
        return DeepseekParser()

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        between = f"{marks(END)} {quoted(chr(10)) if self._is_fenced else ''} {marks(CALL)}"
        return Layout(
            trigger=OPEN,
            begin=marks(CALL),
            call=self._fenced(marks) if self._is_fenced else self._plain(marks),
            between=between,
            end=f"{marks(END)} {marks(CLOSE)}",
        )

    @staticmethod
    def _plain(marks: Marks) -> Callable[[str, str], str]:
        return lambda name, arguments: f"{quoted(name)} {marks(SEPARATOR)} {arguments}"

    @staticmethod
    def _fenced(marks: Marks) -> Callable[[str, str], str]:
        def call(name: str, arguments: str) -> str:
            fence = quoted(f"{name}\n```json\n")
            return f'"function" {marks(SEPARATOR)} {fence} {arguments} {quoted(chr(10) + "```")}'

        return call


DEEPSEEK, DEEPSEEK_FENCED = DeepseekFormat(is_fenced=False), DeepseekFormat(is_fenced=True)
