"""Engine outputs become output items, and every step on the way an event."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from helix import FinishReason, RequestOutput, TokenLogprob
from openai_compat.reasoning import Reasoning
from openai_compat.responses.answer import Answer
from openai_compat.responses.logprobs import chat_logprobs, shown_logprobs
from openai_compat.responses.reader import AnswerReader
from openai_compat.responses_api.conversation import output_item_id
from openai_compat.schemas.chat import ChatTokenLogprob
from openai_compat.schemas.response_events import (
    ContentPartAdded,
    ContentPartDone,
    FunctionCallArgumentsDelta,
    FunctionCallArgumentsDone,
    OutputItemAdded,
    OutputItemDone,
    OutputTextDelta,
    OutputTextDone,
    ReasoningTextDelta,
    ReasoningTextDone,
    ResponseEvent,
)
from openai_compat.schemas.response_items import (
    FunctionCallItem,
    ItemStatus,
    MessageItem,
    OutputItem,
    OutputTextPart,
    ReasoningItem,
    ReasoningTextPart,
)
from openai_compat.tool_calls.parser import CallArguments, CallStart


class ItemWriter:
    """Splits the text of one request into items. No event shares an object that changes later."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._reader = AnswerReader(answer)
        self._open: _OpenReasoning | _OpenMessage | _OpenCall | None = None
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
                case CallStart(name=name):
                    self._begin_call(name, events)
                case CallArguments(text=text):
                    assert isinstance(self._open, _OpenCall), "arguments belong to the call that began last"
                    events.append(self._open.add(text))
                case Reasoning(text=text):
                    self._write_reasoning(text, events)
                case str():
                    self._write_text(piece, events)
        if isinstance(self._open, _OpenCall | _OpenReasoning):
            self._logprobs.clear()  # of tokens that are part of no message
        if output.is_finished:
            self.is_cut = output.finish_reason is FinishReason.LENGTH
            if not self._has_answer and not (self.is_cut and self._open):
                self._write_text("", events)  # an answer of nothing is an empty message
            if isinstance(self._open, _OpenMessage):
                self._open.logprobs += self._take_logprobs()  # of tokens whose text never came
            self._close("incomplete" if self.is_cut else "completed", events)
        return events

    @property
    def _has_answer(self) -> bool:
        """Whether there is a message or a call, be it unfinished."""
        has_items = any(not isinstance(item, ReasoningItem) for item in self.items)
        return has_items or isinstance(self._open, _OpenMessage | _OpenCall)

    def _write_reasoning(self, text: str, events: list[ResponseEvent]) -> None:
        reasoning = self._open
        if not isinstance(reasoning, _OpenReasoning):
            self._close("completed", events)
            self._open = reasoning = _OpenReasoning(self._answer.id, len(self.items))
            events += reasoning.begin()
        events.append(reasoning.add(text))

    def _write_text(self, text: str, events: list[ResponseEvent]) -> None:
        message = self._open
        if not isinstance(message, _OpenMessage):
            self._close("completed", events)
            self._open = message = _OpenMessage(self._answer.id, len(self.items))
            events += message.begin()
        if text:
            events.append(message.add(text, self._take_logprobs()))

    def _begin_call(self, name: str, events: list[ResponseEvent]) -> None:
        self._close("completed", events)
        self._open = call = _OpenCall(self._answer.id, len(self.items), name)
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


class _OpenMessage:
    """A message of one text part that is being written."""

    def __init__(self, response_id: str, output_index: int) -> None:
        self._index = output_index
        self._id = output_item_id(MessageItem, response_id, output_index)
        self._texts: list[str] = []
        self.logprobs: list[ChatTokenLogprob] = []

    def begin(self) -> Sequence[ResponseEvent]:
        item = MessageItem(id=self._id, status="in_progress", role="assistant", content=[])
        part = OutputTextPart(text="", logprobs=[])
        return [
            OutputItemAdded(output_index=self._index, item=item),
            ContentPartAdded(output_index=self._index, item_id=self._id, content_index=0, part=part),
        ]

    def add(self, text: str, logprobs: list[ChatTokenLogprob]) -> ResponseEvent:
        self._texts.append(text)
        self.logprobs += logprobs
        return OutputTextDelta(
            output_index=self._index, item_id=self._id, content_index=0, delta=text, logprobs=logprobs
        )

    def end(self, status: ItemStatus) -> tuple[MessageItem, Sequence[ResponseEvent]]:
        part = OutputTextPart(text="".join(self._texts), annotations=[], logprobs=self.logprobs)
        item = MessageItem(id=self._id, status=status, role="assistant", content=[part])
        return item, [
            OutputTextDone(
                output_index=self._index, item_id=self._id, content_index=0, text=part.text, logprobs=self.logprobs
            ),
            ContentPartDone(output_index=self._index, item_id=self._id, content_index=0, part=part),
            OutputItemDone(output_index=self._index, item=item),
        ]


class _OpenReasoning:
    """Reasoning of one part that is being written."""

    def __init__(self, response_id: str, output_index: int) -> None:
        self._index = output_index
        self._id = output_item_id(ReasoningItem, response_id, output_index)
        self._texts: list[str] = []

    def begin(self) -> Sequence[ResponseEvent]:
        item = ReasoningItem(id=self._id, status="in_progress", content=[])
        part = ReasoningTextPart(text="")
        return [
            OutputItemAdded(output_index=self._index, item=item),
            ContentPartAdded(output_index=self._index, item_id=self._id, content_index=0, part=part),
        ]

    def add(self, text: str) -> ResponseEvent:
        self._texts.append(text)
        return ReasoningTextDelta(output_index=self._index, item_id=self._id, content_index=0, delta=text)

    def end(self, status: ItemStatus) -> tuple[ReasoningItem, Sequence[ResponseEvent]]:
        part = ReasoningTextPart(text="".join(self._texts))
        item = ReasoningItem(id=self._id, status=status, content=[part])
        return item, [
            ReasoningTextDone(output_index=self._index, item_id=self._id, content_index=0, text=part.text),
            ContentPartDone(output_index=self._index, item_id=self._id, content_index=0, part=part),
            OutputItemDone(output_index=self._index, item=item),
        ]


class _OpenCall:
    """A call whose arguments are being written."""

    def __init__(self, response_id: str, output_index: int, name: str) -> None:
        self._index = output_index
        self._id = output_item_id(FunctionCallItem, response_id, output_index)
        self._call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._name = name
        self._arguments: list[str] = []

    def begin(self) -> Sequence[ResponseEvent]:
        return [OutputItemAdded(output_index=self._index, item=self._item("in_progress", ""))]

    def add(self, arguments: str) -> ResponseEvent:
        self._arguments.append(arguments)
        return FunctionCallArgumentsDelta(output_index=self._index, item_id=self._id, delta=arguments)

    def end(self, status: ItemStatus) -> tuple[FunctionCallItem, Sequence[ResponseEvent]]:
        """Return the call and its last events; an answer that is cut behind a call has not cut the call."""
        arguments = "".join(self._arguments)
        item = self._item("completed" if _is_json(arguments) else status, arguments)
        return item, [
            FunctionCallArgumentsDone(
                output_index=self._index, item_id=self._id, name=self._name, arguments=item.arguments
            ),
            OutputItemDone(output_index=self._index, item=item),
        ]

    def _item(self, status: ItemStatus, arguments: str) -> FunctionCallItem:
        return FunctionCallItem(id=self._id, status=status, call_id=self._call_id, name=self._name, arguments=arguments)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
