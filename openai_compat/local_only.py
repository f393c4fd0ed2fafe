"""Keeps web pages away from a server that asks for no key because only this machine can reach it.

A browser on this machine can reach it too, and runs pages of strangers. Such a page can send requests here and, where
its own name is made to lead here (DNS rebinding), read the answers: but its browser says in which name it came, and
that it came from another site.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from openai_compat.auth import OPEN_TO_ALL, computes
from openai_compat.config import is_loopback
from openai_compat.errors import ApiError


class StrangePage(ApiError):
    """A request that a page of another site makes a browser of this machine send."""

    def __init__(self, message: str) -> None:
        super().__init__(403, message, code="forbidden_origin")


def refuse_strange_pages(cors_origins: Sequence[str], *, any_host: bool) -> Guard:
    """Return a guard that raises StrangePage for what only a browser with a strange page would send.

    any_host: the server answers to names of every kind, because other machines may use it.
    """

    def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        is_ours = any_host or is_loopback(host_name(connection.headers.get("host", "localhost")))
        if not is_ours and not handler.opt.get(OPEN_TO_ALL):
            raise StrangePage(
                "A server without a key answers to localhost and 127.0.0.1 alone: set HELIX_API_KEY, or start it with "
                "--allow-no-key."
            )
        if connection.headers.get("sec-fetch-site") != "cross-site" or not computes(connection, handler):
            return
        if "*" not in cors_origins and connection.headers.get("origin") not in cors_origins:
            raise StrangePage("A page of another site may call this server only if --cors-origin names it.")

    return guard


def host_name(host: str) -> str:
    """Return the name or address in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower().rstrip(".")
