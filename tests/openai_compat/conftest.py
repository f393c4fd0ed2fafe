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


@pytest.fixture(scope="module")
def server() -> Iterator[Server[FakeEngine]]:
    """A server with default settings, shared by the tests of a file."""
    with running_server(FakeEngine(), ServerConfig(port=0)) as running:
        yield running
