"""How a model writes calls is found out from its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from openai_compat.answer_format import answer_format_of
from tests.fakes import ByteTokenizer, FakeEngine
from tests.servers import Server

WEATHER: Any = {"type": "function", "function": {"name": "weather"}}
CALL_TEXT = '[TOOL_CALLS]weather[ARGS]{"city": "Graz"}'


class MistralTokenizer(ByteTokenizer):
    """One more token, which is special."""

    vocab_size = 258
    chat_template = "... [TOOL_CALLS] ... [ARGS] ..."

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        return [257] if text == "[TOOL_CALLS]" else super().encode(text)

    def is_special(self, token_id: int) -> bool:
        return token_id >= 256


def test_a_template_without_signs_and_plain_tags_are_hermes() -> None:
    answer_format = answer_format_of(ByteTokenizer())
    assert answer_format.tools.name == "hermes"
    assert not answer_format.shows_special_tokens(has_tools=True)


def test_markers_that_are_special_tokens_are_known_by_their_ids() -> None:
    answer_format = answer_format_of(MistralTokenizer())
    assert answer_format.tools.name == "mistral"
    assert answer_format.marks.special_ids == {"[TOOL_CALLS]": 257}
    assert answer_format.marks("[TOOL_CALLS]") == "<[257]>"
    assert answer_format.marks("[ARGS]") == '"[ARGS]"'


def test_a_server_reads_the_format_of_its_model(serve: Callable[..., Server[FakeEngine]]) -> None:
    engine = FakeEngine(lambda prompt, params: CALL_TEXT)
    engine.tokenizer = MistralTokenizer()
    server = serve(engine)
    choice = server.chat(tools=[WEATHER]).json()["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "Graz"}'}
    assert server.chat(tools=[WEATHER], tool_choice="required").status_code == 200
    assert server.chat().json()["choices"][0]["message"]["content"] == CALL_TEXT
    assert [params.skip_special_tokens for params in engine.params] == [False, False, True]
    assert "<[257]>" in engine.compiled[0].text


class HarmonyTokenizer(ByteTokenizer):
    """Of a model that writes channels; its markers are letters here."""

    chat_template = "... <|channel|> ... <|message|> ..."


def test_a_model_of_channels_is_read_in_every_answer(serve: Callable[..., Server[FakeEngine]]) -> None:
    thought = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant"
    call = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"city": "Graz"}'
    engine = FakeEngine(
        lambda prompt, params: thought + (call if "tools" in prompt else "<|channel|>final<|message|>Hi!")
    )
    engine.tokenizer = HarmonyTokenizer()
    server = serve(engine)
    message = server.chat().json()["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hi!", "Hm.")
    choice = server.chat(tools=[WEATHER]).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls" and choice["message"]["reasoning_content"] == "Hm."
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Graz"}'}
    streamed = "".join(
        chunk.choices[0].delta.content or ""
        for chunk in server.openai.chat.completions.create(
            model="model-1", messages=[{"role": "user", "content": "hi"}], stream=True
        )
    )
    assert streamed == "Hi!"
    raw = server.chat(separate_reasoning=False).json()["choices"][0]["message"]["content"]
    assert raw == "<|channel|>analysis<|message|>Hm.\nHi!"
    refused = server.chat(tools=[WEATHER], tool_choice="required")
    assert refused.status_code == 400 and refused.json()["error"]["param"] == "tools"
