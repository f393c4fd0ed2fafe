"""Tools a request offers and what the model may do with them."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType


class FunctionDefinition(Struct, kw_only=True):
    """A function the model may call. Absent keys stay absent, so that the template sees what the client wrote."""

    name: str
    description: str | UnsetType | None = UNSET
    parameters: dict[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET


class FunctionTool(Struct, kw_only=True, tag_field="type", tag="function"):
    """A tool that is a function."""

    function: FunctionDefinition


class CustomTool(Struct, kw_only=True, tag_field="type", tag="custom"):
    """A tool that takes free text, which Helix refuses."""

    custom: Any = None


Tool = FunctionTool | CustomTool
ToolChoiceMode = Literal["none", "auto", "required"]
