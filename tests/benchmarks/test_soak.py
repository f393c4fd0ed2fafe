"""A server under everything at once loses nothing, mixes nothing up and leaves nothing behind.

The minutes-long run is `python -m benchmarks.soak`; this is the same with fewer requests.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.soak import Soak, draw, flatness, jobs, resident_mib, soak, vanishing
from helix import AsyncEngine, EngineConfig, FinishReason, SchedulerConfig
from openai_compat.config import ServerConfig
from tests.servers import Server, running_server

KINDS = {job.kind for job in jobs()}


@pytest.fixture(scope="module")
def server() -> Iterator[Server[AsyncEngine]]:
    scheduler = SchedulerConfig(max_num_seqs=8, max_num_waiting=64)
    with running_server(AsyncEngine(EngineConfig(scheduler=scheduler)), ServerConfig(port=0)) as running:
        yield running


def test_answers_under_mixed_load_are_those_to_each_prompt_alone(server: Server[AsyncEngine]) -> None:
    result = asyncio.run(
        soak(server.url, seconds=8, num_clients=12, memory_mib=lambda: resident_mib(os.getpid()), seed=1)
    )
    assert result.wrong == []
    assert set(result.num_done) == KINDS, "every kind was answered"
    assert max(sample["running"] for sample in result.samples) > 1, "they were answered together"
    stats = server.engine.stats()
    assert (stats.num_running, stats.num_waiting, stats.num_free_blocks) == (0, 0, stats.num_blocks)


def test_clients_that_vanish_at_any_moment_leave_nothing_behind(server: Server[AsyncEngine]) -> None:
    asyncio.run(vanishing(server.url, num_clients=16))
    threads = threading.active_count()
    state = asyncio.run(vanishing(server.url, num_clients=200, seed=2))
    assert state["num_free_blocks"] == state["num_blocks"]
    assert threading.active_count() <= threads + 2, "a pool may grow, but not with every client"
    stats = server.engine.stats()
    assert stats.finish_reasons[FinishReason.ABORT] > 20, "many did leave in the middle"
    assert server.engine._streams == {}


def test_growing_memory_is_told_from_memory_that_was_needed_once() -> None:
    def run(memory: list[float]) -> float:
        return flatness([{"memory_mib": one} for one in memory])

    assert run([100.0, *[200.0] * 29]) == 0
    assert run([100.0 + i for i in range(30)]) > 0.05


def test_a_run_can_be_drawn(tmp_path: Path) -> None:
    samples = [{"at_s": at_s, "memory_mib": 9.0, "running": 1.0, "waiting": 0.0} for at_s in (0.0, 1.0)]
    draw(Soak(latencies_s=[(0.5, 0.1), (1.0, 0.2)], samples=samples), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 1000
