"""Output items that are being written: what begins them, adds to them and ends them, as events."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import msgspec

from openai_compat.responses_api.conversation import output_item_id
from openai_compat.schemas.chat import ChatTokenLogprob
from openai_compat.schemas.response_events import (
    ContentPartAdded,
    ContentPartDone,
    CustomToolCallInputDelta,
    CustomToolCallInputDone,
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
    CustomToolCallItem,
    FunctionCallItem,
    ItemStatus,
    MessageItem,
    OutputTextPart,
    ReasoningItem,
    ReasoningTextPart,
)


class OpenMessage:
    """A message of one text part that is being written."""

    def __init__(self, response_id: str, output_index: int) -> None:
        self._index = output_index
        self._id = output_item_id(MessageItem, response_id, output_index)
        self._texts: list[str] = []
        self.logprobs: list[ChatTokenLogprob] = []

    def begin(self) -> Sequence[ResponseEvent]:
        """Return its first events."""
        item = MessageItem(id=self._id, status="in_progress", role="assistant", content=[])
        part = OutputTextPart(text="", logprobs=[])
        return [
            OutputItemAdded(output_index=self._index, item=item),
            ContentPartAdded(output_index=self._index, item_id=self._id, content_index=0, part=part),
        ]

    def add(self, text: str, logprobs: list[ChatTokenLogprob]) -> ResponseEvent:
        """Take more of it and return the event."""
        self._texts.append(text)
        self.logprobs += logprobs
        return OutputTextDelta(
            output_index=self._index, item_id=self._id, content_index=0, delta=text, logprobs=logprobs
        )

    def end(self, status: ItemStatus) -> tuple[MessageItem, Sequence[ResponseEvent]]:
        """Return the whole item and its last events."""
        part = OutputTextPart(text="".join(self._texts), annotations=[], logprobs=self.logprobs)
        item = MessageItem(id=self._id, status=status, role="assistant", content=[part])
        return item, [
            OutputTextDone(
                output_index=self._index, item_id=self._id, content_index=0, text=part.text, logprobs=self.logprobs
            ),
            ContentPartDone(output_index=self._index, item_id=self._id, content_index=0, part=part),
            OutputItemDone(output_index=self._index, item=item),
        ]


class OpenReasoning:
    """Reasoning of one part that is being written."""

    def __init__(self, response_id: str, output_index: int) -> None:
        self._index = output_index
        self._id = output_item_id(ReasoningItem, response_id, output_index)
        self._texts: list[str] = []

    def begin(self) -> Sequence[ResponseEvent]:
        """Return its first events."""
        item = ReasoningItem(id=self._id, status="in_progress", content=[])
        part = ReasoningTextPart(text="")
        return [
            OutputItemAdded(output_index=self._index, item=item),
            ContentPartAdded(output_index=self._index, item_id=self._id, content_index=0, part=part),
        ]

    def add(self, text: str) -> ResponseEvent:
        """Take more of it and return the event."""
        self._texts.append(text)
        return ReasoningTextDelta(output_index=self._index, item_id=self._id, content_index=0, delta=text)

    def end(self, status: ItemStatus) -> tuple[ReasoningItem, Sequence[ResponseEvent]]:
        """Return the whole item and its last events."""
        part = ReasoningTextPart(text="".join(self._texts))
        item = ReasoningItem(id=self._id, status=status, content=[part])
        return item, [
            ReasoningTextDone(output_index=self._index, item_id=self._id, content_index=0, text=part.text),
            ContentPartDone(output_index=self._index, item_id=self._id, content_index=0, part=part),
            OutputItemDone(output_index=self._index, item=item),
        ]


class OpenCall:
    """A call whose arguments are being written."""

    def __init__(self, response_id: str, output_index: int, name: str) -> None:
        self._index = output_index
        self._id = output_item_id(FunctionCallItem, response_id, output_index)
        self._call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._name = name
        self._arguments: list[str] = []

    def begin(self) -> Sequence[ResponseEvent]:
        """Return its first events."""
        return [OutputItemAdded(output_index=self._index, item=self._item("in_progress", ""))]

    def add(self, arguments: str) -> ResponseEvent:
        """Take more of it and return the event."""
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


class OpenCustomCall:
    """A call of a custom tool whose input is being written."""

    def __init__(self, response_id: str, output_index: int, name: str) -> None:
        self._index = output_index
        self._id = output_item_id(CustomToolCallItem, response_id, output_index)
        self._call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._name = name
        self._input: list[str] = []

    def begin(self) -> Sequence[ResponseEvent]:
        """Return its first events."""
        return [OutputItemAdded(output_index=self._index, item=self._item("in_progress", ""))]

    def add(self, text: str) -> ResponseEvent:
        """Take more of it and return the event."""
        self._input.append(text)
        return CustomToolCallInputDelta(output_index=self._index, item_id=self._id, delta=text)

    def end(self, status: ItemStatus) -> tuple[CustomToolCallItem, Sequence[ResponseEvent]]:
        """Return the whole item and its last events."""
        item = self._item(status, "".join(self._input))
        return item, [
            CustomToolCallInputDone(output_index=self._index, item_id=self._id, input=item.input),
            OutputItemDone(output_index=self._index, item=item),
        ]

    def _item(self, status: ItemStatus, text: str) -> CustomToolCallItem:
        return CustomToolCallItem(id=self._id, status=status, call_id=self._call_id, name=self._name, input=text)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
