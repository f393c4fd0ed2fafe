"""Calls as Llama 4 and LFM2 write them: a list of Python calls with keywords, [f(x=1), g(y="a")]."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks
from openai_compat.tool_calls.heads import NAME, SPACE, HeadPattern
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import MarkedCallParser, NoCallError

LLAMA_OPEN, LLAMA_CLOSE = "<|python_start|>", "<|python_end|>"
LFM_OPEN, LFM_CLOSE = "<|tool_call_start|>", "<|tool_call_end|>"

_FIRST, _NEXT = HeadPattern(SPACE, "[", SPACE, NAME, SPACE, "("), HeadPattern(SPACE, NAME, SPACE, "(")
_JSON_WORDS = {"true": True, "false": False, "null": None}


class PythonicParser(MarkedCallParser):
    """Push parser; a call is announced when it is complete, since its arguments become JSON."""

    markers = (LLAMA_OPEN, LFM_OPEN)
    closers = ("]", LLAMA_CLOSE, LFM_CLOSE)
    separators = (",",)
    begins_answers = True

    def find_head(self, text: str) -> CallHead | None:
        """Return a whole call."""
        found = (_NEXT if self.follows_call else _FIRST).match(text)
        if found is None:
            return None
        end = _end_of_parentheses(text, found.end() - 1)
        if end is None:
            return None
        name = found["name"]
        arguments = _arguments_json(text[found.end() - 1 : end])
        if not name or arguments is None:
            raise NoCallError
        return CallHead(name, end, arguments)


class PythonicFormat:
    """Calls in Python's notation."""

    name = "pythonic"
    markers = (LLAMA_OPEN, LLAMA_CLOSE, LFM_OPEN, LFM_CLOSE)

    def parser(self, tools: Sequence[CallableTool]) -> PythonicParser:
        """Return a parser of one answer."""
        return PythonicParser()

    def layout(self, marks: Marks) -> Layout | None:
        """Return None: JSON schemas say nothing of Python's notation."""
        return None


PYTHONIC = PythonicFormat()


def _end_of_parentheses(text: str, start: int) -> int | None:
    """Return where what opens at start is closed, or None while it is open."""
    depth, quote, position = 0, "", start
    while position < len(text):
        char = text[position]
        position += 1
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth == 0:
                return position
    return None


def _arguments_json(text: str) -> str | None:
    """Return the keywords of a call, given from its parenthesis on, as JSON, or None."""
    try:
        call = ast.parse(f"f{text}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return None
        values = {keyword.arg: _value(keyword.value) for keyword in call.keywords if keyword.arg is not None}
        if len(values) < len(call.keywords):
            return None
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        return text.encode().decode()  # which unpaired surrogates do not survive
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> object:
    """Return a literal's value; the words of JSON are understood as well."""
    for child in ast.walk(node):
        for name, field in ast.iter_fields(child):
            if isinstance(field, ast.Name) and field.id in _JSON_WORDS:
                setattr(child, name, ast.Constant(_JSON_WORDS[field.id]))
            elif isinstance(field, list):
                field[:] = [
                    ast.Constant(_JSON_WORDS[one.id]) if isinstance(one, ast.Name) and one.id in _JSON_WORDS else one
                    for one in field
                ]
    if isinstance(node, ast.Name) and node.id in _JSON_WORDS:
        return _JSON_WORDS[node.id]
    return ast.literal_eval(node)
