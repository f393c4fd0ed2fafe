"""What a format of tool calls is: how to read it, and how to make a model keep to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from helix import Grammar
from openai_compat.tool_calls.choice import CallableTool
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
    arguments: Callable[[CallableTool, Mapping[str, Any]], str] = lambda tool, schema: Grammar.json_schema(schema).term
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
