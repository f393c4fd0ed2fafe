"""The engine learns who asks, and when they stop waiting."""

from __future__ import annotations

import time
from collections.abc import Callable

import openai
import pytest

from tests.fakes import FakeEngine
from tests.servers import Server

ENDPOINTS = [
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}]}),
    ("/v1/completions", {"prompt": "hi"}),
    ("/v1/responses", {"input": "hi"}),
    ("/v1/embeddings", {"input": "hi"}),
    ("/generate", {"prompt": "hi"}),
    ("/generate/stream", {"prompt": "hi"}),
    ("/generate/batch", {"prompts": ["hi"]}),
]


def _left_s(server: Server[FakeEngine]) -> float | None:
    """Return what was left of the last request's time when it came to the engine, now being a little later."""
    deadline_s, _ = server.engine.limits_s[-1]
    return None if deadline_s is None else deadline_s - time.monotonic()


@pytest.mark.parametrize(("path", "body"), ENDPOINTS)
def test_every_endpoint_that_computes_takes_a_timeout(
    server: Server[FakeEngine], path: str, body: dict[str, object]
) -> None:
    body = body if path.startswith("/generate") else body | {"model": "model-1"}
    for value, code in (("0", 400), ("soon", 400), ("nan", 400), ("-1", 400)):
        refused = server.http.post(path, json=body, headers={"x-request-timeout": value})
        assert (refused.status_code, refused.json()["error"]["param"]) == (code, "x-request-timeout")
    assert server.http.post(path, json=body, headers={"x-request-timeout": "500.5"}).status_code == 200
    left_s = _left_s(server)
    assert left_s is not None and 400 < left_s <= 500.5


def test_a_request_waits_for_its_turn_as_long_as_the_operator_says(serve: Callable[..., Server[FakeEngine]]) -> None:
    for queue_timeout_s in (7.0, None):
        server = serve(queue_timeout_s=queue_timeout_s)
        assert server.chat().status_code == 200
        assert server.engine.limits_s == [(None, queue_timeout_s)]


def test_an_sdk_hangs_up_on_a_whole_answer_after_its_timeout_and_not_on_a_stream(server: Server[FakeEngine]) -> None:
    """Its timeout is about silence, and a stream that flows may take longer altogether."""
    client = server.openai.with_options(timeout=300)
    client.completions.create(model="model-1", prompt="hi")
    left_s = _left_s(server)
    assert left_s is not None and 200 < left_s <= 300
    list(client.completions.create(model="model-1", prompt="hi", stream=True))
    assert _left_s(server) is None


@pytest.mark.parametrize("value", ["", "0", "NaN", "-5", "None", "x" * 50])
def test_what_an_sdk_says_of_itself_is_never_an_error(server: Server[FakeEngine], value: str) -> None:
    body = {"model": "model-1", "prompt": "hi"}
    assert server.http.post("/v1/completions", json=body, headers={"x-stainless-timeout": value}).status_code == 200
    assert _left_s(server) is None


def test_every_key_is_a_tenant_whatever_else_tells_requests_apart(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(api_key=("sk-a", "sk-b"))
    for key, salt in (("sk-a", None), ("sk-a", "x"), ("sk-b", None)):
        with openai.OpenAI(base_url=f"{server.url}/v1", api_key=key) as client:
            client.completions.create(model="model-1", prompt="hi", extra_body={"cache_salt": salt} if salt else {})
    first, second, third = server.engine.tenants
    assert first == second != third
    assert first is not None and "sk-a" not in first
