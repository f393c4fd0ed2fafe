"""Every response says which request it answers and how long that took."""

from __future__ import annotations

import pytest

from tests.fakes import FakeEngine
from tests.servers import Server


@pytest.mark.parametrize("path", ["/v1/models", "/health", "/nowhere", "/v1/chat/completions"])
def test_every_response_has_an_id_and_a_time(server: Server[FakeEngine], path: str) -> None:
    first, second = server.http.get(path), server.http.get(path)
    assert first.headers["x-request-id"].startswith("req_")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert int(first.headers["openai-processing-ms"]) >= 0
    assert first.headers["openai-version"] == "2020-10-01"


def test_streams_have_one_too(server: Server[FakeEngine]) -> None:
    assert server.chat(stream=True).headers["x-request-id"].startswith("req_")


def test_the_sdk_finds_it(server: Server[FakeEngine]) -> None:
    answer = server.openai.completions.create(model="model-1", prompt="hi")
    assert answer._request_id is not None and answer._request_id.startswith("req_")


def test_a_clients_own_id_is_kept_when_it_is_harmless(server: Server[FakeEngine]) -> None:
    def sent(value: bytes) -> str:
        return str(server.http.get("/health", headers={b"x-request-id": value}).headers["x-request-id"])

    assert sent(b"mine-42") == "mine-42"
    assert sent(b"x" * 200).startswith("req_")
    assert sent(b"a\xff b").startswith("req_")
