"""What tests of several folders share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helix import AsyncEngine, EngineConfig
from openai_compat.config import ServerConfig
from tests.servers import Server, running_server


@pytest.fixture(scope="session")
def demo_server() -> Iterator[Server[AsyncEngine]]:
    """helix-demo with default settings on a free port, as `helix serve` starts it."""
    with running_server(AsyncEngine(EngineConfig()), ServerConfig(port=0)) as running:
        yield running
