"""POST /v1/chat/completions over a socket, through OpenAI's own client where it can say what is meant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.fakes import ByteTokenizer, FakeEngine
from tests.servers import Server

HI: Any = [{"role": "user", "content": "hi"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
CALL_TEXT = 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Graz"}}\n</tool_call>'
NAMED = {"type": "function", "function": {"name": "weather"}}
Serve = Callable[..., Server[FakeEngine]]


def events(text: str) -> list[Any]:
    """Return the JSON documents of a stream that must end with [DONE]."""
    frames = [frame.removeprefix("data: ") for frame in text.split("\n\n") if frame.startswith("data: ")]
    assert frames[-1] == "[DONE]"
    return [json.loads(frame) for frame in frames[:-1]]


def test_a_whole_answer_has_every_required_key(server: Server[FakeEngine]) -> None:
    response = server.chat(seed=3)
    assert response.headers["content-type"] == "application/json"
    body = response.json()
    ChatCompletion.model_validate(body, strict=True)
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "fake/model-1"
    assert body["system_fingerprint"].startswith("fp_")
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "You said: hi (3)", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_usage_counts_the_prompt_once_and_the_ending_token_too(server: Server[FakeEngine]) -> None:
    usage = server.chat(n=3).json()["usage"]
    prompt_tokens = len("user: hi\nassistant: ")
    completion_tokens = 3 * (len("You said: hi") + 1)
    assert usage["prompt_tokens"] == prompt_tokens
    assert usage["completion_tokens"] == completion_tokens
    assert usage["total_tokens"] == prompt_tokens + completion_tokens
    assert usage["prompt_tokens_details"]["cached_tokens"] == 1
    assert usage["completion_tokens_details"]["accepted_prediction_tokens"] == 0


def test_the_helix_object_says_what_speculation_did(server: Server[FakeEngine]) -> None:
    report = server.chat(n=2).json()["helix"]
    helix = report["speculation"]
    assert (helix["method"], helix["depth"]) == ("auto", 4)
    assert helix["drafted"] == sum(helix["drafted_per_position"]) > 0
    assert helix["accepted"] == sum(helix["accepted_per_position"]) > 0
    assert helix["by_proposer"] == {"draft": {"drafted": helix["drafted"], "accepted": helix["accepted"]}}
    assert helix["acceptance_rate"] == pytest.approx(helix["accepted"] / helix["drafted"], abs=1e-5)
    assert helix["mean_accepted_length"] > 1
    assert {"queue_s", "ttft_s", "total_s", "tokens_per_s"} <= set(report["timings"])


def test_speculation_can_be_switched_off_and_tuned_per_request(server: Server[FakeEngine]) -> None:
    off = server.chat(speculation={"enabled": False}).json()["helix"]["speculation"]
    assert (off["method"], off["depth"], off["drafted"], off["acceptance_rate"]) == ("none", 0, 0, None)
    assert server.chat(speculation_depth=0).json()["helix"]["speculation"]["drafted"] == 0
    wishes = {"depth": 9, "method": "ngram", "adaptive": False, "acceptance": "match"}
    deep = server.chat(speculation=wishes).json()["helix"]["speculation"]
    assert {name: deep[name] for name in wishes} == wishes


PREDICTION: Any = {"type": "content", "content": "You said: hi"}


def test_a_prediction_reaches_the_engine_beside_everything_that_openai_refuses_with_it(
    server: Server[FakeEngine],
) -> None:
    answer = server.openai.chat.completions.create(
        model="model-1",
        messages=HI,
        prediction=PREDICTION,
        n=2,
        logprobs=True,
        presence_penalty=0.5,
        frequency_penalty=0.5,
        max_completion_tokens=50,
        tools=[WEATHER],
        temperature=1.0,
    )
    assert len(answer.choices) == 2
    assert [params.prediction for params in server.engine.params] == [tuple(b"You said: hi")] * 2


@pytest.mark.parametrize(
    ("prediction", "param"),
    [
        ("You said: hi", "prediction"),
        ({"type": "content"}, "prediction.content"),
        ({"content": "x"}, "prediction.type"),
        ({"type": "text", "content": "x"}, "prediction.type"),
        ({"type": "content", "content": 7}, "prediction.content"),
        ({"type": "content", "content": []}, "prediction.content"),
        ({"type": "content", "content": [{"type": "image_url"}]}, "prediction.content[0].type"),
        ({"type": "content", "content": [{"type": "text", "text": 5}]}, "prediction.content[0].text"),
    ],
)
def test_a_bad_prediction_is_named(server: Server[FakeEngine], prediction: Any, param: str) -> None:
    response = server.chat(prediction=prediction)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["param"] == param
    assert param in error["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_prediction_tokens_are_told_where_a_prediction_was_sent(server: Server[FakeEngine], stream: bool) -> None:
    def details(**fields: Any) -> Any:
        if not stream:
            return server.chat(**fields).json()["usage"]["completion_tokens_details"]
        text = server.chat(stream=True, stream_options={"include_usage": True}, **fields).text
        return events(text)[-1]["usage"]["completion_tokens_details"]

    plain, predicted, off = (
        details(),
        details(prediction=PREDICTION),
        details(prediction=PREDICTION, speculation_depth=0),
    )
    for none in (plain, off):
        assert (none["accepted_prediction_tokens"], none["rejected_prediction_tokens"]) == (0, 0)
    # Steps of 3 tokens for 12 characters and the end, 12 drafted in each.
    assert predicted["accepted_prediction_tokens"] == 4 * 2
    assert predicted["rejected_prediction_tokens"] == 5 * 12 - 4 * 2


def test_a_bad_depth_is_named_as_it_was_sent(server: Server[FakeEngine]) -> None:
    for fields, param in (
        ({"speculation": {"depth": 17}}, "speculation.depth"),
        ({"speculation_depth": 17}, "speculation_depth"),
        ({"speculation": {"depth": "x"}}, "speculation.depth"),
        ({"speculation": {"acceptance": "typical"}}, "speculation.acceptance"),
        ({"speculation": {"adaptive": "yes"}}, "speculation.adaptive"),
        ({"speculative.n_max": 17}, "speculative.n_max"),
    ):
        response = server.chat(**fields)
        assert response.status_code == 400
        assert response.json()["error"]["param"] == param


def test_a_stream_says_role_once_content_in_pieces_and_finish_reason_last(server: Server[FakeEngine]) -> None:
    response = server.chat(stream=True)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"
    chunks = events(response.text)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        assert "finish_reason" in chunk["choices"][0] and "logprobs" in chunk["choices"][0]
        assert "usage" not in chunk
    assert len({(chunk["id"], chunk["created"]) for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert all("role" not in delta for delta in deltas[1:])
    assert "".join(delta.get("content", "") for delta in deltas) == "You said: hi"
    assert deltas[-1] == {}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[-2:]] == [None, "stop"]
    assert ["helix" in chunk for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


def test_usage_comes_last_and_is_null_before(server: Server[FakeEngine]) -> None:
    chunks = events(server.chat(stream=True, stream_options={"include_usage": True}).text)
    assert all(chunk["usage"] is None and "helix" not in chunk for chunk in chunks[:-1])
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == server.chat().json()["usage"]
    assert chunks[-1]["helix"]["speculation"]["drafted"] > 0


def test_the_sdk_reads_streams_of_several_choices(server: Server[FakeEngine]) -> None:
    texts = ["", "", ""]
    finished = []
    for chunk in server.openai.chat.completions.create(model="model-1", messages=HI, n=3, seed=1, stream=True):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
            if choice.finish_reason:
                finished.append(choice.index)
    assert texts[0] == "You said: hi (1)"
    assert len(set(texts)) == 3, "each choice has its own seed"
    assert sorted(finished) == [0, 1, 2]


def test_the_sdks_stream_helper_accumulates(server: Server[FakeEngine]) -> None:
    with server.openai.chat.completions.stream(
        model="model-1", messages=HI, stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.role == "assistant"
    assert final.choices[0].message.content == "You said: hi"
    assert final.usage is not None and final.usage.completion_tokens == len("You said: hi") + 1


def test_choices_of_a_seed_are_the_same_again(server: Server[FakeEngine]) -> None:
    def texts() -> list[str | None]:
        answer = server.openai.chat.completions.create(model="model-1", messages=HI, n=4, seed=5)
        return [choice.message.content for choice in answer.choices]

    assert texts() == texts()


def test_stop_and_length_have_their_reasons(server: Server[FakeEngine]) -> None:
    stopped = server.chat(stop=[" hi", "zzz", "y", "x", "w"]).json()["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("You said:", "stop")
    cut = server.chat(max_completion_tokens=3).json()["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("You", "length")


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_cover_the_text_and_not_the_ending_token(server: Server[FakeEngine], stream: bool) -> None:
    response = server.chat(logprobs=True, top_logprobs=2, stream=stream)
    if stream:
        parts = [chunk["choices"][0]["logprobs"] for chunk in events(response.text)]
        entries = [entry for part in parts if part for entry in part["content"]]
    else:
        logprobs = response.json()["choices"][0]["logprobs"]
        assert logprobs["refusal"] is None
        entries = logprobs["content"]
    assert "".join(entry["token"] for entry in entries) == "You said: hi"
    assert entries[0] == {
        "token": "Y",
        "bytes": [89],
        "logprob": -0.25,
        "top_logprobs": [
            {"token": "Y", "bytes": [89], "logprob": -0.25},
            {"token": "X", "bytes": [88], "logprob": -1.25},
        ],
    }


def test_no_half_characters_travel_and_their_logprobs_do(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: "é€😀"
    server.engine.tokens_per_step = 1
    chunks = events(server.chat(stream=True, logprobs=True).text)
    contents = [chunk["choices"][0]["delta"].get("content", "") for chunk in chunks]
    assert "".join(contents) == "é€😀"
    assert "\ufffd" not in "".join(contents)
    entries = [e for c in chunks for e in (c["choices"][0]["logprobs"] or {}).get("content", [])]
    assert bytes(byte for entry in entries for byte in entry["bytes"]).decode() == "é€😀"


def test_the_engine_sees_the_rendered_conversation(server: Server[FakeEngine]) -> None:
    server.chat(messages=[{"role": "developer", "content": "Be kind."}, *HI], temperature=0)
    assert server.engine.prompts[-1] == "system: Be kind.\nuser: hi\nassistant: "
    assert server.engine.params[-1].temperature == 0


def test_tool_calls_are_parsed(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    answer = server.openai.chat.completions.create(model="model-1", messages=HI, tools=[WEATHER])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "Let me look."
    assert choice.message.tool_calls is not None
    (call,) = choice.message.tool_calls
    assert call.type == "function" and call.id.startswith("call_")
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Graz"}')


def test_tool_calls_stream_through_the_sdks_helper(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT + "\n" + CALL_TEXT
    server.engine.tokens_per_step = 1
    with server.openai.chat.completions.stream(model="model-1", messages=HI, tools=[WEATHER]) as stream:
        final = stream.get_final_completion().choices[0]
    assert final.finish_reason == "tool_calls"
    assert final.message.tool_calls is not None
    assert [call.function.arguments for call in final.message.tool_calls] == ['{"city": "Graz"}'] * 2
    assert len({call.id for call in final.message.tool_calls}) == 2
    assert final.message.content == "Let me look.Let me look."


def test_calls_without_content_have_null_content(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT.removeprefix("Let me look.\n")
    assert server.chat(tools=[WEATHER]).json()["choices"][0]["message"]["content"] is None


@pytest.mark.parametrize("fields", [{}, {"tools": [WEATHER], "tool_choice": "none"}])
def test_nothing_is_parsed_where_no_tool_may_be_called(server: Server[FakeEngine], fields: dict[str, Any]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    choice = server.chat(**fields).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (CALL_TEXT, "stop")
    assert "tool_calls" not in choice["message"]
    assert "tools:" not in server.engine.prompts[-1]


def test_a_call_cut_off_by_the_limit_is_content(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    choice = server.chat(tools=[WEATHER], max_tokens=30).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["content"] == CALL_TEXT[:30]


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ("auto", "tool_calls"),
        ("required", "tool_calls"),
        ({"type": "function", "function": {"name": "weather"}}, "stop"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_only_a_call_that_is_news_is_the_reason_to_finish(
    server: Server[FakeEngine], choice: Any, reason: str, stream: bool
) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    response = server.chat(tools=[WEATHER], tool_choice=choice, stream=stream)
    body = events(response.text)[-1] if stream else response.json()
    assert body["choices"][0]["finish_reason"] == reason


def test_a_stream_names_a_call_once_and_its_arguments_in_pieces(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT + "\n" + CALL_TEXT
    chunks = events(server.chat(tools=[WEATHER], stream=True).text)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    for index in range(2):
        first, *others = [call for call in calls if call["index"] == index]
        assert first["id"].startswith("call_")
        assert first | {"id": ""} == {
            "index": index,
            "id": "",
            "type": "function",
            "function": {"name": "weather", "arguments": ""},
        }
        assert len(others) > 3
        assert all(call.keys() == {"index", "function"} and call["function"].keys() == {"arguments"} for call in others)
        assert "".join(call["function"]["arguments"] for call in others) == '{"city": "Graz"}'


def test_arguments_cut_off_by_the_limit_are_given_as_far_as_they_came(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    choice = server.chat(tools=[WEATHER], max_tokens=CALL_TEXT.index("Graz")).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"] == {"name": "weather", "arguments": '{"city": "'}


def test_a_schema_that_is_refused_is_named_among_the_tools(server: Server[FakeEngine]) -> None:
    bad = {"type": "function", "function": {"name": "bad", "parameters": {"type": "object", "not": "!too hard!"}}}
    for stream in (False, True):
        response = server.chat(tools=[WEATHER, bad], tool_choice="required", stream=stream)
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["param"] == "tools[1].function.parameters"
        assert error["message"] == "tools[1].function.parameters cannot be enforced: grammar is refused"
    assert server.engine.params == []


def test_the_tier_is_told_when_one_was_asked_for(server: Server[FakeEngine]) -> None:
    assert server.chat(service_tier="auto").json()["service_tier"] == "default"
    assert "service_tier" not in server.chat().json()


def test_unknown_fields_are_ignored_and_listed(server: Server[FakeEngine]) -> None:
    response = server.chat(foo=1, bar={"a": 1}, temperature=0.5)
    assert response.status_code == 200
    assert response.headers["x-helix-ignored-fields"] == "foo, bar"
    assert server.chat(stream=True, foo=1).headers["x-helix-ignored-fields"] == "foo"
    assert "x-helix-ignored-fields" not in server.chat(speculation={"depth": 1}).headers


@pytest.mark.parametrize("value", [1e308, -1e308, 5e-324, 10**300, -(10**300)])
@pytest.mark.parametrize(
    "field",
    [
        *("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty"),
        *("top_k", "seed", "max_tokens", "max_completion_tokens", "min_tokens", "top_logprobs", "speculation_depth"),
    ],
)
def test_a_number_without_measure_is_honoured_or_named(server: Server[FakeEngine], field: str, value: float) -> None:
    response = server.chat(**{"logprobs": True, field: value})
    if response.status_code != 200:
        assert response.status_code == 400
        assert response.json()["error"]["param"] == field
    else:
        assert field in ("temperature", "top_p", "min_p", "presence_penalty", "frequency_penalty", "min_tokens")


@pytest.mark.parametrize("value", [0.0, 1e-300, 1e300, -1.0])
def test_a_repetition_penalty_out_of_range_is_named_with_the_range(server: Server[FakeEngine], value: float) -> None:
    response = server.chat(repetition_penalty=value)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == ("repetition_penalty", "invalid_value")
    assert "between 0.01 and 100" in error["message"]


@pytest.mark.parametrize("name", ["fake/model-1", "model-1", "gpt-x"])
def test_the_model_answers_to_its_name_its_basename_and_aliases(serve: Serve, name: str) -> None:
    server = serve(served_model_name=("gpt-x",))
    assert server.chat(model=name).json()["model"] == "gpt-x"


def test_an_unknown_model_is_not_found(server: Server[FakeEngine]) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        server.openai.chat.completions.create(model="gpt-99", messages=HI)
    assert caught.value.code == "model_not_found"
    assert "gpt-99" in caught.value.message and "fake/model-1" in caught.value.message


@pytest.mark.parametrize("stream", [False, True])
def test_a_long_prompt_is_refused_with_both_numbers(server: Server[FakeEngine], stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai.chat.completions.create(
            model="model-1", messages=[{"role": "user", "content": "x" * 5000}], stream=stream
        )
    assert caught.value.code == "context_length_exceeded"
    assert caught.value.param == "messages"
    assert "4096" in caught.value.message and "5018" in caught.value.message


def test_a_limit_beyond_the_context_is_named_as_it_was_sent(server: Server[FakeEngine]) -> None:
    error = server.chat(max_completion_tokens=5000).json()["error"]
    assert (error["code"], error["param"]) == ("context_length_exceeded", "max_completion_tokens")


def test_a_template_that_refuses_is_a_bad_request(server: Server[FakeEngine]) -> None:
    response = server.chat(messages=[{"role": "user", "content": "!refuse!"}])
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages"


def test_a_busy_engine_is_429_and_nothing_keeps_running(server: Server[FakeEngine]) -> None:
    server.engine.max_num_running = 2
    with pytest.raises(openai.RateLimitError) as caught:
        server.openai.chat.completions.create(model="model-1", messages=HI, n=3)
    assert caught.value.response.headers["retry-after"] == "2"
    assert not server.engine.running
    assert len(server.engine.aborted) == 2


def test_an_engine_that_dies_before_an_answer_is_500(server: Server[FakeEngine]) -> None:
    server.engine.failure_after = 1
    response = server.chat()
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "engine_dead"
    assert "died" not in response.text


def test_an_engine_that_dies_in_a_stream_is_an_error_event(server: Server[FakeEngine]) -> None:
    server.engine.failure_after = 2
    received = []
    with pytest.raises(openai.APIError) as caught:
        for chunk in server.openai.chat.completions.create(model="model-1", messages=HI, stream=True):
            received.append(chunk.choices[0].delta.content)
    assert "".join(text or "" for text in received) == "You sa"
    assert caught.value.code == "engine_dead"


def test_a_grammar_is_compiled_before_the_request_runs(server: Server[FakeEngine]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    assert server.chat(response_format=wanted, n=2).status_code == 200
    (grammar,) = server.engine.compiled
    assert json.loads(grammar.text) == schema | {"additionalProperties": False}
    assert [params.grammar for params in server.engine.params] == [grammar] * 2


def test_a_grammar_that_is_refused_names_the_field(server: Server[FakeEngine]) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"not": "!refuse!"}}}
    for stream in (False, True):
        response = server.chat(response_format=wanted, stream=stream)
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["param"] == "response_format"
        assert error["message"] == "response_format cannot be enforced: grammar is refused"
    assert server.engine.params == []


class ThinkTokenizer(ByteTokenizer):
    """Of a model that reasons, and whose template opens the reasoning when it is told to."""

    chat_template = "... <think> ... </think> ... <tool_call> ..."

    def apply_chat_template(self, messages: list[dict[str, Any]], **kwargs: Any) -> list[int]:
        opening = "<think>\n" if kwargs.pop("enable_thinking", False) else ""
        return super().apply_chat_template(messages, **kwargs) + self.encode(opening)


def thinking(serve: Serve, reply: str, **settings: Any) -> Server[FakeEngine]:
    engine = FakeEngine(lambda prompt, params: reply)
    engine.tokenizer = ThinkTokenizer()
    return serve(engine, **settings)


OPENED: Any = {"chat_template_kwargs": {"enable_thinking": True}}


@pytest.mark.parametrize(
    ("reply", "fields"), [("<think>\nHm.\n</think>\n\nYes.", {}), ("Hm.\n</think>\n\nYes.", OPENED)]
)
def test_reasoning_is_given_apart_and_counted(serve: Serve, reply: str, fields: dict[str, Any]) -> None:
    server = thinking(serve, reply)
    body = server.chat(**fields).json()
    message = body["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Hm.", "Yes.")
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] == len(reply) - len("\n\nYes.")
    chunks = events(server.chat(stream=True, stream_options={"include_usage": True}, **fields).text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "Hm."
    assert "".join(delta.get("content", "") for delta in deltas) == "Yes."
    assert chunks[-1]["usage"] == body["usage"]


def test_reasoning_stays_in_the_content_where_nobody_wants_it_apart(serve: Serve) -> None:
    text = "<think>Hm.</think>Yes."
    for server, fields in (
        (thinking(serve, text), {"separate_reasoning": False}),
        (thinking(serve, text, separate_reasoning=False), {}),
    ):
        message = server.chat(**fields).json()["choices"][0]["message"]
        assert message["content"] == text and "reasoning_content" not in message
    apart = thinking(serve, text, separate_reasoning=False).chat(separate_reasoning=True).json()
    assert apart["choices"][0]["message"]["reasoning_content"] == "Hm."


def test_calls_are_read_behind_the_reasoning_and_not_in_it(serve: Serve) -> None:
    thought = "I might <tool_call>" + CALL_TEXT.split("<tool_call>")[1]
    server = thinking(serve, f"<think>{thought}</think>\n\n{CALL_TEXT}")
    message = server.chat(tools=[WEATHER]).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == (thought, "Let me look.")
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ['{"city": "Graz"}']


FUNCTION: Any = WEATHER["function"]


@pytest.mark.parametrize(("choice", "reason"), [("auto", "function_call"), ({"name": "weather"}, "stop")])
def test_functions_are_answered_with_a_function_call(server: Server[FakeEngine], choice: Any, reason: str) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    answer = server.openai.chat.completions.create(
        model="model-1", messages=HI, functions=[FUNCTION], function_call=choice
    ).choices[0]
    assert answer.finish_reason == reason
    assert answer.message.content == "Let me look." and answer.message.tool_calls is None
    assert answer.message.function_call is not None
    assert (answer.message.function_call.name, answer.message.function_call.arguments) == (
        "weather",
        '{"city": "Graz"}',
    )
    assert "tools: [" in server.engine.prompts[-1]
    chunks = events(server.chat(functions=[FUNCTION], function_call=choice, stream=True).text)
    deltas = [chunk["choices"][0]["delta"].get("function_call", {}) for chunk in chunks]
    assert [delta["name"] for delta in deltas if "name" in delta] == ["weather"]
    assert "".join(delta.get("arguments", "") for delta in deltas) == '{"city": "Graz"}'
    assert not any("tool_calls" in chunk["choices"][0]["delta"] for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == reason


CUSTOM_CALL = '<tool_call>\n{"name": "code", "arguments": {"input": "print(\\"hi\\")\\n"}}\n</tool_call>'


def test_a_custom_tool_is_called_with_text(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT + "\n" + CUSTOM_CALL
    tools: Any = [WEATHER, {"type": "custom", "custom": {"name": "code", "description": "Runs Python"}}]
    answer = server.openai.chat.completions.create(model="model-1", messages=HI, tools=tools).choices[0]
    assert answer.message.tool_calls is not None
    function, custom = answer.message.tool_calls
    assert function.type == "function" and function.function.arguments == '{"city": "Graz"}'
    assert custom.type == "custom" and custom.id.startswith("call_")
    assert (custom.custom.name, custom.custom.input) == ("code", 'print("hi")\n')
    assert "Runs Python" in server.engine.prompts[-1]
    chunks = events(server.chat(tools=tools, stream=True).text)
    calls = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    first, *others = [call for call in calls if call["index"] == 1]
    assert (first["type"], first["custom"]) == ("custom", {"name": "code", "input": ""})
    assert all(call.keys() == {"index", "custom"} for call in others)
    assert "".join(call["custom"]["input"] for call in others) == 'print("hi")\n'


def test_earlier_calls_of_every_kind_reach_the_template(server: Server[FakeEngine]) -> None:
    custom = {"id": "call_1", "type": "custom", "custom": {"name": "code", "input": "1+1"}}
    messages = [
        *HI,
        {"role": "assistant", "content": None, "tool_calls": [custom]},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ]
    assert server.chat(messages=messages).status_code == 200
    prompt = server.engine.prompts[-1]
    assert "'name': 'code', 'arguments': {'input': '1+1'}" in prompt
    assert "'name': 'weather', 'arguments': {}" in prompt
    assert prompt.endswith("tool: sunny\nassistant: ")


def test_a_traced_stream_tells_for_every_token_who_guessed_it(server: Server[FakeEngine]) -> None:
    chunks = events(server.chat(stream=True, speculation_trace=True).text)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    steps = [step for choice in choices for step in choice.get("speculation_trace", ())]
    text = bytes(byte for step in steps for token in step["tokens"] for byte in token["bytes"]).decode()
    assert text == "".join(choice["delta"].get("content", "") for choice in choices) == "You said: hi"
    report = chunks[-1]["helix"]["speculation"]
    assert sum(step["accepted"] for step in steps) == report["accepted"]
    assert {draft["source"] for step in steps for draft in step["drafts"]} == set(report["by_proposer"]) == {"draft"}
    whole = server.chat(speculation_trace=True).json()["choices"][0]
    assert whole["speculation_trace"] == steps


def test_without_a_trace_nothing_is_told_of_steps(server: Server[FakeEngine]) -> None:
    assert "speculation_trace" not in server.chat(stream=True).text + server.chat().text
    assert not any(params.reports_steps for params in server.engine.params)


@pytest.mark.parametrize(
    ("begun", "thought", "content"),
    [
        ("<think>So", " it is", "Yes"),
        ("<think>a</think>So", None, " it is</think>Yes"),
        ("So", None, " it is</think>Yes"),
    ],
)
def test_a_message_that_ends_inside_a_thought_is_gone_on_with_there(
    serve: Serve, begun: str, thought: str | None, content: str
) -> None:
    engine = FakeEngine(lambda prompt, params: " it is</think>Yes")
    engine.tokenizer = ThinkTokenizer()
    messages = [{"role": "user", "content": "What is <think>?"}, {"role": "assistant", "content": begun}]
    message = serve(engine).chat(messages=messages).json()["choices"][0]["message"]
    assert (message.get("reasoning_content"), message["content"]) == (thought, content)
