"""Requests that bring too much, or what no client would send: a 4xx that names it, soon, and no harm done."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx
import pytest

from tests.fakes import FakeEngine
from tests.servers import Server

CHAT, COMPLETIONS, RESPONSES, GENERATE = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate"
MESSAGE = {"role": "user", "content": "hi"}
ASKED: dict[str, dict[str, Any]] = {
    CHAT: {"messages": [MESSAGE]},
    COMPLETIONS: {"prompt": "hi"},
    RESPONSES: {"input": "hi"},
    GENERATE: {"prompt": "hi"},
    "/generate/batch": {"prompts": ["hi"]},
    "/v1/embeddings": {"input": "hi"},
    "/tokenize": {"messages": [MESSAGE]},
}
FUNCTION = {"name": "f", "parameters": {"type": "object"}}
SECONDS = 20
"""Far more than any of these takes, and far less than a client that hurts would want."""


def post(server: Server[FakeEngine], path: str, body: bytes) -> httpx.Response:
    started_s = time.monotonic()
    response = server.http.post(path, content=body, headers={"content-type": "application/json"})
    assert time.monotonic() - started_s < SECONDS
    assert len(response.content) < 4096, "an answer is no echo"
    return response


TOO_MUCH: list[tuple[str, dict[str, Any]]] = [
    (CHAT, {"n": 129}),
    (CHAT, {"n": 2**63}),
    (CHAT, {"max_tokens": 10**30}),
    (CHAT, {"seed": 10**40}),
    (CHAT, {"stop": ["x"] * 65}),
    (CHAT, {"stop": ["x" * 1025]}),
    (CHAT, {"stop": "x" * 1025}),
    (CHAT, {"stop_token_ids": [1] * 1025}),
    (CHAT, {"logit_bias": {str(i): 1 for i in range(8193)}}),
    (CHAT, {"logit_bias": {"9" * 30: 1}}),
    (CHAT, {"tools": [{"type": "function", "function": FUNCTION}] * 1025}),
    (CHAT, {"functions": [FUNCTION] * 1025}),
    (CHAT, {"messages": [MESSAGE] * 16_385}),
    (CHAT, {"metadata": {str(i): "x" for i in range(17)}}),
    (CHAT, {"metadata": {"x": "y" * 513}}),
    (CHAT, {"model": "m" * 100_000}),
    (CHAT, {"cache_salt": "s" * 1025}),
    (CHAT, {"guided_choice": ["x"] * 8193}),
    (CHAT, {"top_logprobs": 21, "logprobs": True}),
    (COMPLETIONS, {"best_of": 21}),
    (COMPLETIONS, {"logprobs": 6}),
    (COMPLETIONS, {"prompt": ["x"] * 10_000}),
    (RESPONSES, {"input": [{"type": "message", **MESSAGE}] * 16_385}),
    (RESPONSES, {"previous_response_id": "resp_" + "0" * 10_000}),
    (RESPONSES, {"metadata": {"x" * 65: "y"}}),
    (GENERATE, {"stop": ["x"] * 65}),
    ("/generate/batch", {"prompts": ["x"] * 10_000}),
    ("/v1/embeddings", {"input": ["x"] * 10_000}),
    ("/v1/embeddings", {"model": "m" * 100_000}),
    ("/tokenize", {"messages": [MESSAGE] * 16_385}),
]


@pytest.mark.parametrize(
    ("path", "fields"), [pytest.param(path, fields, id=f"{path} {next(iter(fields))}") for path, fields in TOO_MUCH]
)
def test_too_much_of_anything_is_refused_by_name(server: Server[FakeEngine], path: str, fields: dict[str, Any]) -> None:
    response = post(server, path, json.dumps({"model": "model-1", **ASKED[path], **fields}).encode())
    assert response.status_code == 400, response.text
    assert response.json()["error"]["param"].partition("[")[0].partition(".")[0] == next(iter(fields))
    assert not server.engine.prompts, "nothing of it reaches the engine"


DEEP = 200_000
MALFORMED: list[bytes] = [
    b"",
    b"[]",
    b"null",
    b'{"a":' * DEEP,
    b"[" * DEEP + b"]" * DEEP,
    b'{"model": "m", "messages": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"model": "m", "x": ' + b'{"x":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b'{"model": "\xff\xfe"}',
    b'{"model": "\\ud800"}',
    b'{"model": "\x00"}',
    b'{"model": 1e999}',
    b'{"model": ' + b"9" * 100_000 + b"}",
    b"\x1f\x8b\x08" + bytes(100),
    b"PK\x03\x04" + bytes(100),
    b"a=b&c=d",
    b'{"model": "m", ' * 1000,
]


@pytest.mark.parametrize("path", ASKED)
def test_what_is_no_such_request_is_refused(server: Server[FakeEngine], path: str) -> None:
    for body in MALFORMED:
        response = post(server, path, body)
        assert response.status_code in (400, 404), (body[:40], response.text)
        assert response.json()["error"]["type"] == "invalid_request_error"
    deep = {**ASKED[path], "model": "model-1", "chat_template_kwargs": 0, "tools": 0}
    for field in ("chat_template_kwargs", "tools"):
        nested = json.dumps({**deep, field: "@"}).encode().replace(b'"@"', b"[" * DEEP + b"]" * DEEP)
        assert post(server, path, nested).status_code in (200, 400)
    assert server.http.get("/health").status_code == 200


ESCAPES = [
    "../pyproject.toml",
    "..%2fapp.py",
    "%2e%2e/app.py",
    "%2e%2e%2fapp.py",
    "..%5capp.py",
    "....//app.py",
    "js/../../app.py",
    "js/%2e%2e/%2e%2e/app.py",
    "/etc/passwd",
    "//etc/passwd",
    "%2fetc%2fpasswd",
    "%00index.html",
    "index.html%00.js",
    "file:///etc/passwd",
    "~root/.profile",
]


@pytest.mark.parametrize("root", ["/playground/", "/docs/", "/v1/models/", "/"])
def test_no_path_leads_out_of_the_page(server: Server[FakeEngine], root: str) -> None:
    """Sent as they are: an HTTP client would resolve the dots itself."""
    port = int(server.url.rpartition(":")[2])
    for escape in ESCAPES:
        with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as sock:
            head = f"GET {root}{escape} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
            sock.sendall(head.encode())
            data = b""
            while piece := sock.recv(65536):
                data += piece
        assert b" 404 " in data.split(b"\r\n")[0], (root, escape, data[:200])
        assert b"root:" not in data and b"import" not in data


def test_a_model_name_is_compared_and_never_opened(server: Server[FakeEngine]) -> None:
    for name in (*ESCAPES, "/", ".", "..", ""):
        response = server.chat(model=name)
        assert (response.status_code, response.json()["error"]["param"]) == (404, "model"), name
