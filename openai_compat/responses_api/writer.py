"""Engine outputs become output items, and every step on the way an event."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from helix import FinishReason, RequestOutput, TokenLogprob
from openai_compat.responses.answer import Answer
from openai_compat.responses.logprobs import chat_logprobs, shown_logprobs
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
    ResponseEvent,
)
from openai_compat.schemas.response_items import FunctionCallItem, ItemStatus, MessageItem, OutputItem, OutputTextPart
from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece


class ItemWriter:
    """Splits the text of one request into messages and calls. No event shares an object that changes later."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        tools = answer.tools
        self._parser = None if tools is None else answer.answer_format.tools.parser(tools.tools)
        self._open: _OpenMessage | _OpenCall | None = None
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
        for piece in self._pieces(output):
            match piece:
                case CallStart(name=name):
                    self._begin_call(name, events)
                case CallArguments(text=text):
                    assert isinstance(self._open, _OpenCall), "arguments belong to the call that began last"
                    events.append(self._open.add(text))
                case str():
                    self._write_text(piece, events)
        if isinstance(self._open, _OpenCall):
            self._logprobs.clear()  # tokens of a call are part of no text
        if output.is_finished:
            self.is_cut = output.finish_reason is FinishReason.LENGTH
            if not self.items and self._open is None:
                self._write_text("", events)  # an answer of nothing is an empty message
            if isinstance(self._open, _OpenMessage):
                self._open.logprobs += self._take_logprobs()  # of tokens whose text never came
            self._close("incomplete" if self.is_cut else "completed", events)
        return events

    def _pieces(self, output: RequestOutput) -> list[Piece]:
        if self._parser is None:
            return [output.text] if output.text else []
        return self._parser.feed(output.text) + (self._parser.finish() if output.is_finished else [])

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
