"""GET /health and /ready over a socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fakes import FakeEngine
from tests.servers import Server


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_a_living_engine_is_healthy_and_says_how_busy_it_is(server: Server[FakeEngine], path: str) -> None:
    response = server.http.get(path)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "model": "fake/model-1",
        "device": "cpu",
        "dtype": "float32",
        "num_running": 0,
        "num_waiting": 0,
        "num_blocks": 64,
        "num_free_blocks": 64,
        "block_size": 16,
        "kv_cache_dtype": "float32",
        "kv_cache_bytes": 2**20,
    }


def test_a_dead_engine_is_unavailable(serve: Callable[..., Server[FakeEngine]]) -> None:
    server = serve()
    server.engine.shutdown()
    assert server.http.head("/ready").status_code == 503
    response = server.http.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"
