"""Helix's own API over a socket."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from helix import AsyncEngine
from tests.fakes import FakeEngine
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """Return the events of a stream, whose numbers must count up."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    frames = [frame.split("\n") for frame in response.text.split("\n\n") if frame and not frame.startswith(":")]
    assert [number for number, _ in frames] == [f"id: {number}" for number in range(len(frames))]
    return [json.loads(data.removeprefix("data: ")) for _, data in frames]


def test_one_prompt_is_continued_as_it_stands(server: Server[FakeEngine]) -> None:
    answer = server.http.post("/generate", json={"prompt": "hi", "max_tokens": 9, "seed": 5}).json()
    assert set(answer) == {
        "id", "created", "model", "text", "token_ids", "finish_reason", "stop_reason", "metrics", "helix"
    }  # fmt: skip
    assert server.engine.prompts == ["hi"]
    assert (answer["text"], answer["finish_reason"], answer["stop_reason"]) == ("You said:", "length", None)
    assert bytes(answer["token_ids"]) == b"You said:"
    assert answer["model"] == "fake/model-1"
    assert answer["id"].startswith("gen-")


def test_the_metrics_are_those_of_the_helix_object(server: Server[FakeEngine]) -> None:
    answer = server.http.post("/generate", json={"prompt": "hi", "max_tokens": 9, "speculation_depth": 2}).json()
    metrics, helix = answer["metrics"], answer["helix"]
    assert (metrics["prompt_tokens"], metrics["cached_tokens"], metrics["completion_tokens"]) == (2, 1, 9)
    assert metrics["acceptance_rate"] == helix["speculation"]["acceptance_rate"] == 1.0
    assert helix["speculation"]["depth"] == 2
    for name in ("ttft_s", "total_s", "tokens_per_s"):
        assert metrics[name] == helix["timings"][name] is not None


def test_every_setting_reaches_the_engine_and_silence_means_the_models_own(server: Server[FakeEngine]) -> None:
    settings = {"temperature": 0.5, "top_k": 3, "seed": 7, "stop": ["x"], "stop_token_ids": [65], "min_tokens": 2}
    guided = {"guided_regex": "[a-z]+", "speculation": {"depth": 3}, "logit_bias": {"5": 1}}
    assert server.http.post("/generate", json={"prompt": "hi"} | settings | guided).status_code == 200
    assert server.http.post("/generate", json={"prompt": "hi"}).status_code == 200
    asked, plain = server.engine.params
    assert (asked.temperature, asked.top_k, asked.seed, asked.stop) == (0.5, 3, 7, ("x",))
    assert (asked.stop_token_ids, asked.min_tokens, asked.speculation_depth, asked.logit_bias) == ((65,), 2, 3, {5: 1})
    assert asked.grammar is not None and server.engine.compiled == [asked.grammar]
    assert (plain.temperature, plain.max_tokens, plain.speculation_depth) == (1.0, 256, None)


