"""A Responses request becomes a chat request, so that everything about prompts and sampling is said once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from helix import InvalidRequestError
from openai_compat.body import read_value
from openai_compat.errors import ApiError, InvalidParameter, UnsupportedParameter
from openai_compat.responses_api.conversation import to_messages
from openai_compat.schemas.chat import ChatCompletionRequest, JsonSchemaFormat, ResponseFormat
from openai_compat.schemas.response_items import Item
from openai_compat.schemas.responses import ResponsesRequest, ResponseTool, TextFormat, ToolInputFormat
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.schemas.tools import (
    CustomDefinition,
    CustomTool,
    FunctionDefinition,
    FunctionTool,
    GrammarDefinition,
    GrammarFormat,
    Tool,
    ToolChoice,
)

LOGPROBS = "message.output_text.logprobs"
"""What include must contain for log probabilities."""

# Fields that are refused, and the values (besides null) that ask for nothing.
_REFUSED: Mapping[str, tuple[Any, ...]] = {
    "conversation": (),
    "prompt": (),
    "context_management": ([],),
    "moderation": (),
    "access_programs": (),
    "image": (),
    "n": (1,),
}
# Fields of chat completions that have another name here.
_MOVED = {
    "messages": "input",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "response_format": "text.format",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
    "logprobs": "include",
}
# The chat's names of fields, as patterns, and the names the client knows.
_NAMES = [
    (re.compile(pattern), name)
    for pattern, name in (
        (r"^messages\b.*|^prompt$", "input"),
        (r"^max_(completion_)?tokens$", "max_output_tokens"),
        (r"^response_format\.json_schema\b|^response_format\b", "text.format"),
        (r"^reasoning_effort$", "reasoning.effort"),
        (r"^verbosity$", "text.verbosity"),
        (r"^(tools\[\d+\]|tool_choice)\.(?:function|custom)\b", r"\1"),
        (r"^tool_choice\.allowed_tools\b", "tool_choice"),
        (r"^(tool_choice\.tools\[\d+\])\.(?:function|custom)\b", r"\1"),
    )
]


def to_chat_request(request: ResponsesRequest, items: Iterable[Item]) -> ChatCompletionRequest:
    """Return the chat that a request asks for; items are the conversation up to and including its own input.

    Raises:
        UnsupportedParameter, InvalidParameter: A field Helix refuses, or whose value makes no sense.
    """
    _refuse(request)
    messages = to_messages(request.instructions, items)
    if not messages:
        raise InvalidParameter("input", "input must not be empty.")
    wants_logprobs = LOGPROBS in (request.include or ())
    if request.top_logprobs and not wants_logprobs:
        raise InvalidParameter("top_logprobs", f"top_logprobs is only allowed when include contains '{LOGPROBS}'.")
    text, reasoning = request.text, request.reasoning
    shared = {name: getattr(request, name) for name in AnswerFields.__struct_fields__}
    return ChatCompletionRequest(
        **shared,
        messages=messages,
        max_completion_tokens=request.max_output_tokens,
        logprobs=wants_logprobs or None,
        top_logprobs=request.top_logprobs if wants_logprobs else None,
        response_format=_response_format(text.format) if text is not None and text.format is not None else None,
        tools=[_tool(tool, f"tools[{index}]") for index, tool in enumerate(request.tools or ())] or None,
        tool_choice=_tool_choice(request.tool_choice),
        parallel_tool_calls=request.parallel_tool_calls,
        reasoning_effort=reasoning.effort if reasoning is not None else None,
        verbosity=(text.verbosity or None) if text is not None else None,
        separate_reasoning=request.separate_reasoning,
        chat_template_kwargs=request.chat_template_kwargs,
    )


@contextmanager
def named_as_sent_to_responses() -> Iterator[None]:
    """Let errors about the chat name the fields that the client wrote."""
    try:
        yield
    except (ApiError, InvalidRequestError) as error:
        sent = _name_as_sent(error.param)
        if sent is not None and sent != error.param:
            error.args = (str(error).replace(str(error.param), sent),)
            error.param = sent
        raise


def _name_as_sent(param: str | None) -> str | None:
    if param is not None:
        for pattern, name in _NAMES:
            param = pattern.sub(name, param)
    return param


def _refuse(request: ResponsesRequest) -> None:
    for name, harmless in _REFUSED.items():
        value = getattr(request, name)
        if value is not None and value not in harmless:
            raise UnsupportedParameter(name)
    for name, new_name in _MOVED.items():
        if getattr(request, name) is not None:
            raise UnsupportedParameter(name, f"Unsupported parameter: '{name}'. In the Responses API it is {new_name}.")


def _response_format(wanted: TextFormat) -> ResponseFormat:
    if wanted.type != "json_schema":
        return ResponseFormat(type=wanted.type)
    if wanted.name is None:
        raise _missing("text.format.name")
    schema = JsonSchemaFormat(
        name=wanted.name, description=wanted.description, schema=wanted.schema, strict=wanted.strict
    )
    return ResponseFormat(type="json_schema", json_schema=schema)


def _tool(tool: ResponseTool, path: str) -> Tool:
    if tool.type not in ("function", "custom"):
        raise UnsupportedParameter(f"{path}.type", f"Tools of type '{tool.type}' are not supported.")
    if not tool.name:
        raise _missing(f"{path}.name")
    if tool.type == "custom":
        given = _input_format(tool.format or None, f"{path}.format")
        return CustomTool(custom=CustomDefinition(name=tool.name, description=tool.description or None, format=given))
    return FunctionTool(
        function=FunctionDefinition(
            name=tool.name, description=tool.description, parameters=tool.parameters, strict=tool.strict
        )
    )


def _input_format(given: ToolInputFormat | None, path: str) -> GrammarFormat | None:
    """Return what a custom tool's input must look like in the chat's shape; None is any text."""
    if given is None or given.type == "text":
        return None
    if given.syntax is None or given.definition is None:
        raise _missing(f"{path}.{'syntax' if given.syntax is None else 'definition'}")
    return GrammarFormat(grammar=GrammarDefinition(syntax=given.syntax, definition=given.definition))


def _tool_choice(choice: str | dict[str, Any] | None) -> ToolChoice | None:
    """Return a choice in the chat's shape, which keeps a tool's name one level deeper."""
    if choice is None:
        return None
    nested = _nested(choice)
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        tools = choice.get("tools")
        inner = {"mode": choice.get("mode"), "tools": [_nested(t) for t in tools] if isinstance(tools, list) else tools}
        nested = {"type": "allowed_tools", "allowed_tools": inner}
    with named_as_sent_to_responses():
        chosen: ToolChoice = read_value(nested, cast(Any, ToolChoice), "tool_choice")
    return chosen


def _nested(choice: Any) -> Any:
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind in ("function", "custom"):
        return {"type": kind, kind: {name: value for name, value in choice.items() if name != "type"}}
    return choice


def _missing(param: str) -> ApiError:
    return ApiError(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
