"""What the parser refuses, the client can read; what it does not know, the router refuses."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest

from openai_compat.http_protocol import MAX_HEAD_BYTES
from tests.fakes import FakeEngine
from tests.servers import Server

ASK = json.dumps({"prompt": "hi"}).encode()


@contextmanager
def connected(server: Server[FakeEngine]) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=10) as connection:
        yield connection


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    response = HTTPResponse(connection)
    response.begin()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize(
    "sent",
    [b"\x16\x03\x01\x02\x00 TLS\r\n\r\n", b"GET /health HTTP/9.9\r\n\r\n", b"GET /health HTTP/1.1\r\nno colon\r\n\r\n"],
)
def test_what_is_no_http_is_refused_with_an_envelope(server: Server[FakeEngine], sent: bytes) -> None:
    with connected(server) as connection:
        connection.sendall(sent)
        status, body = answer(connection)
        assert (status, list(body)) == (400, ["error"])
        assert connection.recv(1) == b"", "the connection is closed"


def test_a_head_without_an_end_is_not_collected(server: Server[FakeEngine]) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: ")
        for _ in range(MAX_HEAD_BYTES // 1024):
            connection.sendall(b"x" * 1024)
        status, body = answer(connection)
        assert (status, list(body)) == (431, ["error"])


def test_a_large_body_is_no_large_head(server: Server[FakeEngine]) -> None:
    body = json.dumps({"prompt": "hi", "user": "x" * 3 * MAX_HEAD_BYTES}).encode()
    assert server.http.post("/generate", content=body).status_code == 200


def test_requests_behind_an_unknown_method_are_answered(server: Server[FakeEngine]) -> None:
    """A parser that takes the body of a request it does not know for the next request would answer it."""
    http = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=10)
    for method, status in (("BREW", 405), ("POST", 200), ("PROPFIND", 405), ("POST", 200)):
        http.request(method, "/generate", body=ASK)
        response = http.getresponse()
        assert (response.status, method in response.read().decode()) == (status, status == 405)
    http.close()


def test_an_offer_to_upgrade_is_not_taken_and_the_request_answered(server: Server[FakeEngine]) -> None:
    """Java's client makes it with every first request."""
    http = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=10)
    for _ in range(2):
        http.request("POST", "/generate", body=ASK, headers={"connection": "Upgrade", "Upgrade": "h2c"})
        response = http.getresponse()
        assert (response.status, json.loads(response.read())["text"]) == (200, "You said: hi")
    http.close()
