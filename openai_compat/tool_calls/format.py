"""What a format of tool calls is: how to read it, and how to make a model keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from helix import Grammar, InvalidRequestError
from openai_compat.errors import UnsupportedParameter
from openai_compat.tool_calls.choice import CUSTOM_INPUT, CallableTool
from openai_compat.tool_calls.parser import ToolCallParser


@dataclass(frozen=True, slots=True)
class Marks:
    """Terms for a format's markers in a grammar: those that are special tokens have no text there."""

    special_ids: Mapping[str, int]
    """The token of each marker that is one special token."""

    def __call__(self, marker: str) -> str:
        """Return the term for a marker."""
        return f"<[{self.special_ids[marker]}]>" if marker in self.special_ids else quoted(marker)


PLAIN_MARKS = Marks({})
"""Of a model whose markers are ordinary text."""


def json_arguments(tool: CallableTool, schema: Mapping[str, Any]) -> str:
    """Return the expression for a call's arguments as JSON.

    Raises:
        UnsupportedParameter: The grammar of a custom tool cannot be told inside a JSON string.
    """
    if tool.input is None or tool.input.kind == "regex":
        return Grammar.json_schema(schema).term
    opening = quoted(f'{{"{CUSTOM_INPUT}": "')
    return f"{opening} {rewritten_input(tool, tool.input.inside_json).term} {quoted(chr(34) + '}')}"


def rewritten_input(tool: CallableTool, rewrite: Callable[[], Grammar]) -> Grammar:
    """Return what rewrite makes of a custom tool's grammar; its errors name the tool."""
    try:
        return rewrite()
    except InvalidRequestError as error:
        raise UnsupportedParameter(tool.param, str(error).replace("grammar ", f"{tool.param} ", 1)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A region of calls in llguidance's variant of Lark: trigger, begin, calls with between in their middle, end."""

    trigger: str | None
    """The marker, as text, that content does not contain; None: calls begin the answer."""
    call: Callable[[str, str], str]
    """From a tool's name and the term for its arguments to the expression of one call."""
    between: str
    begin: str = ""
    end: str = ""
    is_repeated: bool = False
    """Whether each call is a region of its own, and between contains the trigger."""
    arguments: Callable[[CallableTool, Mapping[str, Any]], str] = json_arguments
    """From a tool and the schema that holds for its arguments to their expression."""
    rules: Sequence[str] = ()
    """What else these expressions name."""
    other_content: str = ""
    """Without a trigger, the regular expression of the answers that are no calls."""


class ToolFormat(Protocol):
    """One way in which models write calls."""

    @property
    def name(self) -> str:
        """The format's own name."""
        ...

    @property
    def markers(self) -> Sequence[str]:
        """Strings that models may have as special tokens."""
        ...

    def parser(self, tools: Sequence[CallableTool]) -> ToolCallParser:
        """Return a parser of one answer."""
        ...

    def layout(self, marks: Marks) -> Layout | None:
        """Return how a model that was trained on the format writes calls; None where no grammar says it."""
        ...


def quoted(text: str) -> str:
    """Return a literal of Lark's notation."""
    return json.dumps(text, ensure_ascii=False)
