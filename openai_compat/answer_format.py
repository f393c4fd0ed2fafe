"""How a model writes what is not content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from openai_compat.engine import ChatTokenizer
from openai_compat.reasoning import ReasoningTags, is_left_open, is_opened, reasoning_tags_of
from openai_compat.tool_calls.format import PLAIN_MARKS, Marks, ToolFormat
from openai_compat.tool_calls.formats import tool_format_of
from openai_compat.tool_calls.harmony import CALL, HARMONY, RETURN, START
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
    is_begun: bool = False
    """Whether that has said something in the prompt."""
    opening: str = "assistant"
    """In the harmony format, what the prompt ends with behind its last beginning of a message."""
    splits: bool = True
    """In the harmony format, whether reasoning is told apart."""
    end_token_ids: tuple[int, ...] = ()
    """What ends an answer besides the tokenizer's own ends of sequence."""

    @property
    def is_harmony(self) -> bool:
        """Whether answers are messages in channels."""
        return self.tools is HARMONY

    def shows_special_tokens(self, *, has_tools: bool) -> bool:
        """Return whether reasoning and calls can be told only where special tokens are left in the text."""
        markers = [*(self.tools.markers if has_tools or self.is_harmony else ())]
        markers += [self.reasoning.open, self.reasoning.close] if self.reasoning else []
        return any(marker in self.marks.special_ids for marker in markers)

    def behind(
        self, prompt_token_ids: Sequence[int], tokenizer: ChatTokenizer, *, splits: bool, begun: str = ""
    ) -> AnswerFormat:
        """Return the format of the answer to a prompt, which ends with begun where that is part of the answer.

        Without splits, reasoning is content like everything else.
        """
        if self.is_harmony:
            return replace(self, opening=self._opening(prompt_token_ids, tokenizer), splits=splits)
        if self.reasoning is None or not splits:
            return replace(self, reasoning=None)
        if is_left_open(self.reasoning, begun):
            return replace(self, is_opened=True, is_begun=not begun.rstrip().endswith(self.reasoning.open))
        return replace(self, is_opened=is_opened(self.reasoning, prompt_token_ids, tokenizer))

    def _opening(self, prompt_token_ids: Sequence[int], tokenizer: ChatTokenizer) -> str:
        start = self.marks.special_ids.get(START)
        if start is None or start not in prompt_token_ids:
            return "assistant"
        tail = prompt_token_ids[len(prompt_token_ids) - [*reversed(prompt_token_ids)].index(start) :]
        return b"".join(map(tokenizer.token_bytes, tail)).decode("utf-8", "replace")


DEFAULT_FORMAT = AnswerFormat()


def answer_format_of(tokenizer: ChatTokenizer) -> AnswerFormat:
    """Return the format of a model's answers, told by its chat template and its special tokens."""
    tools, reasoning = tool_format_of(tokenizer.chat_template), reasoning_tags_of(tokenizer.chat_template)
    markers = [*tools.markers, *((reasoning.open, reasoning.close) if reasoning else ())]
    tokens = {marker: tokenizer.encode(marker, add_special_tokens=False) for marker in markers}
    special_ids = {marker: ids[0] for marker, ids in tokens.items() if len(ids) == 1 and tokenizer.is_special(ids[0])}
    if tools is not HARMONY:
        return AnswerFormat(tools=tools, marks=Marks(special_ids), reasoning=reasoning)
    ends = {special_ids[marker] for marker in (RETURN, CALL) if marker in special_ids} - tokenizer.eos_token_ids
    return AnswerFormat(tools=tools, marks=Marks(special_ids), end_token_ids=tuple(sorted(ends)))
