"""A way to the connection beside ASGI's send, which is a chain of coroutines for every piece of a stream."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class DirectWriter:
    """Writes pieces of one answer's body where a plain write is all that send would do."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = weakref.ref(cycle)  # whose scope has the writer

    @property
    def is_open(self) -> bool:
        """Whether a piece can be written now: the body has begun, and there is a reader with room for it."""
        cycle = self._cycle()
        return (
            cycle is not None
            and bool(cycle.chunked_encoding)  # else nothing was sent, or the body is measured, or left out
            and not cycle.response_complete
            and not cycle.disconnected
            and not cycle.flow.write_paused
        )

    def write(self, body: bytes) -> None:
        """Send a piece, not empty and not the last; only while is_open."""
        cycle = self._cycle()
        assert cycle is not None, "the answer is open"
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(body), body))


_EXTENSION = "helix.write"


def offer_writer(scope: MutableMapping[str, Any], cycle: RequestResponseCycle) -> None:
    """Put a writer for the answer of cycle into a request's scope, as an extension of ASGI."""
    scope["extensions"] = {_EXTENSION: DirectWriter(cycle)}


def offered_writer(scope: Mapping[str, Any]) -> DirectWriter | None:
    """Return the writer that the server offers, if it does."""
    writer: DirectWriter | None = (scope.get("extensions") or {}).get(_EXTENSION)
    return writer
