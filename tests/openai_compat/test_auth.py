"""A key, where there are any, is asked for everywhere but at the health check, and has so many requests at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest

from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def locked() -> Iterator[Server[FakeEngine]]:
    with running_server(FakeEngine(), ServerConfig(port=0, api_key=("sk-right", "sk-second"))) as running:
        yield running


def test_the_right_key_is_let_in(locked: Server[FakeEngine]) -> None:
    assert locked.chat().status_code == 200
    assert [model.id for model in locked.openai.models.list()] == ["fake/model-1"]


def test_every_key_is_let_in(locked: Server[FakeEngine]) -> None:
    for key, status in (("sk-right", 200), ("sk-second", 200), ("sk-third", 401), ("sk-right,sk-second", 401)):
        response = httpx.get(f"{locked.url}/v1/models", headers={"authorization": f"Bearer {key}"})
        assert response.status_code == status


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, None),
        ("Bearer", None),
        ("Basic sk-right", None),
        ("Bearer sk-wrong", "invalid_api_key"),
        ("Bearer sk-righ", "invalid_api_key"),
    ],
)
def test_others_are_refused_before_their_body_is_read(
    locked: Server[FakeEngine], header: str | None, code: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    response = httpx.post(f"{locked.url}/v1/chat/completions", content="{broken", headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert "sk-" not in error["message"]


def test_the_sdk_sees_an_authentication_error(locked: Server[FakeEngine]) -> None:
    with pytest.raises(openai.AuthenticationError), openai.OpenAI(base_url=f"{locked.url}/v1", api_key="no") as client:
        client.models.list()


def test_a_key_of_any_bytes_is_compared_and_not_a_crash(locked: Server[FakeEngine]) -> None:
    response = httpx.get(f"{locked.url}/v1/models", headers={b"authorization": "Bearer schlüssel".encode("latin-1")})
    assert response.status_code == 401


def test_health_needs_no_key(locked: Server[FakeEngine]) -> None:
    assert httpx.get(f"{locked.url}/health").status_code == 200


def test_without_a_key_everybody_is_let_in(serve: Callable[..., Server[FakeEngine]]) -> None:
    assert httpx.get(f"{serve().url}/v1/models").status_code == 200


def _salts(server: Server[FakeEngine], *wanted: str | None) -> list[str | None]:
    server.engine.cache_salts.clear()
    for salt in wanted:
        assert server.chat(cache_salt=salt, n=2).status_code == 200
        assert server.complete(cache_salt=salt, prompt=["a", "b"]).status_code == 200
    salts = server.engine.cache_salts
    assert all(len(set(salts[i : i + 4])) == 1 for i in range(0, len(salts), 4)), "one salt per cache_salt"
    return salts[::4]


def test_every_key_and_every_cache_salt_is_remembered_apart(
    locked: Server[FakeEngine], serve: Callable[..., Server[FakeEngine]]
) -> None:
    wanted = (None, "x", "y")
    salts = [*_salts(locked, *wanted), *_salts(serve(api_key=("sk-other",)), *wanted), *_salts(serve(), *wanted)]
    assert len(set(salts)) == len(salts)
    assert salts[:3] == _salts(locked, *wanted)
    assert None in salts[6:]


def test_neither_key_nor_cache_salt_reaches_the_engine_as_it_is(locked: Server[FakeEngine]) -> None:
    for salt in _salts(locked, None, "my secret salt"):
        assert salt is not None and "sk-right" not in salt and "secret" not in salt


def test_a_key_that_nobody_asked_for_changes_nothing(serve: Callable[..., Server[FakeEngine]]) -> None:
    """SDKs insist on sending one; it must not split the prefix cache."""
    server = serve()
    server.http.headers["authorization"] = "Bearer whatever"
    assert _salts(server, None) == [None]


def test_an_empty_cache_salt_is_refused(serve: Callable[..., Server[FakeEngine]]) -> None:
    for response in (serve().chat(cache_salt=""), serve().complete(cache_salt="")):
        assert response.status_code == 400
        assert response.json()["error"]["param"] == "cache_salt"


def _as(server: Server[FakeEngine], key: str, **fields: Any) -> httpx.Response:
    server.http.headers["authorization"] = f"Bearer {key}"
    return server.chat(**fields)


def test_two_keys_share_nothing_that_is_remembered(locked: Server[FakeEngine]) -> None:
    locked.engine.cache_salts.clear()
    for key in ("sk-right", "sk-second", "sk-right"):
        assert _as(locked, key).status_code == 200
    first, second, third = locked.engine.cache_salts
    assert first == third != second


def test_a_key_has_so_many_requests_at_a_time(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(FakeEngine(step_s=0.02), api_key=("a", "b"), max_requests_per_key=1)
    body = {"model": "model-1", "messages": [{"role": "user", "content": "x" * 2000}], "stream": True}
    headers = {"authorization": "Bearer a"}
    with httpx.stream("POST", f"{server.url}/v1/chat/completions", json=body, headers=headers) as stream:
        pieces = stream.iter_bytes()
        next(pieces)
        refused = _as(server, "a")
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "rate_limit_exceeded"
        assert refused.headers["retry-after"] == "1"
        assert "Bearer" not in refused.text and "'a'" not in refused.text
        assert server.http.get("/v1/models").status_code == 200, "asking for the models computes nothing"
        assert _as(server, "b").status_code == 200, "another key has places of its own"
    deadline = time.monotonic() + 20
    while _as(server, "a").status_code == 429 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert _as(server, "a").status_code == 200, "a client that leaves gives its place back"


def test_failures_give_their_place_back(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve(api_key=("a",), max_requests_per_key=1)
    for fields in ({"model": "unknown"}, {"temperature": 9}, {"n": 100, "stream": True}, {}):
        assert _as(server, "a", **fields).status_code in (200, 400, 404)
    assert server.http.post("/v1/chat/completions", content="{").status_code == 400
    assert _as(server, "a").status_code == 200


def test_keys_are_in_no_text_that_settings_turn_into() -> None:
    assert "sk-right" not in repr(ServerConfig(api_key=("sk-right",)))


def test_a_key_is_in_no_log_no_error_and_no_answer(
    serve: Callable[..., Server[FakeEngine]], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """At every level of every logger, whatever goes wrong, and whichever key was brought."""
    caplog.set_level(1)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "openai_compat", "litestar"):
        caplog.set_level(1, logger=name)
    keys = ("sk-right-4711", "sk-wrong-4712")
    answers: list[httpx.Response] = []
    for log_format in ("plain", "json"):
        server = serve(api_key=keys[:1], log_format=log_format, max_requests_per_key=1)

        def broken(prompt: str, params: Any) -> str:
            raise RuntimeError("a bug")

        for reply in (server.engine.reply, broken):
            server.engine.reply = reply
            for key in keys:
                server.http.headers["authorization"] = f"Bearer {key}"
                answers += [server.chat(), server.chat(temperature=9), server.chat(model=7)]
                answers += [server.http.get(path) for path in ("/v1/models", "/metrics", "/helix/state", "/nothing")]
                answers += [server.http.post("/v1/responses", content="{")]
    assert {200, 400, 401, 404, 500} <= {answer.status_code for answer in answers}
    written = capfd.readouterr()
    said = [
        record.getMessage() + str(record.exc_text) for record in caplog.records if not record.name.startswith("http")
    ]
    texts = [*(f"{answer.headers} {answer.text}" for answer in answers), *said, written.out, written.err]
    assert any("unexpected error" in text for text in said), "the bug is logged"
    assert any("/v1/models" in text for text in texts), "and so are requests"
    for key in keys:
        assert not [text for text in texts if key in text]
