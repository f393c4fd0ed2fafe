"""A real engine behind a real socket, small enough to be broken often; after every fault it must be as before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from helix import AsyncEngine, EngineConfig, LLMEngine, SchedulerConfig, SpeculativeConfig
from openai_compat.config import ServerConfig
from openai_compat.service import Service
from tests.servers import Server, running_server

QUESTION = "Once there was a small house by the river, and in it"
NUM_TOKENS = 32
PATIENCE_S = 60.0
"""A limit against waiting for ever, far from what anything takes."""


@dataclass
class Breakable:
    """A server, its engine's insides, and what a healthy answer is."""

    server: Server[AsyncEngine]
    engine: LLMEngine
    expected: str = ""

    @property
    def service(self) -> Service:
        service: Service = self.server.runner.app.dependencies["service"].dependency()  # type: ignore[union-attr]
        return service

    def ask(self, prompt: str = QUESTION, **fields: Any) -> httpx.Response:
        return self.server.complete(**({"prompt": prompt, "max_tokens": NUM_TOKENS, "temperature": 0} | fields))

    def text(self, **fields: Any) -> str:
        response = self.ask(**fields)
        assert response.status_code == 200, response.text
        text: str = response.json()["choices"][0]["text"]
        return text

    def endless(self, **fields: Any) -> dict[str, Any]:
        """Return a completion's request that goes on to the end of the context."""
        info = self.server.engine.info
        length = {"ignore_eos": True, "max_tokens": info.max_model_len - 100}
        return {"model": info.model, "prompt": QUESTION} | length | fields

    def wait_until(self, what: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < deadline_s, "it never came to pass"
            time.sleep(0.005)

    def is_idle(self) -> bool:
        stats = self.server.engine.stats()
        return not stats.num_running and not stats.num_waiting and stats.num_free_blocks == stats.num_blocks


@pytest.fixture(scope="session")
def breakable_server() -> Iterator[Breakable]:
    config = EngineConfig(
        scheduler=SchedulerConfig(max_num_seqs=4, max_num_waiting=4),
        speculative=SpeculativeConfig(speculation_method="suffix"),
    )
    engine = LLMEngine(config)
    with running_server(AsyncEngine(engine=engine), ServerConfig(port=0)) as server:
        breakable = Breakable(server, engine)
        breakable.expected = breakable.text()
        yield breakable


@pytest.fixture
def breakable(breakable_server: Breakable) -> Iterator[Breakable]:
    """The server before a fault; behind it, every block is free, nobody waits, and answers are what they were."""
    yield breakable_server
    breakable_server.wait_until(breakable_server.is_idle)
    breakable_server.engine.block_manager.check_integrity([])
    assert not breakable_server.server.engine._streams
    health = breakable_server.server.http.get("/health")
    assert health.status_code == 200, health.text
    assert breakable_server.text() == breakable_server.expected


def is_about(spans: Sequence[Any], prompt: Sequence[int]) -> bool:
    """Return whether a pass computes the beginning of a prompt."""
    first = list(prompt)[:4]
    return any(span.start == 0 and list(span.token_ids)[: len(first)] == first for span in spans)
