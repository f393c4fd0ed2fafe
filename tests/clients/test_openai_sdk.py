"""OpenAI's own client library:

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
stream = client.chat.completions.create(
    model="helix-demo", messages=[{"role": "user", "content": "What is speculative decoding?"}], stream=True
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from helix import AsyncEngine
from tests.servers import Server

MODEL = "helix-demo"
QUESTION: Any = [{"role": "user", "content": "What is speculative decoding?"}]
COUNT: Any = [{"role": "user", "content": "Count from 3 to 9."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


ALWAYS = {"speculation": {"adaptive": False}}
"""Drafts whether that pays on this machine or not."""


def joined(chunks: Iterable[Any]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_a_question_gets_a_sensible_answer(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0, max_tokens=200)
    choice = answer.choices[0]
    assert choice.message.content is not None and "draft" in choice.message.content
    assert choice.finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_speculation_is_visible_in_the_answer(server: Server[AsyncEngine]) -> None:
    """Pinned: whether a draft pays is up to the machine."""
    answer: Any = server.openai.chat.completions.create(
        model=MODEL, messages=QUESTION, temperature=0, max_tokens=60, extra_body={"speculation": {"adaptive": False}}
    )
    speculation = answer.helix["speculation"]
    assert speculation["drafted"] > 0 and speculation["accepted"] > 0
    assert speculation["mean_accepted_length"] > 1
    assert sum(one["drafted"] for one in speculation["by_proposer"].values()) == speculation["drafted"]
    assert speculation["estimated_speed_up"] > 0
    assert speculation["drafting_s"] > 0 and speculation["verifying_s"] > 0
    assert answer.helix["timings"]["ttft_s"] > 0


def test_by_default_a_depth_is_a_maximum(server: Server[AsyncEngine]) -> None:
    answer: Any = server.openai.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0, max_tokens=60)
    speculation = answer.helix["speculation"]
    assert (speculation["method"], speculation["adaptive"]) == ("auto", True)
    assert len(speculation["drafted_per_position"]) <= speculation["depth"]


@pytest.mark.parametrize(
    "sampling",
    [
        {"temperature": 0},
        {"temperature": 1, "seed": 1},
        {"temperature": 0.8, "top_p": 0.9, "seed": 2, "frequency_penalty": 0.5, "logit_bias": {"40": 2}},
    ],
)
def test_speculation_changes_no_text(server: Server[AsyncEngine], sampling: Any) -> None:
    """Lossless means: off, shallow, deep, by draft model and by n-gram, the same seed gives the same text."""
    wishes = [
        {"depth": 0},
        {"depth": 1},
        {"depth": 8, "method": "draft", "adaptive": False},
        {"depth": 8, "method": "ngram", "adaptive": False},
        {"enabled": True},
    ]
    texts = set()
    for speculation in wishes:
        answer = server.openai.chat.completions.create(
            model=MODEL, messages=QUESTION, max_tokens=40, extra_body={"speculation": speculation}, **sampling
        )
        texts.add(answer.choices[0].message.content)
    assert len(texts) == 1


def test_a_stream_says_the_same_as_a_whole_answer(server: Server[AsyncEngine]) -> None:
    whole = server.openai.chat.completions.create(model=MODEL, messages=COUNT, temperature=0, max_tokens=32)
    stream = server.openai.chat.completions.create(
        model=MODEL,
        messages=COUNT,
        temperature=0,
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"speculation": {"adaptive": False}},
    )
    chunks: list[Any] = list(stream)
    assert joined(chunks) == whole.choices[0].message.content
    assert chunks[-1].usage is not None and whole.usage is not None
    assert chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
    assert chunks[-1].helix["speculation"]["drafted"] > 0
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason


def test_many_at_once_say_what_each_says_alone(server: Server[AsyncEngine]) -> None:
    async def ask(client: AsyncOpenAI, number: int, stream: bool) -> str:
        messages: Any = [{"role": "user", "content": f"Count from {number} to {number + 4}."}]
        if stream:
            parts = []
            async for chunk in await client.chat.completions.create(
                model=MODEL, messages=messages, seed=number, max_tokens=30, stream=True
            ):
                parts.append(chunk.choices[0].delta.content or "")
            return "".join(parts)
        answer = await client.chat.completions.create(model=MODEL, messages=messages, seed=number, max_tokens=30)
        return answer.choices[0].message.content or ""

    async def all_of_them() -> tuple[list[str], list[str]]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", timeout=60) as client:
            together = await asyncio.gather(*(ask(client, number, number % 2 == 0) for number in range(8)))
            alone = [await ask(client, number, False) for number in range(8)]
            return list(together), alone

    together, alone = asyncio.run(all_of_them())
    assert together == alone


def test_choices_differ_and_come_back_with_their_seed(server: Server[AsyncEngine]) -> None:
    def texts() -> list[str | None]:
        answer = server.openai.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Tell me a story."}],
            n=3,
            seed=7,
            temperature=1.8,
            max_tokens=32,
        )
        return [choice.message.content for choice in answer.choices]

    first = texts()
    assert len(set(first)) > 1
    assert texts() == first


def test_a_repeated_prompt_is_found_in_the_cache(server: Server[AsyncEngine]) -> None:
    messages: Any = [{"role": "user", "content": "Please remember this sentence about the blue lamp. " * 8}]
    usages = [
        server.openai.chat.completions.create(model=MODEL, messages=messages, max_tokens=1).usage for _ in range(2)
    ]
    assert usages[1] is not None and usages[1].prompt_tokens_details is not None
    assert (usages[1].prompt_tokens_details.cached_tokens or 0) >= 16


def test_a_right_prediction_is_accepted_and_changes_no_text(server: Server[AsyncEngine]) -> None:
    asked: Any = {"model": MODEL, "messages": QUESTION, "temperature": 0, "max_tokens": 60}
    plain = server.openai.chat.completions.create(**asked)
    prediction: Any = {"type": "content", "content": plain.choices[0].message.content}
    predicted = server.openai.chat.completions.create(**asked, prediction=prediction, extra_body=ALWAYS)
    assert predicted.choices[0].message.content == plain.choices[0].message.content
    assert plain.usage is not None and plain.usage.completion_tokens_details is not None
    assert predicted.usage is not None and predicted.usage.completion_tokens_details is not None
    assert plain.usage.completion_tokens_details.accepted_prediction_tokens == 0
    assert plain.usage.completion_tokens_details.rejected_prediction_tokens == 0
    accepted = predicted.usage.completion_tokens_details.accepted_prediction_tokens
    assert accepted is not None and 0 < accepted <= predicted.usage.completion_tokens
    assert predicted.usage.completion_tokens == plain.usage.completion_tokens


def test_a_prediction_that_is_edited_streams_with_its_usage(server: Server[AsyncEngine]) -> None:
    body = "    result = 0\n    for value in values:\n        result += value\n    return result\n"
    code = f"```python\ndef total(values):\n{body}```"
    stream = server.openai.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": f"Rename result to amount:\n{code}"}],
        temperature=0,
        max_tokens=100,
        prediction={"type": "content", "content": [{"type": "text", "text": code}]},
        stream=True,
        stream_options={"include_usage": True},
        extra_body=ALWAYS,
    )
    chunks: list[Any] = list(stream)
    details = chunks[-1].usage.completion_tokens_details
    by_proposer = chunks[-1].helix["speculation"]["by_proposer"]["predicted"]
    assert details.accepted_prediction_tokens == by_proposer["accepted"] > 0
    assert details.rejected_prediction_tokens == by_proposer["drafted"] - by_proposer["accepted"]
    assert details.accepted_prediction_tokens <= chunks[-1].usage.completion_tokens


def test_speculation_off_leaves_a_prediction_unused(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL,
        messages=QUESTION,
        max_tokens=20,
        prediction={"type": "content", "content": "Speculative decoding"},
        extra_body={"speculation": {"enabled": False}},
    )
    assert answer.usage is not None and answer.usage.completion_tokens_details is not None
    assert answer.usage.completion_tokens_details.accepted_prediction_tokens == 0
    assert answer.usage.completion_tokens_details.rejected_prediction_tokens == 0


def test_logprobs_spell_the_answer(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL, messages=COUNT, temperature=0, max_tokens=32, logprobs=True, top_logprobs=3
    )
    choice = answer.choices[0]
    assert choice.logprobs is not None and choice.logprobs.content is not None
    assert "".join(entry.token for entry in choice.logprobs.content) == choice.message.content
    for entry in choice.logprobs.content:
        assert entry.logprob <= 0
        assert len(entry.top_logprobs) == 3
        assert entry.top_logprobs[0].token == entry.token, "at temperature 0 the best token is the chosen one"


def test_stop_cuts_before_the_string(server: Server[AsyncEngine]) -> None:
    whole = server.openai.chat.completions.create(model=MODEL, messages=COUNT, temperature=0, max_tokens=32)
    text = whole.choices[0].message.content or ""
    stop = text[len(text) // 2 :][:3]
    cut = server.openai.chat.completions.create(model=MODEL, messages=COUNT, temperature=0, max_tokens=32, stop=stop)
    assert cut.choices[0].message.content == text[: text.index(stop)]
    assert cut.choices[0].finish_reason == "stop"


def test_a_limit_is_kept(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL, messages=QUESTION, max_completion_tokens=5, extra_body={"ignore_eos": True}
    )
    assert answer.usage is not None and answer.usage.completion_tokens == 5
    assert answer.choices[0].finish_reason == "length"


def test_a_tool_is_called_and_its_result_used(server: Server[AsyncEngine]) -> None:
    messages: Any = [{"role": "user", "content": "What is the weather in Vienna?"}]
    first = server.openai.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], temperature=0, max_tokens=80
    )
    assert first.choices[0].finish_reason == "tool_calls"
    assert first.choices[0].message.tool_calls is not None
    call: Any = first.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather"
    assert "Vienna" in call.function.arguments
    messages += [
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": '{"condition": "sunny", "temperature": 21}'},
    ]
    second = server.openai.chat.completions.create(
        model=MODEL, messages=messages, tools=[WEATHER], temperature=0, max_tokens=80
    )
    assert second.choices[0].finish_reason == "stop"
    assert "21" in (second.choices[0].message.content or "")


def test_legacy_completions_continue_text_and_token_ids(server: Server[AsyncEngine]) -> None:
    token_ids = server.engine.tokenizer.encode("One two three")
    for prompt in ("One two three", token_ids):
        answer = server.openai.completions.create(model=MODEL, prompt=prompt, max_tokens=6, temperature=0, logprobs=2)
        choice = answer.choices[0]
        assert choice.logprobs is not None and choice.logprobs.tokens is not None
        assert choice.text.startswith("".join(choice.logprobs.tokens)[:3])


def test_a_prompt_is_scored_as_an_evaluation_harness_asks_for_it(server: Server[AsyncEngine]) -> None:
    """The requests of lm-evaluation-harness: batches of token ids, echo, one logprob, and no or one token more.

    It sums entries [context length : -1], where the last one is the generated token's.
    """
    encode = server.engine.tokenizer.encode
    pairs = [("One two", " three"), ("Speculative", " decoding is fast"), ("One two", " purple")]
    contexts = [encode(context) for context, _ in pairs]
    prompts = [encode(context) + encode(end, add_special_tokens=False) for context, end in pairs]
    asked: Any = {"model": MODEL, "prompt": prompts, "echo": True, "logprobs": 1, "temperature": 0, "seed": 1234}
    answer = server.openai.completions.create(**asked, max_tokens=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    for choice, context, prompt in zip(answer.choices, contexts, prompts, strict=True):
        scored: Any = choice.logprobs
        assert len(scored.tokens) == len(scored.token_logprobs) == len(scored.text_offset) == len(prompt) + 1
        assert scored.token_logprobs[0] is None and scored.top_logprobs[0] is None
        for token, logprob, top in zip(
            scored.tokens[1:], scored.token_logprobs[1:], scored.top_logprobs[1:], strict=True
        ):
            assert top[token] == logprob <= max(top.values()) <= 0
        for token, start in zip(scored.tokens, scored.text_offset, strict=True):
            assert choice.text[start:].startswith(token)
        assert sum(scored.token_logprobs[len(context) : -1]) < 0
    nothing_more = server.openai.completions.create(**asked, max_tokens=0)
    for choice, whole, prompt in zip(nothing_more.choices, answer.choices, prompts, strict=True):
        one: Any = choice.logprobs
        other: Any = whole.logprobs
        assert one.tokens == other.tokens[:-1] and len(one.tokens) == len(prompt)
        assert one.token_logprobs[1:] == pytest.approx(other.token_logprobs[1:-1], abs=1e-3)
        assert choice.text == server.engine.tokenizer.decode(prompt)
        assert choice.finish_reason == "length"


def test_an_evaluation_harness_finds_the_tokenizer_on_the_server(server: Server[AsyncEngine]) -> None:
    """What lm-evaluation-harness asks before it scores, where it is told nothing but the address."""
    info = server.http.get("/tokenizer_info").json()
    assert info["chat_template"] == server.engine.tokenizer.chat_template
    for text, token_id in (
        (info["eos_token"], server.engine.tokenizer.eos_token_id),
        (info["bos_token"], server.engine.tokenizer.bos_token_id),
    ):
        if token_id is None:
            assert text is None
        else:
            asked = {"prompt": text, "add_special_tokens": False}
            assert server.http.post("/tokenize", json=asked).json()["tokens"] == [token_id]
    assert info["eos_token"] is not None


def test_what_the_model_writes_itself_scores_as_it_was_written(server: Server[AsyncEngine]) -> None:
    create = server.openai.completions.create
    written = create(model=MODEL, prompt="One two", echo=True, logprobs=1, max_tokens=6, temperature=0).choices[0]
    other: Any = written.logprobs
    token_ids = server.engine.tokenizer.encode("".join(other.tokens))
    scored = create(model=MODEL, prompt=token_ids, echo=True, logprobs=1, max_tokens=0).choices[0]
    one: Any = scored.logprobs
    assert scored.text == written.text
    assert one.tokens == other.tokens
    assert one.token_logprobs[1:] == pytest.approx(other.token_logprobs[1:], abs=1e-3)
    start = len(server.engine.tokenizer.encode("One two"))
    for token, top in zip(one.tokens[start:], one.top_logprobs[start:], strict=True):
        assert max(top, key=top.get) == token, "at temperature 0 every token was the likeliest"


def test_the_best_of_several_are_the_likeliest_of_them(server: Server[AsyncEngine]) -> None:
    asked: Any = {
        "model": MODEL,
        "prompt": "The weather in",
        "seed": 3,
        "temperature": 1.5,
        "max_tokens": 8,
        "logprobs": 0,
        "extra_body": {"ignore_eos": True},
    }
    best = server.openai.completions.create(**asked, n=2, best_of=5)
    drawn = server.openai.completions.create(**asked, n=5)
    by_mean = sorted(drawn.choices, key=lambda choice: sum(choice.logprobs.token_logprobs), reverse=True)
    assert [choice.text for choice in best.choices] == [choice.text for choice in by_mean[:2]]
    assert [choice.index for choice in best.choices] == [0, 1]
    assert best.usage is not None and best.usage.completion_tokens == 5 * 8


def test_texts_are_embedded_while_others_are_answered(server: Server[AsyncEngine]) -> None:
    """The vectors do not depend on what else the engine does, and streams go on."""
    texts = ["The cat sat on the mat.", "A dog.", "The cat sat on the mat."]
    alone = [server.openai.embeddings.create(model=MODEL, input=text).data[0].embedding for text in texts]
    stream = server.openai.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, max_tokens=200, temperature=0
    )
    pieces = iter(stream)
    next(pieces)
    answer = server.openai.embeddings.create(model=MODEL, input=texts)
    assert joined(pieces)
    for one, vector in zip(answer.data, alone, strict=True):
        assert one.embedding == pytest.approx(vector, abs=1e-4)
        assert len(vector) == server.engine.info.hidden_size
        assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-4)
    assert alone[0] != alone[1]
    num_tokens = sum(len(server.engine.tokenizer.encode(text)) for text in texts)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == num_tokens


def test_raw_responses_have_the_headers_that_clients_look_for(server: Server[AsyncEngine]) -> None:
    raw = server.openai.completions.with_raw_response.create(
        model=MODEL,
        prompt="One two",
        max_tokens=2,
        extra_body={"tempreature": 0, "speculation": {"dept": 1}},
        extra_headers={"x-request-id": "mine-7"},
    )
    assert raw.headers["x-request-id"] == "mine-7"
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.headers["x-helix-ignored-fields"] == "tempreature, speculation.dept"
    assert raw.parse().choices[0].finish_reason == "length"
    tokens = server.http.post("/tokenize", json={"prompt": "One two"}).json()["tokens"]
    assert tokens == server.engine.tokenizer.encode("One two")
    assert server.http.post("/detokenize", json={"tokens": tokens}).json() == {"prompt": "One two"}


def test_models_are_listed_and_retrieved(server: Server[AsyncEngine]) -> None:
    assert [model.id for model in server.openai.models.list()] == [MODEL]
    assert server.openai.models.retrieve(MODEL).id == MODEL


def test_errors_have_their_classes(server: Server[AsyncEngine]) -> None:
    create = server.openai.chat.completions.create
    with pytest.raises(openai.NotFoundError):
        create(model="gpt-99", messages=QUESTION)
    with pytest.raises(openai.BadRequestError) as too_long:
        create(model=MODEL, messages=[{"role": "user", "content": "word " * 9000}])
    assert too_long.value.code == "context_length_exceeded"
    assert str(server.engine.info.max_model_len) in too_long.value.message
    with pytest.raises(openai.BadRequestError) as bad_depth:
        create(model=MODEL, messages=QUESTION, extra_body={"speculation": {"depth": 999}})
    assert bad_depth.value.param == "speculation.depth"
    with pytest.raises(openai.BadRequestError) as bad_bias:
        create(model=MODEL, messages=QUESTION, logit_bias={"99999999": 1})
    assert bad_bias.value.param == "logit_bias"


def test_a_closed_stream_frees_its_blocks(server: Server[AsyncEngine]) -> None:
    stream = server.openai.chat.completions.create(
        model=MODEL, messages=QUESTION, stream=True, max_tokens=1500, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    assert server.http.get("/health").json()["num_running"] >= 1
    stream.close()
    deadline = time.monotonic() + 20
    while True:
        health = server.http.get("/health").json()
        is_free = health["num_running"] == 0 and health["num_free_blocks"] == health["num_blocks"]
        if is_free or time.monotonic() > deadline:
            break
    assert is_free, health
