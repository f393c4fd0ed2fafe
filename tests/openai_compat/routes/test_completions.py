"""POST /v1/completions over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from openai.types import Completion

from tests.fakes import FakeEngine
from tests.openai_compat.test_fill_in_the_middle import CoderTokenizer
from tests.servers import Server


def events(text: str) -> list[Any]:
    frames = [frame.removeprefix("data: ") for frame in text.split("\n\n") if frame.startswith("data: ")]
    assert frames[-1] == "[DONE]"
    return [json.loads(frame) for frame in frames[:-1]]


def test_a_whole_answer_has_every_required_key(server: Server[FakeEngine]) -> None:
    body = server.complete(seed=3, max_tokens=50).json()
    Completion.model_validate(body, strict=True)
    assert body["object"] == "text_completion"
    assert body["id"].startswith("cmpl-")
    assert body["choices"] == [{"index": 0, "text": "You said: hi (3)", "logprobs": None, "finish_reason": "stop"}]
    assert body["usage"]["prompt_tokens"] == 2
    assert body["helix"]["speculation"]["drafted"] > 0


def test_sixteen_tokens_are_the_default(server: Server[FakeEngine]) -> None:
    choice = server.complete(prompt="x" * 40).json()["choices"][0]
    assert (len(choice["text"]), choice["finish_reason"]) == (16, "length")


def test_choices_of_several_prompts_are_counted_prompt_by_prompt(server: Server[FakeEngine]) -> None:
    answer = server.openai.completions.create(model="model-1", prompt=["a", "b"], n=2, seed=1, max_tokens=50)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    texts = [choice.text for choice in answer.choices]
    assert texts[0] == "You said: a (1)" and texts[2] == "You said: b (1)"
    assert texts[1].startswith("You said: a (") and texts[3].startswith("You said: b (")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 2
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


@pytest.mark.parametrize("prompt", [[104, 105], [[104, 105]]])
def test_token_ids_are_prompts_too(server: Server[FakeEngine], prompt: Any) -> None:
    answer = server.openai.completions.create(model="model-1", prompt=prompt)
    assert answer.choices[0].text == "You said: hi"


def test_a_token_id_outside_the_vocabulary_is_refused(server: Server[FakeEngine]) -> None:
    for prompt in ([1, 5000], [-1], [10**30]):
        response = server.complete(prompt=prompt)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "prompt"


def test_streams_carry_the_same_text_in_pieces(server: Server[FakeEngine]) -> None:
    chunks = events(server.complete(stream=True, max_tokens=50).text)
    for chunk in chunks:
        assert {"text", "index", "logprobs", "finish_reason"} == set(chunk["choices"][0])
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "You said: hi"
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-2:]] == [None, "stop"]
    assert ["helix" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_usage_comes_last_in_a_stream(server: Server[FakeEngine]) -> None:
    chunks = events(server.complete(stream=True, stream_options={"include_usage": True}).text)
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == len("You said: hi") + 1
    assert "helix" in chunks[-1]


@pytest.mark.parametrize("stream", [False, True])
def test_echo_puts_the_prompt_in_front_of_each_choice(server: Server[FakeEngine], stream: bool) -> None:
    response = server.complete(prompt=["ab", "cd"], n=2, echo=True, stream=stream, max_tokens=3)
    texts = [""] * 4
    for part in events(response.text) if stream else [response.json()]:
        for choice in part["choices"]:
            texts[choice["index"]] += choice["text"]
    assert texts == ["abYou", "abYou", "cdYou", "cdYou"]


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_are_four_parallel_lists(server: Server[FakeEngine], stream: bool) -> None:
    response = server.complete(logprobs=2, stream=stream)
    parts = events(response.text) if stream else [response.json()]
    lists = [part["choices"][0]["logprobs"] for part in parts if part["choices"][0]["logprobs"]]
    merged = {key: [entry for one in lists for entry in one[key]] for key in lists[0]}
    assert "".join(merged["tokens"]) == "You said: hi"
    assert merged["text_offset"] == list(range(len("You said: hi")))
    assert merged["token_logprobs"] == [-0.25] * len("You said: hi")
    assert merged["top_logprobs"][0] == {"Y": -0.25, "X": -1.25}


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"best_of": 1, "n": 2}, "best_of", "invalid_value"),
        ({"best_of": 0}, "best_of", "invalid_value"),
        ({"best_of": 3, "stream": True}, "best_of", "invalid_value"),
        ({"best_of": 20, "prompt": ["a"] * 11}, "best_of", "invalid_value"),
        ({"suffix": "x"}, "suffix", "unsupported_parameter"),
        ({"logprobs": 6}, "logprobs", "invalid_value"),
        ({"prompt": []}, "prompt", "invalid_value"),
        ({"prompt": ["a", 1]}, "prompt", "invalid_value"),
        ({"prompt": {"a": 1}}, "prompt", "invalid_type"),
        ({"max_tokens": 5000}, "max_tokens", "context_length_exceeded"),
    ],
)
def test_bad_requests_name_the_field(server: Server[FakeEngine], fields: dict[str, Any], param: str, code: str) -> None:
    response = server.complete(**fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)


def test_what_never_fits_is_a_bad_request_and_what_does_not_fit_now_is_busy(server: Server[FakeEngine]) -> None:
    response = server.complete(prompt=["a", "b"], n=101)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == ("n", "invalid_value")
    assert "202" in error["message"] and "200" in error["message"]
    server.engine.max_num_running = 3
    response = server.complete(prompt=["a", "b"], n=2)
    assert response.status_code == 429
    assert response.json()["error"]["code"] == "rate_limit_exceeded"


def test_a_long_prompt_is_named_prompt(server: Server[FakeEngine]) -> None:
    error = server.complete(prompt="x" * 5000, max_tokens=None).json()["error"]
    assert error["code"] == "context_length_exceeded"
    assert "4096" in error["message"]


def test_a_missing_prompt_is_named(server: Server[FakeEngine]) -> None:
    response = server.http.post("/v1/completions", json={"model": "model-1"})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "prompt"


def test_a_completion_may_have_a_grammar_too(server: Server[FakeEngine]) -> None:
    assert server.complete(guided_regex="[a-z]+").status_code == 200
    assert [grammar.text for grammar in server.engine.compiled] == ["[a-z]+"]
    assert server.complete(guided_regex="!refuse!").json()["error"]["param"] == "guided_regex"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("max_tokens", [0, 1, 3])
def test_an_echo_is_scored_token_by_token(server: Server[FakeEngine], stream: bool, max_tokens: int) -> None:
    response = server.complete(prompt="abé", echo=True, logprobs=2, max_tokens=max_tokens, stream=stream)
    parts = events(response.text) if stream else [response.json()]
    choices = [part["choices"][0] for part in parts]
    lists = [choice["logprobs"] for choice in choices if choice["logprobs"]]
    merged = {key: [entry for one in lists for entry in one[key]] for key in lists[0]}
    assert "".join(choice["text"] for choice in choices) == "abé" + "You"[:max_tokens]
    assert choices[-1]["finish_reason"] == "length"
    assert merged["tokens"] == ["a", "b", "bytes:\\xc3", "bytes:\\xa9", *"You"[:max_tokens]]
    assert merged["token_logprobs"] == [None] + [-0.25] * (3 + max_tokens)
    assert merged["top_logprobs"][:2] == [None, {"b": -0.25, "a": -1.25}]
    assert merged["text_offset"] == [0, 1, 2, 2, 3, 4, 5][: 4 + max_tokens]


def test_the_token_that_ends_an_echoed_text_has_its_entry(server: Server[FakeEngine]) -> None:
    """Who scores prompts drops the last entry as the generated one: without it a token of the prompt would be lost."""
    server.engine.reply = lambda prompt, params: ""
    choice = server.complete(prompt=[97, 98], echo=True, logprobs=1, max_tokens=1).json()["choices"][0]
    assert choice["text"] == "ab"
    assert choice["logprobs"]["tokens"] == ["a", "b", "<eos>"]
    assert choice["finish_reason"] == "stop"


def test_nothing_generated_is_an_empty_text(server: Server[FakeEngine]) -> None:
    answer = server.openai.completions.create(model="model-1", prompt="hi", max_tokens=0, logprobs=1)
    choice = answer.choices[0]
    assert (choice.text, choice.finish_reason) == ("", "length")
    assert choice.logprobs is not None and choice.logprobs.tokens == []
    assert answer.usage is not None and answer.usage.completion_tokens == 0


def test_usage_counts_choices_that_are_not_shown(server: Server[FakeEngine]) -> None:
    body = server.complete(prompt=["a", "b"], n=1, best_of=3, max_tokens=4).json()
    assert [choice["index"] for choice in body["choices"]] == [0, 1]
    assert [choice["logprobs"] for choice in body["choices"]] == [None, None]
    assert body["usage"]["completion_tokens"] == 2 * 3 * 4
    assert body["usage"]["prompt_tokens"] == 2


def test_a_model_that_learned_it_fills_the_middle(serve: Callable[..., Server[FakeEngine]]) -> None:
    engine = FakeEngine(lambda prompt, params: prompt + "!")
    engine.tokenizer = CoderTokenizer()
    server = serve(engine)
    answer = server.openai.completions.create(
        model="model-1", prompt=["def f(", "x"], suffix="): pass", echo=True, max_tokens=100
    )
    texts = [choice.text for choice in answer.choices]
    assert texts == [f"{p}<|fim_prefix|>{p}<|fim_suffix|>): pass<|fim_middle|>!" for p in ("def f(", "x")]
    assert {CoderTokenizer.MARKS["<|fim_middle|>"], CoderTokenizer.MARKS["<|endoftext|>"]} <= set(
        engine.params[0].stop_token_ids
    )


@pytest.mark.parametrize("fields", [{"n": 3}, {"best_of": 3, "n": 2}, {"n": 3, "stream": True}])
def test_a_prompt_of_several_choices_is_scored_once_and_told_with_each(
    server: Server[FakeEngine], fields: dict[str, Any]
) -> None:
    """The first choice, which brings the scores, comes last."""
    one = server.complete(echo=True, logprobs=2, prompt=["hey"]).json()["choices"][0]
    server.engine.reset()
    engine = server.engine
    play = engine._play

    async def late(request_id: str, prompt: Any, params: Any, reply: str) -> Any:
        if params.prompt_logprobs is not None:
            await asyncio.sleep(0.05)
        async for output in play(request_id, prompt, params, reply):
            yield output

    engine._play = late  # type: ignore[method-assign]
    try:
        response = server.complete(echo=True, logprobs=2, prompt=["hey"], **fields)
    finally:
        del engine._play
    assert [params.prompt_logprobs for params in engine.params] == [2, None, None]
    if "stream" in fields:
        frames = [json.loads(line.removeprefix("data: ")) for line in response.text.split("\n\n") if "choices" in line]
        told = [
            [frame["choices"][0] for frame in frames if frame["choices"][0]["index"] == index] for index in range(3)
        ]
        for chunks in told:
            assert "".join(chunk["text"] for chunk in chunks) == one["text"]
            logprobs = [entry for chunk in chunks if chunk["logprobs"] for entry in chunk["logprobs"]["token_logprobs"]]
            assert logprobs == one["logprobs"]["token_logprobs"] and chunks[-1]["finish_reason"] == "stop"
        return
    choices = response.json()["choices"]
    assert [choice | {"index": 0} for choice in choices] == [one] * fields["n"]
