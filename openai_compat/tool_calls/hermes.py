"""Calls as Hermes and Qwen write them: <tool_call>{"name": ..., "arguments": {...}}</tool_call>."""

from __future__ import annotations

from collections.abc import Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.marked import JsonCallParser

OPEN, CLOSE = "<tool_call>", "</tool_call>"


class HermesParser(JsonCallParser):
    """Push parser; a missing CLOSE is forgiven."""

    markers = (OPEN,)
    closers = (CLOSE,)


class HermesFormat:
    """One object per pair of tags."""

    name = "hermes"
    markers = (OPEN, CLOSE)

    def parser(self, tools: Sequence[CallableTool]) -> HermesParser:
        """Return a parser of one answer."""
        return HermesParser()

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        return Layout(
            trigger=OPEN,
            begin=quoted("\n"),
            call=lambda name, arguments: quoted(f'{{"name": "{name}", "arguments": ') + f' {arguments} "}}"',
            between=f"{quoted(chr(10))} {marks(CLOSE)} {quoted(chr(10))} {marks(OPEN)} {quoted(chr(10))}",
            end=f"{quoted(chr(10))} {marks(CLOSE)}",
            is_repeated=True,
        )


HERMES = HermesFormat()
