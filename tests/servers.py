"""A server on a real socket, in a thread: what crosses the wire is what clients see."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx
from openai import OpenAI

from openai_compat.app import create_app
from openai_compat.config import ServerConfig
from openai_compat.engine import Engine
from openai_compat.request_record import RequestRecord
from openai_compat.server import DrainingServer, bind

EngineT = TypeVar("EngineT", bound=Engine)


@dataclass
class Server(Generic[EngineT]):
    """A running server with its engine and two clients."""

    engine: EngineT
    url: str
    runner: DrainingServer
    api_key: str | None
    http: httpx.Client = field(init=False)
    openai: OpenAI = field(init=False)

    def __post_init__(self) -> None:
        headers = {} if self.api_key is None else {"authorization": f"Bearer {self.api_key}"}
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=60)
        self.openai = OpenAI(base_url=f"{self.url}/v1", api_key=self.api_key or "none", max_retries=0, timeout=60)

    def chat(self, **fields: Any) -> httpx.Response:
        """POST a chat completion; fields override a minimal request."""
        request = {"model": self.engine.info.model, "messages": [{"role": "user", "content": "hi"}]}
        return self.http.post("/v1/chat/completions", json=request | fields)

    def complete(self, **fields: Any) -> httpx.Response:
        """POST a completion; fields override a minimal request."""
        return self.http.post("/v1/completions", json={"model": self.engine.info.model, "prompt": "hi"} | fields)


@contextmanager
def running_server(
    engine: EngineT, config: ServerConfig, *, write: Sequence[Callable[[RequestRecord], object]] = ()
) -> Iterator[Server[EngineT]]:
    """Serve engine until the block ends; each of write is told of requests that are over."""
    sock = bind(config)
    runner = DrainingServer(create_app(engine, config), config, end_requests=engine.shutdown, write=write)
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [sock]})
    thread.start()
    while not runner.started:
        assert thread.is_alive(), "the server ended before it had started"
        time.sleep(0.005)
    server = Server(engine, f"http://127.0.0.1:{sock.getsockname()[1]}", runner, next(iter(config.api_key), None))
    try:
        yield server
    finally:
        server.http.close()
        server.openai.close()
        runner.should_exit = True
        thread.join()
        sock.close()
