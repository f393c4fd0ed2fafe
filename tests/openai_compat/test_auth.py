"""A key, where there is one, is asked for everywhere but at the health check."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import openai
import pytest

from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server


@pytest.fixture(scope="module")
def locked() -> Iterator[Server[FakeEngine]]:
    with running_server(FakeEngine(), ServerConfig(port=0, api_key="sk-right")) as running:
        yield running


def test_the_right_key_is_let_in(locked: Server[FakeEngine]) -> None:
    assert locked.chat().status_code == 200
    assert [model.id for model in locked.openai.models.list()] == ["fake/model-1"]


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
