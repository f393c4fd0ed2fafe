"""Messages, predictions and prompts become token ids; pure, and slow enough for long texts to belong on a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from helix import InvalidRequestError
from openai_compat.engine import ChatTokenizer
from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.schemas.messages import (
    AssistantMessage,
    ContentPart,
    DeveloperMessage,
    FunctionMessage,
    Message,
    MessageCustomCall,
    MessageToolCall,
    RefusalPart,
    TextPart,
    ToolMessage,
)
from openai_compat.schemas.tools import CustomTool
from openai_compat.tool_calls.choice import CUSTOM_INPUT, custom_parameters
from openai_compat.tool_calls.formats import tool_format_of
from openai_compat.tool_calls.harmony import HARMONY, with_thoughts

_RESERVED_VARIABLES = {"self", "messages", "tools", "add_generation_prompt", "continue_final_message"}
"""What the request itself says, in fields of its own."""


def render_prompt(request: ChatCompletionRequest, tokenizer: ChatTokenizer) -> list[int]:
    """Return the ids of a conversation in the model's chat template.

    A last message of the assistant is the beginning of the answer: the model continues it, unless the request says
    with continue_final_message or add_generation_prompt what it wants. Tools are shown to the model unless tool_choice
    is none.

    Raises:
        UnsupportedParameter: A content part that is no text.
        InvalidParameter: A template variable has a field of its own, or there is no message to be continued.
        InvalidRequestError: The template refuses the conversation.
    """
    messages = [_template_message(message, index) for index, message in enumerate(request.messages)]
    if tool_format_of(tokenizer.chat_template) is HARMONY:
        messages = with_thoughts(messages)
    extra = dict(request.chat_template_kwargs or {})
    for name in ("reasoning_effort", "verbosity"):
        value = getattr(request, name)
        if value is not None:
            extra.setdefault(name, value)
    if reserved := _RESERVED_VARIABLES & extra.keys():
        raise InvalidParameter(
            "chat_template_kwargs", f"chat_template_kwargs must not contain {', '.join(sorted(reserved))}."
        )
    begins, continues = _ending(request)
    return tokenizer.apply_chat_template(
        messages,
        tools=template_tools(request),
        add_generation_prompt=begins,
        continue_final_message=continues,
        **extra,
    )


def template_tools(request: ChatCompletionRequest) -> list[dict[str, Any]] | None:
    """Return the tools the model is shown, as templates expect them, or None.

    Whether they are strict is the server's business, and no model was trained to read it.
    """
    if request.functions:
        functions = [] if request.function_call == "none" else request.functions
        tools = [{"type": "function", "function": msgspec.to_builtins(function)} for function in functions]
    else:
        offered = [] if request.tool_choice == "none" else request.tools or []
        tools = [_custom_tool(tool) if isinstance(tool, CustomTool) else msgspec.to_builtins(tool) for tool in offered]
    for tool in tools:
        tool["function"].pop("strict", None)
    return tools or None


def _custom_tool(tool: CustomTool) -> dict[str, Any]:
    """Return a tool that takes text as the function that its calls are written as."""
    described = {"name": tool.custom.name, "description": tool.custom.description or ""}
    return {"type": "function", "function": {**described, "parameters": custom_parameters(tool)}}


def begun_answer(request: ChatCompletionRequest) -> str:
    """Return the beginning of the answer that a request's last message is, empty where it is none."""
    _, continues = _ending(request)
    last = request.messages[-1]
    return _text(last.content, "") if continues and isinstance(last, AssistantMessage) else ""


def encode_prediction(request: ChatCompletionRequest, tokenizer: ChatTokenizer) -> tuple[int, ...]:
    """Return the ids of the predicted answer, empty where nothing is predicted."""
    if request.prediction is None:
        return ()
    text = _text(request.prediction.content, "prediction.content")
    return encode_guess(text, "prediction.content", tokenizer)


def encode_guess(text: str, param: str, tokenizer: ChatTokenizer) -> tuple[int, ...]:
    """Return the ids of a text that is expected to be in the answer.

    Raises:
        InvalidRequestError: It is too long for an answer; param says which field it is.
    """
    try:
        return tuple(tokenizer.encode(text, add_special_tokens=False))
    except InvalidRequestError as error:
        error.param = param
        raise


def encode_prompts(request: CompletionRequest, tokenizer: ChatTokenizer) -> list[list[int]]:
    """Return the ids of each prompt of a completion request; an empty prompt is the beginning of a document.

    Raises:
        InvalidParameter: The list is empty, or mixes kinds.
    """
    return [
        prompt if isinstance(prompt, list) else tokenizer.encode(prompt) or [min(tokenizer.eos_token_ids, default=0)]
        for prompt in split_prompts(request)
    ]


