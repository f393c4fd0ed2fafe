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


def read_all(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of an answer that ends with its connection."""
    received = b""
    while piece := connection.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return head.lower(), body


@pytest.mark.parametrize(
    ("path", "fields", "last"),
    [
        ("/v1/completions", {"model": "model-1", "prompt": "hi", "stream": True}, b"data: [DONE]\n\n"),
        ("/v1/responses", {"model": "model-1", "input": "hi", "stream": True}, b"}\n\n"),
        ("/generate/stream", {"prompt": "hi"}, b"}\n\n"),
    ],
)
def test_a_stream_for_http_1_0_has_no_chunks_and_ends_with_its_connection(
    server: Server[FakeEngine], path: str, fields: dict[str, object], last: bytes
) -> None:
    """Proxies ask by HTTP/1.0, nginx by default; who does not know chunks reads their sizes as part of the body."""
    asked = json.dumps(fields).encode()
    with connected(server) as connection:
        headers = f"host: localhost\r\nconnection: keep-alive\r\ncontent-length: {len(asked)}"
        connection.sendall(f"POST {path} HTTP/1.0\r\n{headers}\r\n\r\n".encode() + asked)
        head, events = read_all(connection)
    assert head.startswith(b"http/1.1 200")
    assert b"transfer-encoding" not in head
    assert b"content-length" not in head
    assert b"connection: close" in head
    lines = events.split(b"\n")
    assert all(line.partition(b":")[0] in (b"data", b"event", b"id", b"") for line in lines), lines
    assert len(lines) > 10
    assert events.endswith(last)


def test_an_answer_of_known_length_for_http_1_0_is_whole(server: Server[FakeEngine]) -> None:
    with connected(server) as connection:
        connection.sendall(
            b"POST /generate HTTP/1.0\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(ASK), ASK)
        )
        head, body = read_all(connection)
    assert b"content-length: %d" % len(body) in head
    assert json.loads(body)["text"] == "You said: hi"
