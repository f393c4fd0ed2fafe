"""Events of a streamed response; the tag is the event's name."""

from __future__ import annotations

from msgspec import Struct

from openai_compat.schemas.chat import ChatTokenLogprob
from openai_compat.schemas.response_items import OutputItem, OutputTextPart, ReasoningTextPart
from openai_compat.schemas.responses import ResponseObject


class ResponseEvent(Struct, kw_only=True):
    """What all events have: their place in the stream, from 0 on."""

    sequence_number: int = 0


class WholeResponseEvent(ResponseEvent, kw_only=True):
    """What tells the state of everything."""

    response: ResponseObject


class ResponseCreated(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.created"):
    """The first event."""


class ResponseQueued(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.queued"):
    """The second one in the background, where the first token may be long in coming."""


class ResponseInProgress(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.in_progress"):
    """What comes before the output."""


class ResponseCompleted(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.completed"):
    """The last one of a response that ended by itself."""


class ResponseIncomplete(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.incomplete"):
    """The last one of a response that was cut."""


class ResponseFailed(WholeResponseEvent, kw_only=True, tag_field="type", tag="response.failed"):
    """The last one where something went wrong."""


class _OfItem(ResponseEvent, kw_only=True):
    output_index: int


class OutputItemAdded(_OfItem, kw_only=True, tag_field="type", tag="response.output_item.added"):
    """An item begins, empty."""

    item: OutputItem


class OutputItemDone(_OfItem, kw_only=True, tag_field="type", tag="response.output_item.done"):
    """An item ends, with everything in it."""

    item: OutputItem


class _OfPart(_OfItem, kw_only=True):
    item_id: str
    content_index: int


class ContentPartAdded(_OfPart, kw_only=True, tag_field="type", tag="response.content_part.added"):
    """A part of a message or of reasoning begins, empty."""

    part: OutputTextPart | ReasoningTextPart


class ContentPartDone(_OfPart, kw_only=True, tag_field="type", tag="response.content_part.done"):
    """A part of a message or of reasoning ends, with everything in it."""

    part: OutputTextPart | ReasoningTextPart


class OutputTextDelta(_OfPart, kw_only=True, tag_field="type", tag="response.output_text.delta"):
    """More text."""

    delta: str
    logprobs: list[ChatTokenLogprob]


class OutputTextDone(_OfPart, kw_only=True, tag_field="type", tag="response.output_text.done"):
    """All text of a part."""

    text: str
    logprobs: list[ChatTokenLogprob]


class ReasoningTextDelta(_OfPart, kw_only=True, tag_field="type", tag="response.reasoning_text.delta"):
    """More reasoning."""

    delta: str


class ReasoningTextDone(_OfPart, kw_only=True, tag_field="type", tag="response.reasoning_text.done"):
    """All text of a part of reasoning."""

    text: str


class CustomToolCallInputDelta(_OfItem, kw_only=True, tag_field="type", tag="response.custom_tool_call_input.delta"):
    """More of the input of a custom tool's call."""

    item_id: str
    delta: str


class CustomToolCallInputDone(_OfItem, kw_only=True, tag_field="type", tag="response.custom_tool_call_input.done"):
    """All of the input of a custom tool's call."""

    item_id: str
    input: str


class FunctionCallArgumentsDelta(_OfItem, kw_only=True, tag_field="type", tag="response.function_call_arguments.delta"):
    """More of a call's arguments."""

    item_id: str
    delta: str


class FunctionCallArgumentsDone(_OfItem, kw_only=True, tag_field="type", tag="response.function_call_arguments.done"):
    """All of a call's arguments."""

    item_id: str
    name: str
    arguments: str
