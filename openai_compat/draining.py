"""A server that was told to stop finishes what runs, and tells everybody else to go elsewhere."""

from __future__ import annotations

import time
from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from openai_compat.auth import computes
from openai_compat.engine import Engine
from openai_compat.errors import ShuttingDown

WORK = "work"
"""Key of the application's state: what goes on without a connection, and tells whether it does by is_at_work."""
_ENDS_S = "draining_ends_s"


def begin_draining(app: Litestar, timeout_s: float = 0.0) -> None:
    """Let app refuse whatever would compute something; what runs has ended after timeout_s."""
    app.state[_ENDS_S] = time.monotonic() + timeout_s


def is_draining(app: Litestar) -> bool:
    """Return whether it does."""
    return _ENDS_S in app.state


def has_work_left(app: Litestar) -> bool:
    """Return whether answers are made that no connection waits for."""
    return bool(app.state[WORK].is_at_work)


def refuse_while_draining(engine: Engine) -> Guard:
    """Return a guard that raises ShuttingDown for a request that comes too late.

    It says when the last running one will have ended, at the rate at which they end or by the timeout: then whatever
    takes this server's place can be there.
    """

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        if not is_draining(connection.app) or not computes(connection, handler):
            return
        left_s = connection.app.state[_ENDS_S] - time.monotonic()
        stats = engine.stats()
        if stats.finished_per_s:
            left_s = min(left_s, (stats.num_running + stats.num_waiting) / stats.finished_per_s)
        raise ShuttingDown(retry_after_s=left_s)

    return guard
