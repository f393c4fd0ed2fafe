"""Calls as Mistral's models write them: [TOOL_CALLS]name[ARGS]{...}, and before that [TOOL_CALLS] [{...}, ...]."""

from __future__ import annotations

import re
from collections.abc import Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.heads import NAME, SPACE, HeadPattern, first_head
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import JsonCallParser

OPEN, ID, ARGUMENTS = "[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"

_NAMED = (
    HeadPattern(SPACE, NAME, ARGUMENTS, SPACE, "{"),
    HeadPattern(SPACE, NAME, ID, re.compile(r"\w*"), ARGUMENTS, SPACE, "{"),
)
_LIST = re.compile(r"\s*\[?\s*")


class MistralParser(JsonCallParser):
    """Push parser of both forms."""

    markers = (OPEN,)
    closers = ("]",)
    separators = (",",)

    def find_head(self, text: str) -> CallHead | None:
        """Return the head of a named call or of an object, alone or in a list."""
        start = _LIST.match(text)
        assert start is not None, "the expression matches nothing as well"
        if start.end() == len(text):
            return None
        if text[start.end()] == "{":
            head = super().find_head(text[start.end() :])
            return head and CallHead(head.name, head.end + start.end(), head.arguments)
        self.is_object = False
        return first_head(_NAMED, text)

    def find_tail(self, text: str) -> int | None:
        """Return the length of the rest of the object; a named call has none."""
        return super().find_tail(text) if self.is_object else 0


class MistralFormat:
    """A special token, then calls."""

    name = "mistral"
    markers = (OPEN, ID, ARGUMENTS)

    def __init__(self, *, is_named: bool) -> None:
        self._is_named = is_named  # whether the name stands in front of the arguments, as since the eleventh tokenizer

    def parser(self, tools: Sequence[CallableTool]) -> MistralParser:
        """Return a parser of one answer."""
        return MistralParser()

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        if self._is_named:
            return Layout(
                trigger=OPEN,
                call=lambda name, arguments: f"{quoted(name)} {marks(ARGUMENTS)} {arguments}",
                between=marks(OPEN),
                is_repeated=True,
            )
        return Layout(
            trigger=OPEN,
            begin=quoted(" ["),
            call=lambda name, arguments: quoted(f'{{"name": "{name}", "arguments": ') + f' {arguments} "}}"',
            between=quoted(", "),
            end=quoted("]"),
        )


MISTRAL, MISTRAL_LISTS = MistralFormat(is_named=True), MistralFormat(is_named=False)
