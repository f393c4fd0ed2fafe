"""How a model writes what is not content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openai_compat.engine import ChatTokenizer
from openai_compat.reasoning import ReasoningTags, is_opened, reasoning_tags_of
from openai_compat.tool_calls.format import PLAIN_MARKS, Marks, ToolFormat
from openai_compat.tool_calls.formats import tool_format_of
from openai_compat.tool_calls.hermes import HERMES


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """The form of a model's answers; the default is what most models were trained on."""

    tools: ToolFormat = HERMES
    marks: Marks = PLAIN_MARKS
    reasoning: ReasoningTags | None = None
    """What is told from the answer; None: the model does not reason, or nobody wants its reasoning apart."""
    is_opened: bool = False
    """Whether the prompt ends inside the reasoning."""

    def shows_special_tokens(self, *, has_tools: bool) -> bool:
        """Return whether reasoning and calls can be told only where special tokens are left in the text."""
        markers = [*(self.tools.markers if has_tools else ())]
        markers += [self.reasoning.open, self.reasoning.close] if self.reasoning else []
        return any(marker in self.marks.special_ids for marker in markers)

    def behind(self, prompt_token_ids: Sequence[int], tokenizer: ChatTokenizer, *, splits: bool) -> AnswerFormat:
        """Return the format of the answer to a prompt; without splits, reasoning is content like everything else."""
        if self.reasoning is None or not splits:
            return replace(self, reasoning=None)
        return replace(self, is_opened=is_opened(self.reasoning, prompt_token_ids, tokenizer))


DEFAULT_FORMAT = AnswerFormat()


def answer_format_of(tokenizer: ChatTokenizer) -> AnswerFormat:
    """Return the format of a model's answers, told by its chat template and its special tokens."""
    tools, reasoning = tool_format_of(tokenizer.chat_template), reasoning_tags_of(tokenizer.chat_template)
    markers = [*tools.markers, *((reasoning.open, reasoning.close) if reasoning else ())]
    tokens = {marker: tokenizer.encode(marker, add_special_tokens=False) for marker in markers}
    special_ids = {marker: ids[0] for marker, ids in tokens.items() if len(ids) == 1 and tokenizer.is_special(ids[0])}
    return AnswerFormat(tools=tools, marks=Marks(special_ids), reasoning=reasoning)
