"""A way to the connection beside ASGI's send, which is a chain of coroutines for every piece of a stream."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class DirectWriter:
    """Writes pieces of one answer's body, which has begun and has not ended, where a plain write is all of sending."""

    __slots__ = ("_flow", "_now", "_transport", "wrote_s")

    def __init__(self, transport: asyncio.Transport, flow: FlowControl) -> None:
        self._transport = transport
        self._flow = flow
        self._now = asyncio.get_running_loop().time
        self.wrote_s = self._now()
        """When it wrote last, on the loop's clock."""

    @property
    def is_open(self) -> bool:
        """Whether a piece can be written now: there is a reader with room for it."""
        return not self._flow.write_paused and not self._transport.is_closing()

    def write(self, body: bytes) -> None:
        """Send a piece, not empty and not the last; only while is_open."""
        self._transport.write(b"".join((b"%x\r\n" % len(body), body, b"\r\n")))
        self.wrote_s = self._now()


Offer = Callable[[], DirectWriter | None]
"""Returns a writer once the head was sent; None: only send knows how to send this body."""

_EXTENSION = "helix.write"


def offer_writer(scope: MutableMapping[str, Any], cycle: RequestResponseCycle) -> None:
    """Put the offer of a writer for the answer of cycle into a request's scope, as an extension of ASGI."""
    reference = weakref.ref(cycle)  # as the cycle has the scope

    def offer() -> DirectWriter | None:
        begun = reference()
        if begun is None or not begun.chunked_encoding or begun.response_complete:
            return None  # nothing was sent, or the body is measured, or left out, or over
        return DirectWriter(begun.transport, begun.flow)

    scope["extensions"] = {_EXTENSION: offer}


def offered_writer(scope: Mapping[str, Any]) -> DirectWriter | None:
    """Return a writer for the answer whose head was sent, if the server offers one."""
    offer: Offer | None = (scope.get("extensions") or {}).get(_EXTENSION)
    return None if offer is None else offer()
