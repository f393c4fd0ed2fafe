"""An answer's text becomes pieces of reasoning, content and calls."""

from __future__ import annotations

from collections.abc import Sequence

from helix import RequestOutput
from openai_compat.reasoning import Reasoning, ReasoningCounter, ReasoningParser
from openai_compat.responses.answer import Answer
from openai_compat.tool_calls.custom_input import CustomInput
from openai_compat.tool_calls.harmony import HarmonyCounter, HarmonyParser
from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece, ToolCallParser


class AnswerReader:
    """Reads one choice, output by output; counts its reasoning in the answer's tally."""

    def __init__(self, answer: Answer) -> None:
        self._tally = answer.tally
        self._tokenizer = answer.tokenizer
        self._reasoning: ReasoningParser | None = None
        self._counter: ReasoningCounter | None = None
        tags, is_opened = answer.answer_format.reasoning, answer.answer_format.is_opened
        if tags is not None:
            self._reasoning = ReasoningParser(tags, is_open=is_opened, is_begun=answer.answer_format.is_begun)
            self._counter = ReasoningCounter(tags, answer.tokenizer, is_open=is_opened)
        tools = () if answer.tools is None else answer.tools.tools
        self._channels: HarmonyParser | None = None
        self._calls: ToolCallParser | None = None
        if answer.answer_format.is_harmony:
            opening, names = answer.answer_format.opening, {tool.name for tool in tools}
            self._channels = HarmonyParser(names, opening=opening, splits=answer.answer_format.splits)
            self._thoughts = HarmonyCounter(answer.answer_format.marks.special_ids, opening)
        elif tools:
            self._calls = answer.answer_format.tools.parser(tools)
        self._custom_names = {tool.name for tool in tools if tool.is_custom}
        self._input: CustomInput | None = None

    @property
    def is_plain(self) -> bool:
        """Whether all text is content."""
        return self._channels is None and self._counter is None and self._calls is None

    def read(self, output: RequestOutput) -> list[Reasoning | Piece]:
        """Return what an output adds to the message; none of the pieces is empty."""
        if self._channels is not None:
            return self._read_channels(self._channels, output)
        if self._counter is not None:
            self._tally.add_reasoning(self._counter.feed(output.token_ids))
        parts: list[Reasoning | str] = [output.text] if output.text else []
        if self._reasoning is not None:
            parts = self._reasoning.feed(output.text, is_last=output.is_finished)
        pieces: list[Reasoning | Piece] = []
        for part in parts:
            if isinstance(part, Reasoning) or self._calls is None:
                pieces.append(part)
            else:
                pieces += self._custom(self._calls.feed(part))
        if self._calls is not None and output.is_finished:
            pieces += self._custom(self._calls.finish())
            pieces += self._end_input()
        return pieces

    def _read_channels(self, channels: HarmonyParser, output: RequestOutput) -> list[Reasoning | Piece]:
        tokens = [(token_id, self._tokenizer.token_bytes(token_id)) for token_id in output.token_ids]
        self._tally.add_reasoning(self._thoughts.feed(tokens))
        pieces = self._custom(channels.feed(output.text, is_last=output.is_finished))
        return [*pieces, *(self._end_input() if output.is_finished else ())]

    def _custom(self, pieces: Sequence[Reasoning | Piece]) -> list[Reasoning | Piece]:
        """Return pieces with the text that custom tools take in place of their arguments."""
        if not self._custom_names:
            return [*pieces]
        read: list[Reasoning | Piece] = []
        for piece in pieces:
            if isinstance(piece, CallArguments) and self._input is not None:
                text = self._input.feed(piece.text)
                read += [CallArguments(text)] if text else []
                continue
            if not isinstance(piece, CallArguments):
                read += self._end_input()
            if isinstance(piece, CallStart) and piece.name in self._custom_names:
                piece, self._input = CallStart(piece.name, is_custom=True), CustomInput()
            read.append(piece)
        return read

    def _end_input(self) -> list[Piece]:
        """Return what was held back of the last call's input, if it was one."""
        held = "" if self._input is None else self._input.finish()
        self._input = None
        return [CallArguments(held)] if held else []