def split_prompts(request: CompletionRequest) -> list[str | list[int]]:
    """Return the prompts of a completion request: each a text, or a list of token ids."""
    return [""] if request.prompt is None else split_texts(request.prompt, "prompt")


def split_texts(given: str | list[str | int | list[int]], param: str) -> list[str | list[int]]:
    """Return what a field holds in one of four forms: a text, texts, the token ids of a text, or several such lists.

    Raises:
        InvalidParameter: The list is empty, or mixes forms; param is the field.
    """
    if isinstance(given, str):
        return [given]
    if not given:
        raise InvalidParameter(param, f"{param} must not be an empty list.")
    texts = [item for item in given if isinstance(item, str)]
    if len(texts) == len(given):
        return [*texts]
    ids = [item for item in given if isinstance(item, int)]
    lists = [ids] if len(ids) == len(given) else [item for item in given if isinstance(item, list)]
    if len(lists) != len(given) and len(ids) != len(given):
        raise InvalidParameter(param, f"{param} must not mix strings, token ids and lists of token ids.")
    return [*lists]


def _ending(request: ChatCompletionRequest) -> tuple[bool, bool]:
    """Return whether an answer begins behind the last message, and whether that message is continued instead."""
    begins, continues = request.add_generation_prompt, request.continue_final_message
    is_prefill = _is_prefill(request.messages[-1])
    if begins is None and continues is None:
        return not is_prefill, is_prefill
    if continues and begins:
        raise InvalidParameter(
            "continue_final_message", "continue_final_message is not allowed together with add_generation_prompt."
        )
    if continues and not is_prefill:
        raise InvalidParameter(
            "continue_final_message",
            "continue_final_message needs a last message of the assistant, with text and without tool calls.",
        )
    return (not continues if begins is None else begins), bool(continues)


def _is_prefill(message: Message) -> bool:
    if not isinstance(message, AssistantMessage) or message.tool_calls or message.function_call:
        return False
    return bool(_text(message.content, ""))


def _template_message(message: Message, index: int) -> dict[str, Any]:
    """Return a message as chat templates expect it: role, content as one string, calls with parsed arguments."""
    param = f"messages[{index}].content"
    role = "system" if isinstance(message, DeveloperMessage) else message.__struct_config__.tag
    rendered: dict[str, Any] = {"role": role, "content": _text(message.content, param)}
    if isinstance(message, ToolMessage):
        return {**rendered, "tool_call_id": message.tool_call_id}
    if isinstance(message, FunctionMessage):
        return {**rendered, "role": "tool", "name": message.name, "tool_call_id": _legacy_id(message.name)}
    if message.name is not None:
        rendered["name"] = message.name
    if isinstance(message, AssistantMessage):
        if message.content is None and message.refusal:
            rendered["content"] = message.refusal
        if message.reasoning_content:
            rendered["reasoning_content"] = message.reasoning_content
        if message.tool_calls:
            rendered["tool_calls"] = [_template_call(call) for call in message.tool_calls]
        elif message.function_call:
            call = MessageToolCall(id=_legacy_id(message.function_call.name), function=message.function_call)
            rendered["tool_calls"] = [_template_call(call)]
    return rendered


def _legacy_id(name: str) -> str:
    """Return what ties a function's result to its call, where the client sends nothing but the name."""
    return f"call_{name}"


def _template_call(call: MessageToolCall | MessageCustomCall) -> dict[str, Any]:
    if isinstance(call, MessageCustomCall):
        function = {"name": call.custom.name, "arguments": {CUSTOM_INPUT: call.custom.input}}
        return {"id": call.id, "type": "function", "function": function}
    try:
        arguments = msgspec.json.decode(call.function.arguments)
    except msgspec.DecodeError:
        arguments = call.function.arguments  # the model's own slip, shown to it as it was
    return {"id": call.id, "type": "function", "function": {"name": call.function.name, "arguments": arguments}}


def _text(content: str | Sequence[ContentPart] | None, param: str) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts: list[str] = []
    for index, part in enumerate(content):
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif isinstance(part, RefusalPart):
            texts.append(part.refusal)
        else:
            kind = part.__struct_config__.tag
            raise UnsupportedParameter(
                f"{param}[{index}]", f"This model reads text only: content of type '{kind}' is not supported."
            )
    return "".join(texts)
