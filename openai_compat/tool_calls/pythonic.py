"""Calls as Llama 4 and LFM2 write them: a list of Python calls with keywords, [f(x=1), g(y="a")]."""

from __future__ import annotations

from collections.abc import Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.heads import NAME, SPACE, HeadPattern
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import MarkedCallParser, NoCallError, State
from openai_compat.tool_calls.python_arguments import ParenthesisScan, arguments_json, keywords_expression

LLAMA_OPEN, LLAMA_CLOSE = "<|python_start|>", "<|python_end|>"
LFM_OPEN, LFM_CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"

_FIRST, _NEXT = HeadPattern(SPACE, "[", SPACE, NAME, SPACE, "("), HeadPattern(SPACE, NAME, SPACE, "(")


class PythonicParser(MarkedCallParser):
    """Push parser; a call is announced when it is complete, since its arguments become JSON."""

    markers = (LLAMA_OPEN, LFM_OPEN)
    closers = ("]", LLAMA_CLOSE, LFM_CLOSE)
    separators = (",",)
    begins_answers = True

    def __init__(self) -> None:
        super().__init__()
        self._call_scan = ParenthesisScan()

    def find_head(self, text: str) -> CallHead | None:
        """Return a whole call."""
        found = (_NEXT if self.follows_call else _FIRST).match(text)
        if found is None:
            return None
        end = self._call_scan.feed(text, found.end() - 1)
        if end is None:
            return None
        name = found["name"]
        arguments = arguments_json(text[found.end() - 1 : end])
        if not name or arguments is None:
            raise NoCallError
        return CallHead(name, end, arguments)

    def enter(self, state: State) -> None:
        """Begin a state, with nothing read."""
        super().enter(state)
        self._call_scan = ParenthesisScan()


class PythonicFormat:
    """Calls in Python's notation, between two markers or as the whole answer."""

    name = "pythonic"
    markers = (LLAMA_OPEN, LLAMA_CLOSE, LFM_OPEN, LFM_CLOSE)

    def __init__(self, tags: tuple[str, str] | None = None) -> None:
        self._tags = tags

    def parser(self, tools: Sequence[CallableTool]) -> PythonicParser:
        """Return a parser of one answer."""
        return PythonicParser()

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        opening, closing = self._tags or (None, None)
        return Layout(
            trigger=opening,
            begin=quoted("["),
            call=lambda name, arguments: f"{quoted(name + '(')} {arguments} {quoted(')')}",
            between=quoted(", "),
            end=quoted("]") + ("" if closing is None else f" {marks(closing)}"),
            arguments=keywords_expression,
            other_content=r"\s*([^\s\[](.|\n)*)?",
        )


PYTHONIC = PythonicFormat()
PYTHONIC_LLAMA, PYTHONIC_LFM = PythonicFormat((LLAMA_OPEN, LLAMA_CLOSE)), PythonicFormat((LFM_OPEN, LFM_CLOSE))
