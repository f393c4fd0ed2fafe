"""Calls as Qwen3-Coder and Qwen3.5 write them: <function=name>, and each argument between <parameter=key> tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from openai_compat.tool_calls.choice import CallableTool
from openai_compat.tool_calls.format import Layout, Marks, quoted
from openai_compat.tool_calls.heads import SPACE, HeadPattern
from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import MarkedCallParser, NoCallError
from openai_compat.tool_calls.parser import CallArguments, Piece
from openai_compat.tool_calls.xml_arguments import ANY_TEXT, VALUE_END, arguments_expression, is_text, value_json

OPEN, CLOSE = "<tool_call>", "</tool_call>"
_NAME = re.compile(r"(?P<name>[^<>\s]*)")
_HEADS = (HeadPattern(SPACE, "<function=", _NAME, ">"),)
_PARAMETER = re.compile(r"\s*<parameter=([^>\n]*)>")
_FUNCTION_END = "</function>"


class QwenXmlParser(MarkedCallParser):
    """Push parser; arguments become JSON, a string's characters as they come, other values when they are complete."""

    markers = (OPEN,)
    closers = (CLOSE,)

    def __init__(self, tools: Sequence[CallableTool]) -> None:
        super().__init__()
        described = {tool.name: tool.parameters.get("properties") for tool in tools}
        self._schemas = {name: value for name, value in described.items() if isinstance(value, Mapping)}
        self._properties: Mapping[str, Any] = {}
        self._num_arguments = 0
        self._key: str | None = None  # of the parameter that is open
        self._is_begun = False  # whether its string was opened

    def find_head(self, text: str) -> CallHead | None:
        """Return the head of a function's tag."""
        found = _HEADS[0].match(text)
        if found is None:
            return None
        if not found["name"]:
            raise NoCallError
        self._properties = self._schemas.get(found["name"], {})
        self._num_arguments, self._key = -1, None
        return CallHead(found["name"], found.end())

    def read_arguments(self, pieces: list[Piece], *, is_last: bool) -> bool:
        """Take parameters; the object ends with the function's tag, or before what is no parameter."""
        if self._num_arguments < 0:
            self._num_arguments = 0
            pieces.append(CallArguments("{"))
        while self._take_parameter(pieces, is_last=is_last):
            pass
        if self._key is not None:
            return False
        rest = self._text.lstrip()
        if rest.startswith(_FUNCTION_END):
            self._text = rest[len(_FUNCTION_END) :]
        elif not rest or _FUNCTION_END.startswith(rest) or _may_open_parameter(rest):
            self._text = "" if is_last else self._text  # cut off: the object stays open
            return False
        pieces.append(CallArguments("}"))
        return True

    def _take_parameter(self, pieces: list[Piece], *, is_last: bool) -> bool:
        """Take what there is of one parameter; return whether it is complete."""
        if self._key is None:
            found = _PARAMETER.match(self._text)
            if found is None:
                return False
            self._key, self._is_begun = found[1], False
            self._text = self._text[found.end() :]
        end = self._text.find(VALUE_END)
        if is_text(self._properties.get(self._key)):
            self._take_text(pieces, end, is_last=is_last)
        elif end >= 0:
            pieces.append(CallArguments(self._label() + value_json(self._text[:end], self._properties.get(self._key))))
            self._text = self._text[end:]
        elif is_last:
            begun = self._text[: len(self._text) - _held_back(self._text)].lstrip()
            pieces.append(CallArguments(self._label() + begun))
            self._text = ""
        if end < 0:
            return False
        self._text = self._text[len(VALUE_END) :]
        self._key = None
        return True

    def _take_text(self, pieces: list[Piece], end: int, *, is_last: bool) -> None:
        """Take the characters of a string up to end, or up to what may be the end; the tags' lines are layout."""
        is_end_known = end >= 0
        if not self._is_begun:
            if not self._text and not is_last:
                return
            self._text, end = (self._text[1:], end - 1) if self._text.startswith("\n") else (self._text, end)
        text = self._text[:end] if is_end_known else self._text
        cut = len(text) if is_end_known else len(text) - _held_back(text)
        shown = text[:cut].removesuffix("\n") if is_end_known else text[:cut]
        opening = "" if self._is_begun else self._label() + '"'
        self._is_begun = True
        piece = opening + json.dumps(shown, ensure_ascii=False)[1:-1] + ('"' if is_end_known else "")
        if piece:
            pieces.append(CallArguments(piece))
        self._text = "" if is_last and not is_end_known else self._text[cut:]

    def _label(self) -> str:
        assert self._key is not None, "only an open parameter has a key"
        self._num_arguments += 1
        return (", " if self._num_arguments > 1 else "") + json.dumps(self._key, ensure_ascii=False) + ": "


class QwenXmlFormat:
    """Tags for the function and for every argument."""

    name = "qwen_xml"
    markers = (OPEN, CLOSE)

    def parser(self, tools: Sequence[CallableTool]) -> QwenXmlParser:
        """Return a parser of one answer."""
        return QwenXmlParser(tools)

    def layout(self, marks: Marks) -> Layout:
        """Return how a model that was trained on the format writes calls."""
        line, end = quoted("\n"), quoted(f"\n{VALUE_END}\n")
        return Layout(
            trigger=OPEN,
            begin=line,
            call=lambda name, arguments: f'{quoted(f"<function={name}>{chr(10)}")} {arguments} "</function>"',
            between=f"{line} {marks(CLOSE)} {line} {marks(OPEN)} {line}",
            end=f"{line} {marks(CLOSE)}",
            is_repeated=True,
            arguments=arguments_expression,
            rules=(rf"{ANY_TEXT}: (/(.|\n)*/ & ~/(.|\n)*<\/parameter>(.|\n)*/) {end}",),
        )


QWEN_XML = QwenXmlFormat()


def _may_open_parameter(rest: str) -> bool:
    start = "<parameter="
    return start.startswith(rest) or (rest.startswith(start) and not set(rest) & {">", "\n"})


def _held_back(text: str) -> int:
    """Return how many characters at the end may belong to the closing tag and the line before it."""
    marker = "\n" + VALUE_END
    sizes = range(min(len(text), len(marker) - 1), 0, -1)
    return next((size for size in sizes if text.endswith((marker[:size], VALUE_END[:size]))), 0)
