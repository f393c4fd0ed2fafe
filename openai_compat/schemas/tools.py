"""Tools a request offers and what the model may do with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

ToolName = Annotated[str, Meta(pattern=r"^[a-zA-Z0-9_.:/-]{1,128}$")]
"""Wider than OpenAI's, since other servers allow dots and slashes."""


class FunctionDefinition(Struct, kw_only=True):
    """A function the model may call. Absent keys stay absent, so that the template sees what the client wrote."""

    name: ToolName
    description: str | UnsetType | None = UNSET
    parameters: dict[str, Any] | UnsetType | None = UNSET
    strict: bool | UnsetType | None = UNSET


class FunctionTool(Struct, kw_only=True, tag_field="type", tag="function"):
    """A tool that is a function."""

    function: FunctionDefinition


class GrammarDefinition(Struct, kw_only=True):
    """A language for the input of a custom tool."""

    syntax: Literal["lark", "regex"]
    definition: str


class TextFormat(Struct, tag_field="type", tag="text"):
    """Any text."""


class GrammarFormat(Struct, kw_only=True, tag_field="type", tag="grammar"):
    """A sentence of a language."""

    grammar: GrammarDefinition


class CustomDefinition(Struct, kw_only=True):
    """A tool whose input is text."""

    name: ToolName
    description: str | None = None
    format: TextFormat | GrammarFormat | None = None


class CustomTool(Struct, kw_only=True, tag_field="type", tag="custom"):
    """A tool that takes text."""

    custom: CustomDefinition


Tool = FunctionTool | CustomTool


class ToolReference(Struct, kw_only=True):
    """The name of a tool that the request offers."""

    name: str


class FunctionChoice(Struct, kw_only=True, tag_field="type", tag="function"):
    """This function, and no other."""

    function: ToolReference


class CustomChoice(Struct, kw_only=True, tag_field="type", tag="custom"):
    """This custom tool, and no other."""

    custom: ToolReference


class AllowedTools(Struct, kw_only=True):
    """Some of the tools, and whether one of them must be called."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[FunctionChoice | CustomChoice], Meta(min_length=1)]


class AllowedToolsChoice(Struct, kw_only=True, tag_field="type", tag="allowed_tools"):
    """Only some of the tools; the model is shown all of them, so that its prompt stays the same."""

    allowed_tools: AllowedTools


ToolChoice = Literal["none", "auto", "required"] | FunctionChoice | CustomChoice | AllowedToolsChoice
