"""How a model writes what is not content."""

from __future__ import annotations

from dataclasses import dataclass

from openai_compat.tool_calls.format import PLAIN_MARKS, Marks, ToolFormat
from openai_compat.tool_calls.hermes import HERMES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """The form of a model's answers; the default is what most models were trained on."""

    tools: ToolFormat = HERMES
    marks: Marks = PLAIN_MARKS


DEFAULT_FORMAT = AnswerFormat()
