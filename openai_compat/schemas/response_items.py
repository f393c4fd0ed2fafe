"""Items of the Responses API: what a client sends, what the model answers, and what is kept of both."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from openai_compat.schemas.chat import ChatTokenLogprob

ItemStatus = Literal["in_progress", "completed", "incomplete"]
Role = Literal["user", "assistant", "system", "developer"]


class InputTextPart(Struct, kw_only=True, tag_field="type", tag="input_text"):
    """Text for the model."""

    text: str


class OutputTextPart(Struct, kw_only=True, tag_field="type", tag="output_text"):
    """Text of the model."""

    text: str
    annotations: list[Any] | None = []
    """Citations of built-in tools, of which Helix has none."""
    logprobs: list[ChatTokenLogprob] | None = []


class OutputRefusalPart(Struct, kw_only=True, tag_field="type", tag="refusal"):
    """A refusal of the model."""

    refusal: str


class InputImagePart(Struct, kw_only=True, tag_field="type", tag="input_image"):
    """A picture, which Helix refuses."""


class InputFilePart(Struct, kw_only=True, tag_field="type", tag="input_file"):
    """A document, which Helix refuses."""


class InputAudioPart(Struct, kw_only=True, tag_field="type", tag="input_audio"):
    """A recording, which Helix refuses."""


class ReasoningTextPart(Struct, kw_only=True, tag_field="type", tag="reasoning_text"):
    """What a model thought, word for word."""

    text: str


class SummaryTextPart(Struct, kw_only=True, tag_field="type", tag="summary_text"):
    """What somebody made of it."""

    text: str


ItemPart = InputTextPart | OutputTextPart | OutputRefusalPart | InputImagePart | InputFilePart | InputAudioPart


class _Item(Struct, kw_only=True):
    id: str | UnsetType | None = UNSET
    """Clients may leave it out; what is answered or kept has one."""
    status: ItemStatus | UnsetType | None = UNSET


class MessageItem(_Item, kw_only=True, tag_field="type", tag="message"):
    """A message of anybody; content is a list of parts in what is answered or kept."""

    role: Role
    content: str | list[ItemPart]


class FunctionCallItem(_Item, kw_only=True, tag_field="type", tag="function_call"):
    """A call of the model."""

    call_id: str
    name: str
    arguments: str
    """A JSON document, as the model wrote it."""


class FunctionCallOutputItem(_Item, kw_only=True, tag_field="type", tag="function_call_output"):
    """What a called function returned."""

    call_id: str
    output: str | list[ItemPart]


class CustomToolCallItem(_Item, kw_only=True, tag_field="type", tag="custom_tool_call"):
    """A call of the model whose input is text."""

    call_id: str
    name: str
    input: str


class CustomToolCallOutputItem(_Item, kw_only=True, tag_field="type", tag="custom_tool_call_output"):
    """What a called custom tool returned."""

    call_id: str
    output: str | list[ItemPart]


class ReasoningItem(_Item, kw_only=True, tag_field="type", tag="reasoning"):
    """What a model thought before it answered."""

    summary: list[SummaryTextPart] = []
    content: list[ReasoningTextPart] | UnsetType | None = UNSET
    encrypted_content: str | UnsetType | None = UNSET
    """Of another server, which alone can read it. Helix keeps nothing secret: its reasoning is in content."""


CallOutputItem = FunctionCallOutputItem | CustomToolCallOutputItem
OutputItem = MessageItem | FunctionCallItem | CustomToolCallItem | ReasoningItem
Item = OutputItem | CallOutputItem


class ItemList(Struct, kw_only=True):
    """A page of input items."""

    object: str = "list"
    data: list[Item]
    first_id: str | None
    last_id: str | None
    has_more: bool
