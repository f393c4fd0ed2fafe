"""How a model writes what is not content."""

from __future__ import annotations

from dataclasses import dataclass

from openai_compat.engine import ChatTokenizer
from openai_compat.tool_calls.format import PLAIN_MARKS, Marks, ToolFormat
from openai_compat.tool_calls.formats import tool_format_of
from openai_compat.tool_calls.hermes import HERMES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """The form of a model's answers; the default is what most models were trained on."""

    tools: ToolFormat = HERMES
    marks: Marks = PLAIN_MARKS

    @property
    def shows_special_tokens(self) -> bool:
        """Whether calls can be told from content only where special tokens are left in the text."""
        return bool(self.marks.special_ids)


DEFAULT_FORMAT = AnswerFormat()


def answer_format_of(tokenizer: ChatTokenizer) -> AnswerFormat:
    """Return the format of a model's answers, told by its chat template and its special tokens."""
    tools = tool_format_of(tokenizer.chat_template)
    tokens = {marker: tokenizer.encode(marker, add_special_tokens=False) for marker in tools.markers}
    special_ids = {marker: ids[0] for marker, ids in tokens.items() if len(ids) == 1 and tokenizer.is_special(ids[0])}
    return AnswerFormat(tools=tools, marks=Marks(special_ids))
