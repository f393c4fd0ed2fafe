"""A connection with an end to patience: bounded headers, bounded waiting for a request, bounded in number."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from openai_compat.config import ServerConfig
from openai_compat.errors import SERVER, ApiError
from openai_compat.http_protocol import HEAD_TOO_LARGE, MAX_HEAD_BYTES, HTTPProtocol

MAX_HEADERS = 128

_MANY_HEADERS = ApiError(431, f"The request has more than {MAX_HEADERS} headers.", code="headers_too_large")
_TOO_SLOW = ApiError(408, "The request did not arrive in time.", code="request_timeout")
_FULL = ApiError(
    503, "The server has too many connections.", type=SERVER, code="too_many_connections", headers={"retry-after": "1"}
)


class BoundedProtocol(HTTPProtocol):
    """One connection of a client that may be slow, or mean."""

    max_connections: int
    receive_timeout_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._awaited: Literal["head", "body"] | None = None
        self._num_headers = self._num_header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request, unless there are connections enough."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self.refuse(_FULL)
        else:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_for(None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come, and wait for the rest of it."""
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Wait for the rest of the next request, if it has begun."""
        super().on_response_complete()
        self._watch()

    def on_message_begin(self) -> None:
        """Count the headers of a request from its beginning."""
        super().on_message_begin()
        self._num_headers = self._num_header_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one more header, or end the parsing with an error."""
        self._num_headers += 1
        self._num_header_bytes += len(name) + len(value)
        if self._num_headers > MAX_HEADERS or self._num_header_bytes > MAX_HEAD_BYTES:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too much of one."""
        if self._num_headers > MAX_HEADERS:
            self.refuse(_MANY_HEADERS)
        elif self._num_header_bytes > MAX_HEAD_BYTES:
            self.refuse(HEAD_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def refuse(self, error: ApiError) -> None:
        """Answer as far as nothing was answered, and close; a handler that reads the body learns that it ends here."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        super().refuse(error)

    def _watch(self) -> None:
        """Wait for what a request still lacks; between two requests the time for idle connections runs."""
        is_free = self.cycle is None or self.cycle.response_complete
        if self.transport.is_closing():
            self._wait_for(None)
        elif self.is_in_head or self.cycle is None:
            self._wait_for("head" if is_free else None)
        else:
            self._wait_for("body" if self.is_in_message else None)

    def _wait_for(self, part: Literal["head", "body"] | None) -> None:
        """Give a client the time for a part of a request, once; None: nothing is awaited."""
        if part is self._awaited:
            return
        self._awaited = part
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if part is None else self.loop.call_later(self.receive_timeout_s, self._time_is_up)

    def _time_is_up(self) -> None:
        if not self.transport.is_closing():
            self.refuse(_TOO_SLOW)


def bounded_protocol(config: ServerConfig) -> type[BoundedProtocol]:
    """Return the protocol with a server's limits."""
    limits = {"max_connections": config.max_connections, "receive_timeout_s": config.receive_timeout_s}
    return type("ServerProtocol", (BoundedProtocol,), limits)
