"""The real thing: helix-demo behind a socket, asked by other people's client libraries."""

from __future__ import annotations

import pytest

from helix import AsyncEngine
from tests.servers import Server


@pytest.fixture
def server(demo_server: Server[AsyncEngine]) -> Server[AsyncEngine]:
    """A server with default settings, as `helix serve` starts it."""
    return demo_server


def pytest_configure(config: pytest.Config) -> None:
    """Name the markers of langchain-tests' own plugins, which stay switched off."""
    for name in ("benchmark", "vcr"):
        config.addinivalue_line("markers", f"{name}: of langchain-tests")
