"""Chat messages as clients send them."""

from __future__ import annotations

from typing import Any

from msgspec import Struct


class TextPart(Struct, tag_field="type", tag="text"):
    """A piece of text."""

    text: str


class RefusalPart(Struct, tag_field="type", tag="refusal"):
    """A refusal the assistant gave earlier."""

    refusal: str


class ImagePart(Struct, tag_field="type", tag="image_url"):
    """A picture, which Helix refuses."""

    image_url: Any = None


class AudioPart(Struct, tag_field="type", tag="input_audio"):
    """A recording, which Helix refuses."""

    input_audio: Any = None


class FilePart(Struct, tag_field="type", tag="file"):
    """A document, which Helix refuses."""

    file: Any = None


ContentPart = TextPart | RefusalPart | ImagePart | AudioPart | FilePart
Content = str | list[ContentPart]


class FunctionCall(Struct, kw_only=True):
    """Name and arguments of a called function."""

    name: str
    arguments: str
    """A JSON document, as the model wrote it."""


class MessageToolCall(Struct, kw_only=True, tag_field="type", tag="function"):
    """A tool call the assistant made earlier."""

    id: str
    function: FunctionCall


class CustomCall(Struct, kw_only=True):
    """Name and input of a called custom tool."""

    name: str
    input: str


class MessageCustomCall(Struct, kw_only=True, tag_field="type", tag="custom"):
    """A call of a custom tool the assistant made earlier."""

    id: str
    custom: CustomCall


class SystemMessage(Struct, kw_only=True, tag_field="role", tag="system"):
    """Instructions for the whole conversation."""

    content: Content
    name: str | None = None


class DeveloperMessage(Struct, kw_only=True, tag_field="role", tag="developer"):
    """OpenAI's newer word for a system message."""

    content: Content
    name: str | None = None


class UserMessage(Struct, kw_only=True, tag_field="role", tag="user"):
    """What the user said."""

    content: Content
    name: str | None = None


class AssistantMessage(Struct, kw_only=True, tag_field="role", tag="assistant"):
    """What the assistant said earlier; as the last message, the beginning of its answer."""

    content: Content | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    """What it thought; templates decide whether the model sees it again."""
    tool_calls: list[MessageToolCall | MessageCustomCall] | None = None
    function_call: FunctionCall | None = None


class ToolMessage(Struct, kw_only=True, tag_field="role", tag="tool"):
    """What a tool returned."""

    content: Content
    tool_call_id: str


class FunctionMessage(Struct, kw_only=True, tag_field="role", tag="function"):
    """What a function returned; the older form of a tool's message."""

    content: Content | None
    name: str


Message = SystemMessage | DeveloperMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage
