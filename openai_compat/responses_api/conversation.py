"""Items and chat messages: reading the first, giving them ids to be kept under, and becoming the second."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openai_compat.body import read_value
from openai_compat.errors import UnsupportedParameter
from openai_compat.schemas.messages import (
    AssistantMessage,
    ContentPart,
    CustomCall,
    DeveloperMessage,
    FunctionCall,
    Message,
    MessageCustomCall,
    MessageToolCall,
    RefusalPart,
    SystemMessage,
    TextPart,
    ToolMessage,
    UserMessage,
)
from openai_compat.schemas.response_items import (
    CallOutputItem,
    CustomToolCallItem,
    CustomToolCallOutputItem,
    FunctionCallItem,
    FunctionCallOutputItem,
    InputTextPart,
    Item,
    ItemPart,
    MessageItem,
    OutputRefusalPart,
    OutputTextPart,
    ReasoningItem,
)

_KINDS: Mapping[str, type[Item]] = {
    "message": MessageItem,
    "function_call": FunctionCallItem,
    "function_call_output": FunctionCallOutputItem,
    "custom_tool_call": CustomToolCallItem,
    "custom_tool_call_output": CustomToolCallOutputItem,
    "reasoning": ReasoningItem,
}
_ID_PREFIXES: Mapping[type[Item], str] = {
    MessageItem: "msg",
    FunctionCallItem: "fc",
    FunctionCallOutputItem: "fco",
    CustomToolCallItem: "ctc",
    CustomToolCallOutputItem: "ctco",
    ReasoningItem: "rs",
}

_OUTPUT_ITEM_ID = re.compile(r"[a-z]+_([0-9a-f]{32})[0-9a-f]{4}")


def read_items(input: str | Sequence[dict[str, Any]]) -> list[Item]:
    """Return a request's input as items in the form in which they are kept: with ids, and with lists of parts.

    Raises:
        UnsupportedParameter: A kind of item or part that Helix cannot give to a model.
        ApiError: An item that is not what its type says.
    """
    if isinstance(input, str):
        return [_completed(MessageItem(id=item_id(MessageItem), role="user", content=input))]
    items: dict[str, Item] = {}
    for index, fields in enumerate(input):
        item = _read_item(fields, f"input[{index}]")
        if not item.id or item.id in items:  # some clients send the same made-up id again and again
            item.id = item_id(type(item))
        items[item.id] = item
    return [*items.values()]


def to_messages(instructions: str | None, items: Iterable[Item]) -> list[Message]:
    """Return a conversation as chat messages.

    Reasoning, a message and calls that follow one another are one message of the assistant. Whether the model sees what
    it thought in earlier turns is up to the chat template; summaries and what is encrypted say nothing to it.
    """
    messages: list[Message] = [] if instructions is None else [SystemMessage(content=instructions)]
    thoughts = ""
    for item in items:
        match item:
            case ReasoningItem():
                thoughts += "".join(part.text for part in item.content or ())
                continue
            case MessageItem():
                messages.append(_message(item))
            case FunctionCallItem() | CustomToolCallItem():
                _add_call(messages, item, is_new=bool(thoughts))
            case FunctionCallOutputItem() | CustomToolCallOutputItem():
                messages.append(ToolMessage(content=_content(item.output), tool_call_id=item.call_id))
        last = messages[-1]
        if thoughts and isinstance(last, AssistantMessage):
            last.reasoning_content = thoughts
        thoughts = ""
    return messages


def item_id(item_type: type[Item]) -> str:
    """Return a fresh id for an item of somebody's input."""
    return f"{_ID_PREFIXES[item_type]}_{uuid.uuid4().hex}"


def output_item_id(item_type: type[Item], response_id: str, index: int) -> str:
    """Return the id of an item of a response's output, which tells where to find it."""
    return f"{_ID_PREFIXES[item_type]}_{response_id.removeprefix('resp_')}{index:04x}"


def response_of_item(id: str) -> str | None:
    """Return the id of the response whose output an item is part of, or None where the id does not tell."""
    found = _OUTPUT_ITEM_ID.fullmatch(id)
    return f"resp_{found[1]}" if found else None


def _read_item(fields: dict[str, Any], path: str) -> Item:
    name = fields.get("type", "message")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise UnsupportedParameter(f"{path}.type", f"Input items of type '{name}' are not supported.")
    item: Item = read_value({**fields, "type": name}, kind, path)
    if isinstance(item, MessageItem):
        _check_parts(item.content, f"{path}.content")
    elif isinstance(item, CallOutputItem):
        _check_parts(item.output, f"{path}.output")
    return _completed(item)


def _check_parts(content: str | list[ItemPart], path: str) -> None:
    for index, part in enumerate([] if isinstance(content, str) else content):
        if not isinstance(part, InputTextPart | OutputTextPart | OutputRefusalPart):
            kind = part.__struct_config__.tag
            raise UnsupportedParameter(
                f"{path}[{index}]", f"This model reads text only: content of type '{kind}' is not supported."
            )


def _completed(item: Item) -> Item:
    """Fill in what a client may leave out beside the id, in place, and return the item."""
    item.status = item.status or "completed"
    if isinstance(item, MessageItem):
        parts: list[ItemPart] = [InputTextPart(text=item.content)] if isinstance(item.content, str) else item.content
        item.content = [_part_of_role(part, is_answer=item.role == "assistant") for part in parts]
    return item


def _part_of_role(part: ItemPart, *, is_answer: bool) -> ItemPart:
    """Return text as the part in which its author's texts come, whatever the client called it."""
    if isinstance(part, InputTextPart | OutputTextPart):
        return OutputTextPart(text=part.text) if is_answer else InputTextPart(text=part.text)
    return part


def _message(item: MessageItem) -> Message:
    content = _content(item.content)
    match item.role:
        case "user":
            return UserMessage(content=content)
        case "assistant":
            return AssistantMessage(content=content)
        case "system":
            return SystemMessage(content=content)
        case "developer":
            return DeveloperMessage(content=content)


def _add_call(messages: list[Message], item: FunctionCallItem | CustomToolCallItem, *, is_new: bool) -> None:
    """Put a call into the last message of the assistant, or into a new one."""
    call: MessageToolCall | MessageCustomCall
    if isinstance(item, CustomToolCallItem):
        call = MessageCustomCall(id=item.call_id, custom=CustomCall(name=item.name, input=item.input))
    else:
        call = MessageToolCall(id=item.call_id, function=FunctionCall(name=item.name, arguments=item.arguments))
    last = messages[-1] if messages else None
    if isinstance(last, AssistantMessage) and not is_new:
        last.tool_calls = [*(last.tool_calls or ()), call]
    else:
        messages.append(AssistantMessage(tool_calls=[call]))


def _content(content: str | list[ItemPart]) -> str | list[ContentPart]:
    if isinstance(content, str):
        return content
    parts: list[ContentPart] = []
    for part in content:
        if isinstance(part, InputTextPart | OutputTextPart):
            parts.append(TextPart(text=part.text))
        elif isinstance(part, OutputRefusalPart):
            parts.append(RefusalPart(refusal=part.refusal))
    return parts
