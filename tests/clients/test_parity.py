"""Every parameter, alone and with every other, seeded: the same JSON with speculation on and off, streamed or not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any

import pytest

from helix import AsyncEngine
from tests.servers import Server

PARAMETERS: dict[str, dict[str, Any]] = {
    "temperature": {"temperature": 1.4},
    "top_p": {"top_p": 0.8},
    "top_k": {"top_k": 7},
    "min_p": {"min_p": 0.05},
    "presence_penalty": {"presence_penalty": 1.2},
    "frequency_penalty": {"frequency_penalty": 0.9},
    "repetition_penalty": {"repetition_penalty": 1.3},
    "logit_bias": {"logit_bias": {"40": 3, "41": -100, "300": 4}},
    "logprobs": {"logprobs": True, "top_logprobs": 3},
    "stop": {"stop": ["e", "5"]},
    "stop_token_ids": {"stop_token_ids": [300, 301, 302, 303]},
    "min_tokens": {"min_tokens": 9},
    "ignore_eos": {"ignore_eos": True},
    "max_completion_tokens": {"max_completion_tokens": 10},
    "n": {"n": 2},
    "response_format": {"response_format": {"type": "json_object"}},
    "prediction": {"prediction": {"type": "content", "content": "1, 2, 3, 4, 5, 6, 7"}},
}
OFF = {"speculation": {"enabled": False}}
METHODS = ("auto", "mtp", "draft", "suffix", "ngram")
CASES: list[tuple[str, ...]] = [*((name,) for name in PARAMETERS), *combinations(PARAMETERS, 2)]


def _on(names: tuple[str, ...]) -> dict[str, Any]:
    """Return speculation by one method after the other, so that every parameter meets each of them."""
    method = METHODS[CASES.index(names) % len(METHODS)]
    return {"speculation": {"method": method, "depth": 6, "adaptive": False}}


def _request(names: Iterable[str], **changes: Any) -> dict[str, Any]:
    request = {
        "messages": [{"role": "user", "content": "Count from 1 to 7."}],
        "max_tokens": 12,
        "temperature": 0.9,
        "seed": 11,
    }
    for name in names:
        request |= PARAMETERS[name]
    return request | changes


def _answer(server: Server[AsyncEngine], request: dict[str, Any]) -> Any:
    """Return what must not depend on speculation."""
    answer = server.chat(**request).json()
    assert "choices" in answer, answer
    del answer["usage"]["completion_tokens_details"]  # says what became of the prediction
    del answer["usage"]["prompt_tokens_details"]  # the prefix cache grows from request to request
    for choice in answer["choices"]:
        for call in choice["message"].get("tool_calls", ()):
            del call["id"]
        choice["logprobs"] = _rounded(choice["logprobs"])
    return {name: answer[name] for name in ("model", "choices", "usage", "system_fingerprint")}


def _rounded(logprobs: Any) -> Any:
    return json.loads(json.dumps(logprobs), parse_float=lambda text: round(float(text), 3))


def _streamed(server: Server[AsyncEngine], request: dict[str, Any]) -> list[tuple[str, str | None]]:
    """Return text and finish reason of each choice of a stream."""
    texts: dict[int, str] = {}
    reasons: dict[int, str | None] = {}
    for line in server.chat(**request, stream=True).text.split("\n\n"):
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line.removeprefix("data: "))["choices"]:
            index = choice["index"]
            texts[index] = texts.get(index, "") + choice["delta"].get("content", "")
            reasons[index] = choice["finish_reason"] or reasons.get(index)
    return [(texts[index], reasons[index]) for index in sorted(texts)]


def _in_batches_of(size: int, function: Any, items: Sequence[Any]) -> list[Any]:
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(function, items))


@pytest.fixture(scope="module")
def plain(demo_server: Server[AsyncEngine]) -> list[Any]:
    """Every case without speculation, one request at a time."""
    return [_answer(demo_server, _request(names, **OFF)) for names in CASES]


def test_a_batch_of_eight_that_speculates_says_what_each_request_says_alone_and_plainly(
    server: Server[AsyncEngine], plain: list[Any]
) -> None:
    answers = _in_batches_of(8, lambda names: _answer(server, _request(names, **_on(names))), CASES)
    assert [names for names, one, other in zip(CASES, answers, plain, strict=True) if one != other] == []


def test_one_request_at_a_time_that_speculates_says_what_it_says_plainly(
    server: Server[AsyncEngine], plain: list[Any]
) -> None:
    for names, expected in zip(CASES[: len(PARAMETERS)], plain, strict=False):
        assert _answer(server, _request(names, **_on(names))) == expected, names


def test_a_stream_that_speculates_says_what_the_whole_answer_says_plainly(
    server: Server[AsyncEngine], plain: list[Any]
) -> None:
    streams = _in_batches_of(8, lambda names: _streamed(server, _request(names, **_on(names))), CASES)
    for names, streamed, expected in zip(CASES, streams, plain, strict=True):
        whole = [(choice["message"]["content"], choice["finish_reason"]) for choice in expected["choices"]]
        assert streamed == whole, names