def test_the_default_length_fits_the_context(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: "x" * 999
    answer = server.http.post("/generate", json={"prompt": "x" * 4000}).json()
    assert (answer["finish_reason"], answer["metrics"]["completion_tokens"]) == ("length", 96)


def test_a_chat_puts_the_prompt_into_the_template(server: Server[FakeEngine]) -> None:
    server.http.post("/generate", json={"prompt": "hi", "chat": True})
    server.http.post("/generate/batch", json={"prompts": ["a", "b"], "chat": True})
    assert server.engine.prompts == [f"user: {said}\nassistant: " for said in ("hi", "a", "b")]


def test_a_prediction_is_given_to_the_engine_as_token_ids(server: Server[FakeEngine]) -> None:
    answer = server.http.post("/generate", json={"prompt": "hi", "prediction": "You said"}).json()
    assert server.engine.params[0].prediction == tuple(b"You said")
    assert answer["helix"]["speculation"]["by_proposer"]["predicted"]["drafted"] > 0


def test_a_batch_runs_together_and_answers_in_the_order_of_its_prompts(serve: Serve) -> None:
    together: list[int] = []

    class Watched(FakeEngine):
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            stream = super().generate(*args, **kwargs)
            together.append(len(self.running))
            return stream

    server = serve(Watched(lambda prompt, params: prompt * 3))
    answer = server.http.post("/generate/batch", json={"prompts": ["long text", "b", [99]]}).json()
    assert together == [1, 2, 3], "all of them are submitted before any has ended"
    assert [result["text"] for result in answer["results"]] == ["long text" * 3, "bbb", "ccc"]
    assert [result["metrics"]["prompt_tokens"] for result in answer["results"]] == [9, 1, 1]
    assert [result["metrics"]["completion_tokens"] for result in answer["results"]] == [28, 4, 4]
    total = answer["metrics"]
    assert (total["prompt_tokens"], total["completion_tokens"]) == (11, 36)
    speculation = [result["helix"]["speculation"]["drafted"] for result in answer["results"]]
    assert answer["helix"]["speculation"]["drafted"] == sum(speculation) > max(speculation)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stream_says_token_by_token_what_the_whole_answer_is(server: Server[FakeEngine], method: str) -> None:
    fields: dict[str, Any] = {"prompt": "héllo", "max_tokens": 12, "seed": 3, "temperature": 0.5, "stop": "ö"}
    whole = server.http.post("/generate", json=fields).json()
    asked: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    *steps, last = events(server.http.request(method, "/generate/stream", **asked))
    assert server.engine.params[0] == server.engine.params[1]
    assert all(set(step) == {"token", "token_ids", "is_final"} and not step["is_final"] for step in steps)
    assert last["is_final"] and last["finish_reason"] == whole["finish_reason"] == "length"
    assert "".join(step["token"] for step in (*steps, last)) == whole["text"]
    assert [one for step in (*steps, last) for one in step["token_ids"]] == whole["token_ids"]
    assert last["metrics"]["completion_tokens"] == whole["metrics"]["completion_tokens"]
    assert last["helix"]["speculation"] == whole["helix"]["speculation"] | {
        name: last["helix"]["speculation"][name] for name in ("drafting_s", "verifying_s", "estimated_speed_up")
    }


def test_who_asks_is_told_where_every_token_came_from(server: Server[FakeEngine]) -> None:
    query = {"prompt": "hi", "max_tokens": "7", "speculation_trace": "true"}
    told = events(server.http.get("/generate/stream", params=query))
    steps = [step for event in told for step in event["speculation_trace"]]
    assert [token["id"] for step in steps for token in step["tokens"]] == list(b"You sai")
    assert [draft["source"] for draft in steps[0]["drafts"]] == ["draft"]
    body = {"prompts": ["hi"], "max_tokens": 7, "speculation_trace": True}
    (result,) = server.http.post("/generate/batch", json=body).json()["results"]
    assert [step["tokens"] for step in result["speculation_trace"]] == [step["tokens"] for step in steps]


def test_an_eventsource_that_connects_again_is_told_to_stop(server: Server[FakeEngine]) -> None:
    """Browsers do so whenever a stream ends, and each time the text would be generated anew."""
    again = server.http.get("/generate/stream", params={"prompt": "hi"}, headers={"last-event-id": "4"})
    assert (again.status_code, again.content, server.engine.prompts) == (204, b"", [])


def test_a_query_says_numbers_switches_and_several_stops(server: Server[FakeEngine]) -> None:
    query = [("prompt", "5"), ("chat", "true"), ("top_k", "3"), ("min_p", "0.5"), ("stop", "a"), ("stop", "b")]
    response = server.http.get("/generate/stream", params=[*query, ("speculation_depth", "0"), ("tempreature", "1")])
    assert response.headers["x-helix-ignored-fields"] == "tempreature"
    (params,) = server.engine.params
    assert (params.top_k, params.min_p, params.stop, params.speculation_depth) == (3, 0.5, ("a", "b"), 0)
    assert server.engine.prompts == ["user: 5\nassistant: "]


@pytest.mark.parametrize(
    ("path", "fields", "param"),
    [
        ("/generate", {}, "prompt"),
        ("/generate", {"prompt": 5}, "prompt"),
        ("/generate", {"prompt": []}, "prompt"),
        ("/generate", {"prompt": [300]}, "prompt"),
        ("/generate", {"prompt": [65], "chat": True}, "prompt"),
        ("/generate", {"prompt": "!refuse!", "chat": True}, "prompt"),
        ("/generate", {"prompt": "x" * 5000}, "prompt"),
        ("/generate", {"prompt": "hi", "max_tokens": 9999}, "max_tokens"),
        ("/generate", {"prompt": "hi", "max_tokens": -1}, "max_tokens"),
        ("/generate", {"prompt": "hi", "temperature": 3}, "temperature"),
        ("/generate", {"prompt": "hi", "speculation_depth": 99}, "speculation_depth"),
        ("/generate", {"prompt": "hi", "speculation": {"method": "magic"}}, "speculation.method"),
        ("/generate", {"prompt": "hi", "guided_regex": "!refuse!"}, "guided_regex"),
        ("/generate", {"prompt": "hi", "top_k": "many"}, "top_k"),
        ("/generate/batch", {"prompts": []}, "prompts"),
        ("/generate/batch", {"prompts": "hi"}, "prompts"),
        ("/generate/batch", {"prompts": ["a", []]}, "prompts"),
        ("/generate/batch", {"prompts": ["a"] * 201}, "prompts"),
        ("/generate/batch", {"prompts": ["a", "!refuse!"], "chat": True}, "prompts"),
        ("/generate/stream", {"prompt": "hi", "min_p": 2}, "min_p"),
    ],
)
def test_bad_input_is_a_400_that_names_the_field(
    server: Server[FakeEngine], path: str, fields: dict[str, Any], param: str
) -> None:
    response = server.http.post(path, json=fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert not server.engine.running


@pytest.mark.parametrize(
    ("query", "param"),
    [("", "prompt"), ("prompt=a&top_k=x", "top_k"), ("prompt=a&prompt=b", "prompt"), ("prompt=a&min_p=nan", "min_p")],
)
def test_a_bad_query_is_named_too(server: Server[FakeEngine], query: str, param: str) -> None:
    response = server.http.get(f"/generate/stream?{query}")
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_another_model_is_not_found_and_unknown_fields_are_named(server: Server[FakeEngine]) -> None:
    assert server.http.post("/generate", json={"prompt": "hi", "model": "other"}).status_code == 404
    response = server.http.post("/generate", json={"prompt": "hi", "model": "model-1", "messages": []})
    assert response.headers["x-helix-ignored-fields"] == "messages"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_failure_within_a_stream_is_its_last_event(server: Server[FakeEngine], method: str) -> None:
    server.engine.failure_after = 1
    fields = {"prompt": "hi"}
    asked: dict[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
    *_, last = events(server.http.request(method, "/generate/stream", **asked))
    assert last["error"]["code"] == "engine_dead"
    server.engine.failure_after = None


def test_keys_and_their_limits_hold_for_queries_as_well(serve: Serve) -> None:
    server = serve(FakeEngine(step_s=0.02), api_key=("a",), max_requests_per_key=1)
    query = {"prompt": "x" * 2000}
    assert httpx.get(f"{server.url}/generate/stream", params=query).status_code == 401
    with server.http.stream("GET", "/generate/stream", params=query) as stream:
        pieces = stream.iter_bytes()
        next(pieces)
        assert server.http.get("/generate/stream", params=query).status_code == 429


def test_the_built_in_model_says_the_same_here_and_in_openais_completions(demo_server: Server[AsyncEngine]) -> None:
    prompts = ["Once upon a time", "The capital of France is", "def add(a, b):"]
    settings: dict[str, Any] = {"max_tokens": 24, "temperature": 0}
    batch = demo_server.http.post("/generate/batch", json={"prompts": prompts} | settings).json()
    openai = demo_server.complete(prompt=prompts, **settings).json()
    assert [result["text"] for result in batch["results"]] == [choice["text"] for choice in openai["choices"]]
    streamed = events(demo_server.http.get("/generate/stream", params=settings | {"prompt": prompts[0]}))
    assert "".join(event["token"] for event in streamed) == batch["results"][0]["text"] != ""
