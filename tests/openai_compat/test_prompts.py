"""What the model is shown."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.errors import ApiError, InvalidParameter, UnsupportedParameter
from openai_compat.prompts import encode_prediction, encode_prompts, render_prompt, template_tools
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from tests.fakes import EOS, ByteTokenizer

TOKENIZER = ByteTokenizer()
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "x": 1, "strict": True}}


def chat(*messages: dict[str, Any], **fields: Any) -> ChatCompletionRequest:
    return msgspec.convert({"model": "m", "messages": list(messages)} | fields, ChatCompletionRequest)


def shown(*messages: dict[str, Any], **fields: Any) -> str:
    return TOKENIZER.decode(render_prompt(chat(*messages, **fields), TOKENIZER))


def completion(prompt: Any, **fields: Any) -> CompletionRequest:
    return msgspec.convert({"model": "m", "prompt": prompt} | fields, CompletionRequest)


def test_roles_and_contents_reach_the_template_and_an_answer_is_asked_for() -> None:
    assert (
        shown({"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi!", "name": "Ada"})
        == "system: Be kind.\nuser: Hi!\nassistant: "
    )


def test_developer_is_system() -> None:
    assert shown({"role": "developer", "content": "Be kind."}).startswith("system: Be kind.")


def test_text_parts_are_joined() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert shown({"role": "user", "content": parts}).startswith("user: ab\n")


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file"])
def test_other_parts_are_refused_with_their_path(kind: str) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": kind, kind: {"url": "x"}}]}
    with pytest.raises(UnsupportedParameter) as caught:
        shown({"role": "system", "content": "s"}, message)
    assert caught.value.param == "messages[1].content[1]"
    assert kind in str(caught.value)


def test_tool_calls_and_results_reach_the_template_with_parsed_arguments() -> None:
    text = shown(
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "42", "tool_call_id": "call_1"},
    )
    assert "'arguments': {'a': 1}" in text
    assert "tool: 42\n" in text
    assert text.endswith("assistant: ")


def test_arguments_that_are_no_json_are_shown_as_they_were() -> None:
    broken = CALL | {"function": {"name": "f", "arguments": "{oops"}}
    assert "'arguments': '{oops'" in shown({"role": "assistant", "tool_calls": [broken]})


def test_a_last_assistant_message_is_continued() -> None:
    assert shown({"role": "user", "content": "Count"}, {"role": "assistant", "content": "1, 2,"}) == (
        "user: Count\nassistant: 1, 2,"
    )


@pytest.mark.parametrize(
    ("fields", "ending"),
    [
        ({"continue_final_message": True}, "1, 2,"),
        ({"continue_final_message": True, "add_generation_prompt": False}, "1, 2,"),
        ({"continue_final_message": False}, "1, 2,\nassistant: "),
        ({"add_generation_prompt": True}, "1, 2,\nassistant: "),
        ({"add_generation_prompt": False}, "1, 2,\n"),
        ({"continue_final_message": None, "add_generation_prompt": None}, "1, 2,"),
    ],
)
def test_who_says_how_the_prompt_ends_is_taken_at_their_word(fields: dict[str, Any], ending: str) -> None:
    text = shown({"role": "user", "content": "Count"}, {"role": "assistant", "content": "1, 2,"}, **fields)
    assert text == f"user: Count\nassistant: {ending}"


@pytest.mark.parametrize(
    ("last", "fields"),
    [
        ({"role": "assistant", "content": "1,"}, {"add_generation_prompt": True}),
        ({"role": "user", "content": "1,"}, {}),
        ({"role": "assistant", "content": ""}, {}),
        ({"role": "assistant", "content": "1,", "tool_calls": [CALL]}, {}),
    ],
)
def test_only_what_the_assistant_began_can_be_continued(last: dict[str, Any], fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter) as caught:
        shown({"role": "user", "content": "Count"}, last, continue_final_message=True, **fields)
    assert caught.value.param == "continue_final_message"


def test_an_empty_last_assistant_message_asks_for_an_answer() -> None:
    assert shown({"role": "user", "content": "x"}, {"role": "assistant", "content": ""}).endswith("assistant: ")


def test_an_earlier_refusal_is_content() -> None:
    assert "assistant: No.\n" in shown({"role": "assistant", "refusal": "No."}, {"role": "user", "content": "ok"})


def test_tools_are_shown_as_the_client_wrote_them_unless_the_choice_is_none() -> None:
    user = {"role": "user", "content": "hi"}
    expected = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    assert template_tools(chat(user, tools=[TOOL])) == expected
    assert template_tools(chat(user, tools=[TOOL], tool_choice="none")) is None
    assert template_tools(chat(user, tools=[])) is None
    assert shown(user, tools=[TOOL]).startswith("tools: [")


def test_template_variables_are_passed_on() -> None:
    text = shown(
        {"role": "user", "content": "hi"}, chat_template_kwargs={"enable_thinking": False}, reasoning_effort="low"
    )
    assert text.startswith("enable_thinking=False\nreasoning_effort=low\n")


@pytest.mark.parametrize("name", ["messages", "tools", "add_generation_prompt", "self"])
def test_template_variables_cannot_replace_the_conversation(name: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        shown({"role": "user", "content": "hi"}, chat_template_kwargs={name: []})
    assert caught.value.param == "chat_template_kwargs"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("hi", [[104, 105]]),
        (["a", "b"], [[97], [98]]),
        ([1, 2], [[1, 2]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ("", [[EOS]]),
        (None, [[EOS]]),
    ],
)
def test_a_completion_prompt_has_four_forms(prompt: Any, expected: list[list[int]]) -> None:
    assert encode_prompts(completion(prompt), TOKENIZER) == expected


@pytest.mark.parametrize("prompt", [[], ["a", 1], [1, [2]], ["a", [2]]])
def test_forms_do_not_mix(prompt: Any) -> None:
    with pytest.raises(ApiError) as caught:
        encode_prompts(completion(prompt), TOKENIZER)
    assert caught.value.param == "prompt"


@pytest.mark.parametrize(
    "content", ["def f(): ...", [{"type": "text", "text": "def f()"}, {"type": "text", "text": ": ..."}]]
)
def test_a_prediction_is_encoded_as_one_text_without_special_tokens(content: Any) -> None:
    class WithBeginning(ByteTokenizer):
        def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
            return [EOS] * add_special_tokens + super().encode(text)

    request = chat({"role": "user", "content": "?"}, prediction={"type": "content", "content": content})
    assert encode_prediction(request, WithBeginning()) == tuple(b"def f(): ...")


def test_no_prediction_is_an_empty_one() -> None:
    assert encode_prediction(chat({"role": "user", "content": "?"}), TOKENIZER) == ()


def test_earlier_reasoning_reaches_the_template() -> None:
    shown: list[dict[str, Any]] = []

    class Watching(ByteTokenizer):
        def apply_chat_template(self, messages: list[dict[str, Any]], **kwargs: Any) -> list[int]:
            shown.extend(messages)
            return super().apply_chat_template(messages, **kwargs)

    earlier = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    user = {"role": "user", "content": "?"}
    render_prompt(chat(user, earlier, user), Watching())
    assert shown[1]["reasoning_content"] == "Hm."
