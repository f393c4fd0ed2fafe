"""What a socket answers before there is a model behind it."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from openai_compat.config import ServerConfig
from openai_compat.loading import answers_while_loading
from openai_compat.server import bind


def test_everybody_is_told_to_wait_and_health_checks_why() -> None:
    with bind(ServerConfig(port=0)) as sock, answers_while_loading(sock, "my/model"):
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        for path in ("/health", "/ready?verbose=1"):
            health = httpx.get(url + path)
            assert (health.status_code, health.json()) == (503, {"status": "loading", "model": "my/model"})
        assert httpx.head(f"{url}/health").status_code == 503
        refused = httpx.post(f"{url}/v1/chat/completions", json={"messages": ["x" * 100_000]})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_loading")
        assert int(refused.headers["retry-after"]) > 0


def test_who_connects_as_the_model_is_there_is_answered_by_the_server() -> None:
    with bind(ServerConfig(port=0)) as sock:
        address = sock.getsockname()
        with answers_while_loading(sock, "my/model"):
            pass
        with socket.create_connection(address) as client, ThreadPoolExecutor(1) as taking_over:
            connection, _ = taking_over.submit(sock.accept).result(timeout=10)
            with connection:
                client.sendall(b"hi")
                assert connection.recv(2) == b"hi"


def test_a_model_that_fails_to_load_leaves_nobody_answering() -> None:
    sock = bind(ServerConfig(port=0))
    port = sock.getsockname()[1]
    with sock, pytest.raises(ZeroDivisionError), answers_while_loading(sock, "my/model"):
        raise ZeroDivisionError
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/health")
