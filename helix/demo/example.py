"""What the corpus is made of: one conversation with a known right answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Message = dict[str, Any]
"""A chat message as OpenAI's API writes it: role, content, tool_calls, tool_call_id."""


class Split(StrEnum):
    """Which half of the world an example is drawn from; the two never share a phrasing or a value."""

    TRAIN = "train"
    HELD_OUT = "held_out"


def exactly(expected: str) -> Callable[[str], bool]:
    """Return a check that accepts expected and nothing else, white space at the ends aside."""
    return lambda answer: answer.strip() == expected.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A conversation whose last message is the assistant's answer to be learned."""

    kind: str
    """Kind of task, a row of the evaluation table: "facts", "arithmetic", "editing", ..."""
    messages: list[Message]
    """The whole conversation; every assistant message in it is trained on, the last one is scored."""
    is_correct: Callable[[str], bool]
    """Whether a generated text is a right last answer (a tool call is scored as its rendered text)."""
    tools: list[dict[str, Any]] | None = None
    """Tools offered, in OpenAI's form, or None."""
    held_out: str = ""
    """What about this example never occurs in training: "phrasing", "values" or "" (training split)."""
