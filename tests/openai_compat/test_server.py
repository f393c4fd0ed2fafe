"""Stopping lets running answers finish, and tells the others why they do not."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import openai
import pytest

from helix import ConfigError
from openai_compat.config import ServerConfig
from openai_compat.server import bind
from tests.fakes import FakeEngine
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]


def test_a_running_stream_finishes(serve: Serve) -> None:
    server = serve(FakeEngine(lambda prompt, params: "x" * 60, step_s=0.02))
    text = ""
    for chunk in server.openai.completions.create(model="model-1", prompt="hi", max_tokens=99, stream=True):
        server.runner.should_exit = True
        text += chunk.choices[0].text
    assert text == "x" * 60
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health")


def test_a_stream_that_takes_too_long_ends_with_an_error_event(serve: Serve) -> None:
    server = serve(FakeEngine(lambda prompt, params: "x" * 3000, step_s=0.02), shutdown_timeout_s=1)
    started_s = time.monotonic()
    with pytest.raises(openai.APIError) as caught:
        for _ in server.openai.completions.create(model="model-1", prompt="hi", max_tokens=3000, stream=True):
            server.runner.should_exit = True
    assert caught.value.code == "engine_dead"
    assert time.monotonic() - started_s < 15


def test_a_free_port_is_taken_for_port_0_and_a_taken_one_refused() -> None:
    with bind(ServerConfig(port=0)) as sock:
        sock.listen()
        with pytest.raises(ConfigError, match="in use"):
            bind(ServerConfig(port=sock.getsockname()[1]))
