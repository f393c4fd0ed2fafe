"""Calls as Llama 3 writes them: {"name": ..., "parameters": {...}} as the whole answer, several behind semicolons."""

from __future__ import annotations

from collections.abc import Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.marked import JsonCallParser

PYTHON_TAG = "<|python_tag|>"


class LlamaJsonParser(JsonCallParser):
    """Push parser; an answer that begins as an object is held back until that is a call or none."""

    markers = (PYTHON_TAG,)
    separators = (";",)
    begins_answers = True


class LlamaJsonFormat:
    """Objects without tags."""

    name = "llama_json"
    markers = (PYTHON_TAG,)

    def parser(self, tools: Sequence[CallableTool]) -> LlamaJsonParser:
        """Return a parser of one answer."""
        return LlamaJsonParser()

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        return Layout(
            trigger=None,
            call=lambda name, arguments: quoted(f'{{"name": "{name}", "parameters": ') + f' {arguments} "}}"',
            between=quoted("; "),
            other_content=r"\s*([^\s{](.|\n)*)?",
        )


LLAMA_JSON = LlamaJsonFormat()
