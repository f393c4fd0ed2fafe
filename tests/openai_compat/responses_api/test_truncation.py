"""As many of the last turns as fit, with the instructions and never half a turn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix import TextTooLongError
from openai_compat.prompts import render_prompt
from openai_compat.responses_api.conversation import read_items, to_messages
from openai_compat.responses_api.truncation import render_truncated
from openai_compat.schemas.chat import ChatCompletionRequest
from tests.fakes import ByteTokenizer

TOKENIZER = ByteTokenizer()


class LimitedTokenizer(ByteTokenizer):
    """Refuses long texts unread."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        if len(text) > 600:
            raise TextTooLongError(num_chars=len(text), max_model_len=1, max_chars=600)
        return super().encode(text, add_special_tokens=add_special_tokens)


CALL: Any = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
RESULT: Any = {"type": "function_call_output", "call_id": "1", "output": "x"}


def turn(number: int, length: int) -> list[Any]:
    asked = {"role": "user", "content": f"turn {number} " + "x" * length}
    return [asked, CALL, RESULT, {"role": "developer", "content": f"D{number}"}, {"role": "assistant", "content": "y"}]


def conversation(turns: list[Any], max_tokens: int | None = None) -> ChatCompletionRequest:
    items = read_items([item for one in turns for item in one] + [{"role": "user", "content": "last"}])
    return ChatCompletionRequest(model="m", messages=to_messages("Rule.", items), max_completion_tokens=max_tokens)


@given(st.lists(st.integers(0, 60), max_size=7), st.integers(100, 900), st.none() | st.integers(1, 50))
def test_the_most_turns_that_fit_are_kept(lengths: list[int], max_model_len: int, max_tokens: int | None) -> None:
    """Against the slow way: leaving out one more turn at a time."""
    turns = [turn(number, length) for number, length in enumerate(lengths)]
    room = max_model_len - (max_tokens or 1)
    expected = render_prompt(conversation(turns, max_tokens), TOKENIZER)
    for left_out in range(len(turns) + 1):
        instructions = [item for one in turns[:left_out] for item in one if item.get("role") == "developer"]
        prompt = render_prompt(conversation([instructions, *turns[left_out:]], max_tokens), TOKENIZER)
        if len(prompt) <= room:
            expected = prompt
            break
    assert render_truncated(conversation(turns, max_tokens), TOKENIZER, max_model_len) == expected


def test_a_conversation_too_long_to_be_encoded_is_cut_all_the_same() -> None:
    request = conversation([turn(number, 60) for number in range(20)])
    cut = render_truncated(request, LimitedTokenizer(), 500)
    assert cut == render_truncated(request, TOKENIZER, 500)
    assert 300 < len(cut) < 500
    with pytest.raises(TextTooLongError):
        render_truncated(conversation([[{"role": "developer", "content": "x" * 700}]]), LimitedTokenizer(), 500)
