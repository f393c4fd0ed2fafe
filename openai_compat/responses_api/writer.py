"""Engine outputs become output items, and every step on the way an event."""

from __future__ import annotations

from helix import FinishReason, RequestOutput, TokenLogprob
from openai_compat.reasoning import Reasoning
from openai_compat.responses.answer import Answer
from openai_compat.responses.logprobs import chat_logprobs, shown_logprobs
from openai_compat.responses.reader import AnswerReader
from openai_compat.responses_api.open_items import OpenCall, OpenCustomCall, OpenMessage, OpenReasoning
from openai_compat.schemas.chat import ChatTokenLogprob
from openai_compat.schemas.response_events import ResponseEvent
from openai_compat.schemas.response_items import ItemStatus, OutputItem, ReasoningItem
from openai_compat.tool_calls.parser import CallArguments, CallStart


class ItemWriter:
    """Splits the text of one request into items. No event shares an object that changes later."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._reader = AnswerReader(answer)
        self._open: OpenReasoning | OpenMessage | OpenCall | OpenCustomCall | None = None
        self._logprobs: list[TokenLogprob] = []  # not sent yet: tokens whose text is still held back
        self.items: list[OutputItem] = []
        """The items that are finished."""
        self.is_cut = False
        """Whether the answer ended at its limit of tokens."""

    def feed(self, output: RequestOutput) -> list[ResponseEvent]:
        """Take one output and return what it adds; the last output ends what is open."""
        self._answer.tally.add(0, output)
        self._logprobs += shown_logprobs(output, self._answer.params, self._answer.tokenizer) or ()
        events: list[ResponseEvent] = []
        for piece in self._reader.read(output):
            match piece:
                case CallStart():
                    self._begin_call(piece, events)
                case CallArguments(text=text):
                    assert isinstance(self._open, OpenCall | OpenCustomCall), (
                        "arguments belong to the call that began last"
                    )
                    events.append(self._open.add(text))
                case Reasoning(text=text):
                    self._write_reasoning(text, events)
                case str():
                    self._write_text(piece, events)
        if self._open is not None and not isinstance(self._open, OpenMessage):
            self._logprobs.clear()  # of tokens that are part of no message
        if output.is_finished:
            self.is_cut = output.finish_reason is FinishReason.LENGTH
            if not self._has_answer and not (self.is_cut and self._open):
                self._write_text("", events)  # an answer of nothing is an empty message
            if isinstance(self._open, OpenMessage):
                self._open.logprobs += self._take_logprobs()  # of tokens whose text never came
            self._close("incomplete" if self.is_cut else "completed", events)
        return events

    @property
    def _has_answer(self) -> bool:
        """Whether there is a message or a call, be it unfinished."""
        has_items = any(not isinstance(item, ReasoningItem) for item in self.items)
        return has_items or (self._open is not None and not isinstance(self._open, OpenReasoning))

    def _write_reasoning(self, text: str, events: list[ResponseEvent]) -> None:
        reasoning = self._open
        if not isinstance(reasoning, OpenReasoning):
            self._close("completed", events)
            self._open = reasoning = OpenReasoning(self._answer.id, len(self.items))
            events += reasoning.begin()
        events.append(reasoning.add(text))

    def _write_text(self, text: str, events: list[ResponseEvent]) -> None:
        message = self._open
        if not isinstance(message, OpenMessage):
            self._close("completed", events)
            self._open = message = OpenMessage(self._answer.id, len(self.items))
            events += message.begin()
        if text:
            events.append(message.add(text, self._take_logprobs()))

    def _begin_call(self, start: CallStart, events: list[ResponseEvent]) -> None:
        self._close("completed", events)
        kind = OpenCustomCall if start.is_custom else OpenCall
        self._open = call = kind(self._answer.id, len(self.items), start.name)
        events += call.begin()

    def _close(self, status: ItemStatus, events: list[ResponseEvent]) -> None:
        if self._open is not None:
            item, ending = self._open.end(status)
            self.items.append(item)
            events += ending
            self._open = None

    def _take_logprobs(self) -> list[ChatTokenLogprob]:
        entries, self._logprobs = self._logprobs, []
        return chat_logprobs(entries, self._answer.tokenizer).content
