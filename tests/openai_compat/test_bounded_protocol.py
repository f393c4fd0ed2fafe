"""Clients that send too much, too slowly or something else are told so in time, and others are served meanwhile."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server

TIMEOUT_S = 0.5


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server[FakeEngine]]:
    with running_server(FakeEngine(), ServerConfig(port=0, receive_timeout_s=TIMEOUT_S, max_request_mib=1)) as running:
        yield running


def connect(server: Server[FakeEngine]) -> socket.socket:
    port = int(server.url.rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def answer(sock: socket.socket) -> tuple[int, Any]:
    """Read to the end of the connection; a status and the error, or 0 and None where there was nothing."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    if not data:
        return 0, None
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)["error"]


POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"P",
        POST,
        POST + b"content-length: 10\r\n\r\n{",
        POST + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\nG",
    ],
)
def test_a_request_that_does_not_arrive_is_given_up(
    hasty: Server[FakeEngine], sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """Slowloris: one connection after another that never says what it wants."""
    with connect(hasty) as sock:
        started_s = time.monotonic()
        sock.sendall(sent)
        if sent.startswith(b"GET"):
            first = sock.recv(65536)
            assert b" 200 " in first
        seen, error = answer(sock)
        assert (seen, error["code"]) == (408, "request_timeout")
        assert time.monotonic() - started_s > TIMEOUT_S * 0.8
    assert hasty.chat().status_code == 200
    assert not caplog.records, "it is no error of the server"


@pytest.mark.parametrize("head", [b"POST /", POST, POST + b"content-length: 999\r\n\r\n"])
def test_a_byte_now_and_then_buys_no_time(hasty: Server[FakeEngine], head: bytes) -> None:
    with connect(hasty) as sock:
        sock.sendall(head)
        num_sent = 0
        sock.settimeout(TIMEOUT_S / 5)
        data = b""
        while num_sent < 100 and not data:
            try:
                sock.sendall(b"x")
                num_sent += 1
                data = sock.recv(65536)
            except TimeoutError:
                continue
        assert b"request_timeout" in data
        assert num_sent < 50


def test_many_slow_clients_keep_nobody_waiting(hasty: Server[FakeEngine]) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(connect(hasty)) for _ in range(200)]
        for sock in slow:
            sock.sendall(POST)
        assert hasty.chat().status_code == 200
        assert {answer(sock)[0] for sock in slow} == {408}
    assert not hasty.runner.server_state.tasks


def test_a_long_answer_is_no_slow_request(hasty: Server[FakeEngine]) -> None:
    """The time is that of the request: what the server needs to answer does not count."""
    hasty.engine.step_s = TIMEOUT_S / 4
    try:
        assert hasty.complete(prompt="hello there", max_tokens=30).status_code == 200
    finally:
        hasty.engine.reset()


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"hello there\r\n\r\n", 400, "invalid_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n", 400, "invalid_http"),
        (POST + b"content-length: -1\r\n\r\n", 400, "invalid_http"),
        (POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\n{}", 400, "invalid_http"),
        (POST + b"x: 1\r\n" * 200 + b"\r\n", 431, "headers_too_large"),
        (POST + b"x: " + b"y" * 70_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\n", 431, "headers_too_large"),
    ],
)
def test_what_is_no_request_or_too_much_of_one_is_refused(
    hasty: Server[FakeEngine], sent: bytes, status: int, code: str
) -> None:
    with connect(hasty) as sock:
        sock.sendall(sent)
        seen, error = answer(sock)
        assert (seen, error["code"], error["type"]) == (status, code, "invalid_request_error")


@pytest.mark.parametrize("framing", ["content-length: 2000000", "transfer-encoding: chunked"])
def test_a_body_beyond_the_limit_is_refused_unread(hasty: Server[FakeEngine], framing: str) -> None:
    chunk = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16) if "chunked" in framing else b" " * 2**16
    with connect(hasty) as sock:
        sock.sendall(POST + framing.encode() + b"\r\nconnection: close\r\n\r\n")
        try:
            for _ in range(20):
                sock.sendall(chunk)
        except OSError:
            pass  # the server closes while it is spoken to
        data = sock.recv(65536)
    assert b" 413 " in data.split(b"\r\n")[0] and b"request_too_large" in data


def test_one_connection_too_many_is_told_so(
    serve: Callable[..., Server[FakeEngine]],
) -> None:
    server = serve(max_connections=3)
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(server))
        with connect(server) as sock:
            status, error = answer(sock)
        assert (status, error["code"], error["type"]) == (503, "too_many_connections", "server_error")
    assert server.chat().status_code == 200
