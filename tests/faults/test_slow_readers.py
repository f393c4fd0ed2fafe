"""A client that does not read costs what the buffers hold, and not its answer for ever."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from helix import RequestOutput
from openai_compat import delivery
from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server

NUM_IDLE = 100


@contextmanager
def _reading_nothing(server: Server[FakeEngine], path: str, **fields: object) -> Iterator[socket.socket]:
    """Send a request for a stream with the smallest window there is, and read none of the answer."""
    body = json.dumps({"model": "model-1", "max_tokens": 10**7, "stream": True} | fields).encode()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", httpx.URL(server.url).port))
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n"
        sock.sendall(head.encode() + body)
        sock.settimeout(60)
        yield sock


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/completions", {"prompt": "hi"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4 * 10**6}),
    ],
)
def test_a_stream_that_is_not_read_is_given_up_and_its_reader_told_when_it_reads(
    monkeypatch: pytest.MonkeyPatch, path: str, fields: dict[str, object]
) -> None:
    monkeypatch.setattr(delivery, "SLOW_READER_S", 1.0)
    engine = FakeEngine(lambda prompt, params: "x" * 9_000_000, tokens_per_step=200_000, max_model_len=10**8)
    with running_server(engine, ServerConfig(port=0, keep_alive_s=0.2)) as server:
        with _reading_nothing(server, path, **fields) as sock:
            deadline_s = time.monotonic() + 60
            while not engine.aborted and time.monotonic() < deadline_s:
                time.sleep(0.02)
            assert len(engine.aborted) == 1, "the engine does not work for nobody"
            received = b""
            while b"slow_reader" not in received[-4000:]:
                piece = sock.recv(2**20)
                assert piece, "it ended without a reason"
                received += piece
        assert server.complete(max_tokens=8).status_code == 200


def _resident_kib() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4


class _GatedEngine(FakeEngine):
    """Says nothing until the gate is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.max_num_running = 2 * NUM_IDLE
        self.gate = threading.Event()

    async def _play(self, *args: Any) -> AsyncIterator[RequestOutput]:
        while not self.gate.is_set():
            await asyncio.sleep(0.2)
        async for output in super()._play(*args):
            yield output


def test_idle_streams_cost_little_and_are_all_served_when_their_turn_comes() -> None:
    """Client and server share this process, so that both ends are counted."""
    engine = _GatedEngine()
    limits = httpx.Limits(max_connections=None)
    with (
        running_server(engine, ServerConfig(port=0)) as server,
        httpx.Client(base_url=server.url, timeout=60, limits=limits) as client,
    ):

        def open_streams(num: int) -> list[httpx.Response]:
            body = {"model": "model-1", "prompt": "hi", "stream": True}
            requests = [client.build_request("POST", "/v1/completions", json=body) for _ in range(num)]
            return [client.send(request, stream=True) for request in requests]

        streams = open_streams(50)
        before_kib = _resident_kib()
        streams += open_streams(NUM_IDLE)
        each_kib = (_resident_kib() - before_kib) / NUM_IDLE
        print(f"{each_kib:.0f} KiB for each idle stream")
        assert each_kib < 256
        engine.gate.set()
        assert all(stream.read().endswith(b"data: [DONE]\n\n") for stream in streams)
