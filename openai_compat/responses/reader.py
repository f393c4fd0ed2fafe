"""An answer's text becomes pieces of reasoning, content and calls."""

from __future__ import annotations

from helix import RequestOutput
from openai_compat.reasoning import Reasoning, ReasoningCounter, ReasoningParser
from openai_compat.responses.answer import Answer
from openai_compat.tool_calls.parser import Piece


class AnswerReader:
    """Reads one choice, output by output; counts its reasoning in the answer's tally."""

    def __init__(self, answer: Answer) -> None:
        self._tally = answer.tally
        self._reasoning: ReasoningParser | None = None
        self._counter: ReasoningCounter | None = None
        tags, is_opened = answer.answer_format.reasoning, answer.answer_format.is_opened
        if tags is not None:
            self._reasoning = ReasoningParser(tags, is_open=is_opened)
            self._counter = ReasoningCounter(tags, answer.tokenizer, is_open=is_opened)
        self._calls = None if answer.tools is None else answer.answer_format.tools.parser(answer.tools.tools)

    def read(self, output: RequestOutput) -> list[Reasoning | Piece]:
        """Return what an output adds to the message; none of the pieces is empty."""
        if self._counter is not None:
            self._tally.add_reasoning(self._counter.feed(output.token_ids))
        parts: list[Reasoning | str] = [output.text] if output.text else []
        if self._reasoning is not None:
            parts = self._reasoning.feed(output.text, is_last=output.is_finished)
        pieces: list[Reasoning | Piece] = []
        for part in parts:
            pieces += [part] if isinstance(part, Reasoning) or self._calls is None else self._calls.feed(part)
        if self._calls is not None and output.is_finished:
            pieces += self._calls.finish()
        return pieces
