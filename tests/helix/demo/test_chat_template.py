from typing import Any

import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment
from transformers import AutoTokenizer

from helix.demo import DRAFT_DIR, TARGET_DIR
from helix.demo.tokenizer import CHAT_TEMPLATE

WEATHER = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Zürich"}}\n</tool_call>'


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return AutoTokenizer.from_pretrained(TARGET_DIR)


def render(tokenizer: Any, *messages: dict[str, Any], **options: Any) -> str:
    text: str = tokenizer.apply_chat_template(list(messages), tokenize=False, **options)
    return text


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def call(arguments: Any, content: str | None = None) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": arguments}
    tool_calls = [{"id": "call_1", "type": "function", "function": function}]
    return {"role": "assistant", "content": content, "tool_calls": tool_calls}


def test_both_folders_carry_the_template() -> None:
    for folder in (TARGET_DIR, DRAFT_DIR):
        assert AutoTokenizer.from_pretrained(folder).chat_template == CHAT_TEMPLATE.read_text()


def test_a_lone_question_has_no_system_block(tokenizer: Any) -> None:
    rendered = render(tokenizer, user("Hi"), add_generation_prompt=True)
    assert rendered == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("role", ["system", "developer"])
def test_system_and_developer_messages_render_alike(tokenizer: Any, role: str) -> None:
    rendered = render(tokenizer, {"role": role, "content": "Be brief."}, user("Hi"))
    assert rendered == "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"


def test_a_later_system_message_keeps_its_place(tokenizer: Any) -> None:
    rendered = render(tokenizer, user("Hi"), {"role": "system", "content": "Be brief."})
    assert rendered == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>system\nBe brief.<|im_end|>\n"


def test_text_parts_are_joined(tokenizer: Any) -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    assert render(tokenizer, user(parts)) == "<|im_start|>user\none two<|im_end|>\n"


def test_tools_are_listed_in_the_system_block(tokenizer: Any) -> None:
    tools = (
        '# Tools\n\n<tools>\n{"name": "get_weather", "parameters": {"type": "object", "properties": {"city": '
        '{"type": "string"}}}}\n</tools>\n\nCall a function as <tool_call>.<|im_end|>\n'
    )
    question = "<|im_start|>user\nHi<|im_end|>\n"
    assert render(tokenizer, user("Hi"), tools=[WEATHER]) == f"<|im_start|>system\n{tools}{question}"
    rendered = render(tokenizer, {"role": "system", "content": "Be brief."}, user("Hi"), tools=[WEATHER])
    assert rendered == f"<|im_start|>system\nBe brief.\n\n{tools}{question}"


@pytest.mark.parametrize("arguments", [{"city": "Zürich"}, '{"city": "Zürich"}'])
def test_arguments_may_be_an_object_or_json(tokenizer: Any, arguments: Any) -> None:
    assert render(tokenizer, call(arguments)) == f"<|im_start|>assistant\n{CALL}<|im_end|>\n"


def test_words_before_a_call_stand_on_their_own_line(tokenizer: Any) -> None:
    assert render(tokenizer, call({"city": "Zürich"}, "Wait.")) == f"<|im_start|>assistant\nWait.\n{CALL}<|im_end|>\n"


def test_results_of_one_step_share_a_user_turn(tokenizer: Any) -> None:
    results = [{"role": "tool", "tool_call_id": f"call_{i}", "content": f"{i} degrees"} for i in range(2)]
    assert render(tokenizer, *results, user("Thanks")) == (
        "<|im_start|>user\n<tool_response>\n0 degrees\n</tool_response>\n"
        "<tool_response>\n1 degrees\n</tool_response><|im_end|>\n"
        "<|im_start|>user\nThanks<|im_end|>\n"
    )


def test_an_unknown_role_is_refused(tokenizer: Any) -> None:
    with pytest.raises(Exception, match="Unknown role: judge"):
        render(tokenizer, {"role": "judge", "content": "Hi"})


def test_the_template_needs_nothing_but_a_sandbox() -> None:
    template = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(
        CHAT_TEMPLATE.read_text()
    )
    assert template.render(messages=[user("Hi")]) == "<|im_start|>user\nHi<|im_end|>\n"
