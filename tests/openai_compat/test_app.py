"""What the application wires: the router's own errors, limits, CORS, and the engine's life."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from helix import ConfigError
from openai_compat.app import create_app
from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server

Serve = Callable[..., Server[FakeEngine]]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "unknown_url"),
        ("POST", "/v1/moderations", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models/fake/model-1", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("POST", "/health", 405, "method_not_allowed"),
        ("DELETE", "/ready", 405, "method_not_allowed"),
        ("BREW", "/health", 405, "method_not_allowed"),
        ("BREW", "/v1/completions", 405, "method_not_allowed"),
    ],
)
def test_the_routers_errors_are_envelopes_too(
    server: Server[FakeEngine], method: str, path: str, status: int, code: str
) -> None:
    response = server.http.request(method, path)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == code
    assert method in error["message"] and path in error["message"]
    assert ("allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/health", "/ready", "/v1/models", "/v1/models/fake/model-1", "/v1/models/other"])
def test_head_is_get_without_the_body(server: Server[FakeEngine], path: str) -> None:
    """Load balancers ask so; a server that answers 405 is taken out of service."""
    head, got = server.http.head(path), server.http.get(path)
    assert head.content == b""
    assert (head.status_code, head.headers["content-length"]) == (got.status_code, got.headers["content-length"])


def test_a_body_beyond_the_limit_is_refused(serve: Serve) -> None:
    server = serve(max_request_mib=1)
    response = server.chat(user="x" * (1 << 20))
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "request_too_large"


def test_a_bug_shows_no_trace(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def reply(prompt: str, params: Any) -> str:
        raise ZeroDivisionError("secret")

    response = serve(FakeEngine(reply)).chat()
    assert response.status_code == 500
    error = response.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert "secret" not in response.text and "Traceback" not in response.text
    assert "secret" in caplog.text


def test_browsers_are_let_in_from_the_given_origins_only(serve: Serve) -> None:
    asked = {"origin": "https://a.example", "access-control-request-method": "POST"}
    server = serve(cors_origin=("https://a.example",))
    preflight = server.http.options("/v1/chat/completions", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == "https://a.example"
    other = server.http.get("/v1/models", headers={"origin": "https://b.example"})
    assert other.headers.get("access-control-allow-origin") != "https://b.example"
    assert "access-control-allow-origin" not in serve().http.get("/health", headers=asked).headers


def test_a_file_of_keys_that_nobody_has_read_lets_nobody_in() -> None:
    with pytest.raises(ConfigError, match="api_key_file"):
        create_app(FakeEngine(), ServerConfig(api_key_file="keys"))


def test_the_engine_lives_as_long_as_the_application() -> None:
    engine = FakeEngine()
    assert not engine.is_alive
    with running_server(engine, ServerConfig(port=0)):
        assert engine.is_alive
    assert not engine.is_alive
