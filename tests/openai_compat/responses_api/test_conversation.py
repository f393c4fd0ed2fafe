"""Items become what is kept, and what the chat reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.errors import ApiError, UnsupportedParameter
from openai_compat.responses.answer import fresh_id
from openai_compat.responses_api.conversation import item_id, output_item_id, read_items, response_of_item, to_messages
from openai_compat.schemas.response_items import FunctionCallItem, MessageItem


def kept(*items: Any) -> list[Any]:
    """Return items as they are kept, without their ids."""
    built: list[Any] = msgspec.to_builtins(read_items(items))
    return [{name: value for name, value in item.items() if name != "id"} for item in built]


def test_a_string_is_a_message_of_the_user() -> None:
    (item,) = read_items("hi")
    assert isinstance(item, MessageItem) and str(item.id).startswith("msg_")
    assert msgspec.to_builtins(item) == {
        "type": "message",
        "id": item.id,
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": "hi"}],
    }


def test_texts_are_parts_of_their_author_whatever_the_client_called_them() -> None:
    user, assistant = kept(
        {"role": "user", "content": [{"type": "output_text", "text": "a"}]},
        {"role": "assistant", "content": "b"},
    )
    assert user["content"] == [{"type": "input_text", "text": "a"}]
    assert assistant["content"] == [{"type": "output_text", "text": "b", "annotations": [], "logprobs": []}]


def test_ids_of_clients_stay_and_others_are_made_so_that_all_differ() -> None:
    message = {"role": "user", "content": "a"}
    items = read_items([{**message, "id": "msg_x"}, {**message, "id": "msg_x"}, message, {**message, "id": None}])
    ids = [item.id for item in items]
    assert ids[0] == "msg_x"
    assert len(set(ids)) == 4
    assert item_id(FunctionCallItem).startswith("fc_")


def test_the_id_of_an_output_item_tells_its_response() -> None:
    response_id = fresh_id("resp_")
    assert response_of_item(output_item_id(FunctionCallItem, response_id, 300)) == response_id
    assert response_of_item(item_id(MessageItem)) is None
    assert response_of_item("msg_x") is None


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "web_search_call"}, "input[0].type"),
        ({"type": 7}, "input[0].type"),
        ({"type": None, "id": "msg_1"}, "input[0].type"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "input[0].content[0]"),
    ],
)
def test_what_no_model_could_be_given_is_refused(item: Any, param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refused:
        read_items([item])
    assert refused.value.param == param


def test_a_broken_item_is_named_with_its_place() -> None:
    with pytest.raises(ApiError) as missing:
        read_items([{"role": "user", "content": "x"}, {"type": "function_call", "call_id": "1", "arguments": "{}"}])
    assert missing.value.param == "input[1].name"
    assert missing.value.code == "missing_required_parameter"


def test_reasoning_a_message_and_calls_are_one_message_of_the_assistant() -> None:
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    reasoning = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "secret"}]}
    items = read_items(
        [
            {**reasoning, "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"role": "assistant", "content": "Wait."},
            {**reasoning, "encrypted_content": "secret"},
            {**call, "call_id": "1"},
            {**call, "call_id": "2"},
            {"type": "function_call_output", "call_id": "1", "output": "x"},
            {**reasoning, "content": [{"type": "reasoning_text", "text": "Again."}]},
            {**call, "call_id": "3"},
            {**reasoning, "content": [{"type": "reasoning_text", "text": "Never mind."}]},
            {"role": "user", "content": "y"},
        ]
    )
    messages: Any = msgspec.to_builtins(to_messages("Rule.", items))
    assert [message["role"] for message in messages] == ["system", "assistant", "tool", "assistant", "user"]
    assert [message.get("reasoning_content") for message in messages] == [None, "Hm.", None, "Again.", None]
    calls = [[call["id"] for call in message.get("tool_calls") or []] for message in messages]
    assert calls == [[], ["1", "2"], [], ["3"], []]
    assert "secret" not in str(messages)
