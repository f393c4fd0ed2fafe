"""A way to the connection beside ASGI's send, which is a chain of coroutines for every piece of a stream."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

Write = Callable[[bytes], bool]
"""Sends a piece of a body that has begun and does not end here, or returns False: then it is send's business."""

_EXTENSION = "helix.write"


def offer_write(scope: Any, cycle: RequestResponseCycle) -> None:
    """Put a Write for the answer of cycle into its scope, as an extension of ASGI."""
    reference = weakref.ref(cycle)  # the cycle has the scope

    def write(body: bytes) -> bool:
        cycle = reference()
        if (
            cycle is None
            or not cycle.chunked_encoding  # nothing was sent yet, or the body is measured, or left out
            or cycle.response_complete
            or cycle.disconnected
            or cycle.flow.write_paused
        ):
            return False
        cycle.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        return True

    scope.setdefault("extensions", {})[_EXTENSION] = write


def write_of(scope: Mapping[str, Any]) -> Write:
    """Return the Write that the server offers; one that leaves everything to send if it offers none."""
    write: Write = (scope.get("extensions") or {}).get(_EXTENSION, _leave)
    return write


def _leave(body: bytes) -> bool:
    return False
