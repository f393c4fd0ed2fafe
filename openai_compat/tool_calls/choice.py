"""Which of its tools a request lets the model call, and how strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.tools import (
    AllowedToolsChoice,
    CustomChoice,
    CustomTool,
    FunctionChoice,
    FunctionTool,
)

NO_PARAMETERS: Mapping[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
"""What a function without parameters takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallableTool:
    """A tool the model may call."""

    name: str
    parameters: Mapping[str, Any]
    """The JSON schema of its arguments; they are an object."""
    is_strict: bool
    param: str
    """Where the request says parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUse:
    """What the model may do with the tools it was shown."""

    tools: tuple[CallableTool, ...]
    """Those it may call; at least one."""
    is_required: bool = False
    """Whether it must call one."""
    is_named: bool = False
    """Whether the request names the one call to be made."""
    is_parallel: bool = True
    """Whether it may make several calls."""
    is_restricted: bool = False
    """Whether it was shown tools that it may not call."""

    @property
    def needs_grammar(self) -> bool:
        """Whether the model, left alone, could do what the request excludes."""
        is_strict = any(tool.is_strict for tool in self.tools)
        return self.is_required or self.is_restricted or is_strict or not self.is_parallel

    def enforced_parameters(self, tool: CallableTool) -> Mapping[str, Any]:
        """Return the schema that holds for a tool's arguments: its own wherever the request relies on it."""
        return tool.parameters if self.is_required or tool.is_strict else {"type": "object"}


def tool_use(request: ChatCompletionRequest) -> ToolUse | None:
    """Return what a request lets the model do with tools, or None where it may call none.

    Raises:
        InvalidParameter: The choice is no offered tool, a name comes twice, or parameters describe no object.
        UnsupportedParameter: A custom tool.
    """
    offered = _offered(request)
    choice = request.tool_choice
    if not offered:
        if choice in (None, "none", "auto"):
            return None
        raise InvalidParameter("tool_choice", "tool_choice is only allowed when tools are specified.")
    is_parallel = request.parallel_tool_calls is not False
    match choice:
        case "none":
            return None
        case None | "auto":
            return ToolUse(tools=offered, is_parallel=is_parallel)
        case "required":
            return ToolUse(tools=offered, is_required=True, is_parallel=is_parallel)
        case AllowedToolsChoice(allowed_tools=allowed):
            names = {_chosen(one, offered).name for one in allowed.tools}
            return ToolUse(
                tools=tuple(tool for tool in offered if tool.name in names),
                is_required=allowed.mode == "required",
                is_parallel=is_parallel,
                is_restricted=len(names) < len(offered),
            )
        case FunctionChoice() | CustomChoice():
            return ToolUse(tools=(_chosen(choice, offered),), is_required=True, is_named=True, is_parallel=False)


def _offered(request: ChatCompletionRequest) -> tuple[CallableTool, ...]:
    tools: dict[str, CallableTool] = {}
    for index, tool in enumerate(request.tools or ()):
        if isinstance(tool, CustomTool):
            raise UnsupportedParameter(f"tools[{index}].type", "Tools of type 'custom' are not supported.")
        described = _callable(tool, f"tools[{index}].function")
        if described.name in tools:
            raise InvalidParameter(f"tools[{index}].function.name", f"There are two tools named '{described.name}'.")
        tools[described.name] = described
    return tuple(tools.values())


def _callable(tool: FunctionTool, param: str) -> CallableTool:
    function = tool.function
    parameters = dict(function.parameters or NO_PARAMETERS)
    if parameters.setdefault("type", "object") != "object":
        raise InvalidParameter(
            f"{param}.parameters", f"{param}.parameters must be the schema of an object: its type is not 'object'."
        )
    return CallableTool(
        name=function.name,
        parameters=parameters,
        is_strict=function.strict is True,
        param=f"{param}.parameters",
    )


def _chosen(choice: FunctionChoice | CustomChoice, offered: tuple[CallableTool, ...]) -> CallableTool:
    name = choice.function.name if isinstance(choice, FunctionChoice) else choice.custom.name
    for tool in offered:
        if tool.name == name and isinstance(choice, FunctionChoice):
            return tool
    raise InvalidParameter("tool_choice", f"tool_choice names '{name}', which is not one of the tools.")
