"""The real thing: helix-demo behind a socket, asked by other people's client libraries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helix import AsyncEngine, EngineConfig
from openai_compat.config import ServerConfig
from tests.servers import Server, running_server

MODEL = "helix-demo"


@pytest.fixture(scope="session")
def server() -> Iterator[Server[AsyncEngine]]:
    """A server with default settings, as `helix serve` starts it."""
    with running_server(AsyncEngine(EngineConfig()), ServerConfig(port=0)) as running:
        yield running
