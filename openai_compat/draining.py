"""A server that was told to stop finishes what runs, and tells everybody else to go elsewhere."""

from __future__ import annotations

from typing import Any

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from openai_compat.auth import computes
from openai_compat.errors import ShuttingDown

_IS_DRAINING = "is_draining"


def begin_draining(app: Litestar) -> None:
    """Let app refuse whatever would compute something."""
    app.state[_IS_DRAINING] = True


def is_draining(app: Litestar) -> bool:
    """Return whether it does."""
    return bool(app.state.get(_IS_DRAINING))


def refuse_while_draining(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Raise ShuttingDown for a request that comes too late; a guard."""
    if is_draining(connection.app) and computes(connection, handler):
        raise ShuttingDown
