"""Stopping lets running answers finish, and tells the others why they do not."""

from __future__ import annotations

import gc
import signal
import time
from collections.abc import Callable

import httpx
import openai
import pytest

from helix import ConfigError
from openai_compat.config import ServerConfig
from openai_compat.server import bind, leave_out_of_collections
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
        while True:
            assert httpx.get(f"{server.url}/health").status_code == 503


def test_while_answers_finish_the_server_is_unhealthy_and_takes_no_more_work(serve: Serve) -> None:
    server = serve(FakeEngine(lambda prompt, params: "x" * 200, step_s=0.02))
    with server.http.stream("POST", "/generate/stream", json={"prompt": "hi"}) as stream:
        lines = stream.iter_lines()
        next(lines)
        server.runner.should_exit = True
        while (health := httpx.get(f"{server.url}/ready")).status_code == 200:
            pass
        assert (health.status_code, health.json()["status"]) == (503, "draining")
        for refused in (
            httpx.post(f"{server.url}/generate", json={"prompt": "hi"}),
            httpx.get(f"{server.url}/generate/stream", params={"prompt": "hi"}),
        ):
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "shutting_down")
            assert 1 <= int(refused.headers["retry-after"]) <= ServerConfig().drain_timeout_s
        *_, last = (line for line in lines if line)
    assert '"is_final":true' in last


def test_a_stream_that_takes_too_long_ends_with_an_error_event(serve: Serve) -> None:
    server = serve(FakeEngine(lambda prompt, params: "x" * 3000, step_s=0.02), drain_timeout_s=1)
    started_s = time.monotonic()
    with pytest.raises(openai.APIError) as caught:
        for _ in server.openai.completions.create(model="model-1", prompt="hi", max_tokens=3000, stream=True):
            server.runner.should_exit = True
    assert caught.value.code == "shutting_down"
    assert time.monotonic() - started_s < 15


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_wait_and_not_the_last_event(serve: Serve, sig: signal.Signals) -> None:
    """uvicorn by itself does not count SIGTERM, and cuts connections at a second SIGINT."""
    server = serve(FakeEngine(lambda prompt, params: "x" * 9000, step_s=0.02), drain_timeout_s=600)
    started_s = time.monotonic()
    with pytest.raises(openai.APIError) as caught:
        for number, _ in enumerate(
            server.openai.completions.create(model="model-1", prompt="hi", max_tokens=3000, stream=True)
        ):
            if number in (1, 8):
                server.runner.handle_exit(sig, None)
    assert caught.value.code == "shutting_down"
    assert time.monotonic() - started_s < 60, "and not the 600 s that draining may take"


def test_a_free_port_is_taken_for_port_0_and_a_taken_one_refused() -> None:
    with bind(ServerConfig(port=0)) as sock:
        sock.listen()
        with pytest.raises(ConfigError, match="in use"):
            bind(ServerConfig(port=sock.getsockname()[1]))


def test_a_host_that_other_machines_reach_needs_a_key_or_a_word() -> None:
    for host in ("0.0.0.0", "", "192.0.2.1"):
        with pytest.raises(ConfigError, match=r"HELIX_API_KEY.*--allow-no-key"):
            bind(ServerConfig(host=host, port=0))
    bind(ServerConfig(host="0.0.0.0", port=0, allow_no_key=True)).close()
    bind(ServerConfig(host="0.0.0.0", port=0, api_key=("sk-1",))).close()


def test_collections_pass_over_what_was_loaded_and_find_what_comes_later() -> None:
    """Going through a model's libraries stops every stream for a third of a second."""
    num_loaded = len(gc.get_objects())
    try:
        leave_out_of_collections()
        assert gc.get_freeze_count() > num_loaded / 2
        later: list[object] = []
        later.append(later)
        left = id(later)
        assert any(id(one) == left for one in gc.get_objects())
        assert len(gc.get_objects()) < num_loaded / 10
        del later
        assert gc.collect() >= 1
    finally:
        gc.unfreeze()
