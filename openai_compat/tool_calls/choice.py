"""Which of its tools a request lets the model call, and how strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helix import Grammar
from openai_compat.closed_schema import closed_schema
from openai_compat.errors import InvalidParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.tools import (
    AllowedToolsChoice,
    CustomChoice,
    CustomTool,
    FunctionChoice,
    FunctionDefinition,
    GrammarFormat,
    ToolReference,
)

CUSTOM_INPUT = "input"
"""Custom tools are shown to the model as functions of this one parameter, since templates know nothing else."""
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
    is_custom: bool = False
    """Whether it takes text, which is the argument CUSTOM_INPUT of its calls."""
    input: Grammar | None = None
    """The language of that text; None: any."""


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
    is_legacy: bool = False
    """Whether the request calls them functions, and so must the answer."""

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
        InvalidRequestError: A custom tool's grammar is too long.
    """
    if request.functions:
        return _legacy_use(request)
    if request.function_call not in (None, "none", "auto"):
        raise InvalidParameter("function_call", "function_call is only allowed when functions are specified.")
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


def custom_parameters(tool: CustomTool) -> dict[str, Any]:
    """Return the schema of the function that a custom tool is shown as."""
    schema: dict[str, Any] = {"type": "string"}
    given = tool.custom.format
    if isinstance(given, GrammarFormat) and given.grammar.syntax == "regex":
        schema["pattern"] = f"^(?:{given.grammar.definition})$"
    elif isinstance(given, GrammarFormat):
        schema["description"] = f"A sentence of this grammar in Lark's notation:\n{given.grammar.definition}"
    return {
        "type": "object",
        "properties": {CUSTOM_INPUT: schema},
        "required": [CUSTOM_INPUT],
        "additionalProperties": False,
    }


def _legacy_use(request: ChatCompletionRequest) -> ToolUse | None:
    if request.tools:
        raise InvalidParameter("functions", "functions is not allowed together with tools.")
    offered = _named(
        [_callable(function, f"functions[{i}]") for i, function in enumerate(request.functions or ())], "functions[{}]"
    )
    choice = request.function_call
    if choice == "none":
        return None
    if not isinstance(choice, ToolReference):
        return ToolUse(tools=offered, is_parallel=False, is_legacy=True)
    named = tuple(tool for tool in offered if tool.name == choice.name)
    if not named:
        raise InvalidParameter("function_call", f"function_call names '{choice.name}', which is not one of functions.")
    return ToolUse(tools=named, is_required=True, is_named=True, is_parallel=False, is_legacy=True)


def _offered(request: ChatCompletionRequest) -> tuple[CallableTool, ...]:
    tools = [
        _custom(tool, f"tools[{index}].custom")
        if isinstance(tool, CustomTool)
        else _callable(tool.function, f"tools[{index}].function")
        for index, tool in enumerate(request.tools or ())
    ]
    return _named(tools, "tools[{}].function")


def _named(tools: list[CallableTool], param: str) -> tuple[CallableTool, ...]:
    """Return tools all of whose names differ."""
    names = [tool.name for tool in tools]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise InvalidParameter(f"{param.format(index)}.name", f"There are two tools named '{name}'.")
    return tuple(tools)


def _custom(tool: CustomTool, param: str) -> CallableTool:
    given = tool.custom.format
    language: Grammar | None = None
    if isinstance(given, GrammarFormat):
        grammar = given.grammar
        language = Grammar.regex(grammar.definition) if grammar.syntax == "regex" else Grammar.lark(grammar.definition)
    return CallableTool(
        name=tool.custom.name,
        parameters=custom_parameters(tool),
        is_strict=True,
        param=f"{param}.format",
        is_custom=True,
        input=language,
    )


def _callable(function: FunctionDefinition, param: str) -> CallableTool:
    parameters = closed_schema(function.parameters or NO_PARAMETERS)
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
        if tool.name == name and tool.is_custom == isinstance(choice, CustomChoice):
            return tool
    raise InvalidParameter("tool_choice", f"tool_choice names '{name}', which is not one of the tools.")
