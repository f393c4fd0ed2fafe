"""Servers in front of a fake engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine
from tests.servers import Server, running_server


@pytest.fixture
def serve() -> Iterator[Callable[..., Server[FakeEngine]]]:
    """Start servers with an engine and settings of the test's choice."""
    with ExitStack() as stack:

        def start(engine: FakeEngine | None = None, **settings: Any) -> Server[FakeEngine]:
            return stack.enter_context(running_server(engine or FakeEngine(), ServerConfig(port=0, **settings)))

        yield start


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server[FakeEngine]]:
    with running_server(FakeEngine(), ServerConfig(port=0)) as running:
        yield running


@pytest.fixture
def server(shared_server: Server[FakeEngine]) -> Iterator[Server[FakeEngine]]:
    """A server with default settings, whose engine is as good as new."""
    yield shared_server
    shared_server.engine.reset()
