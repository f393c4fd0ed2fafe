"""The HTTP parser in front of the application: a fast one, whose own refusals are OpenAI's envelopes too."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, ASGISendEvent, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from openai_compat.direct_write import offer_writer
from openai_compat.errors import ApiError

MAX_HEAD_BYTES = 65536
"""Of a request line with its headers; whoever sends more is not heard out."""
HEAD_TOO_LARGE = ApiError(
    431, f"The request's line and headers have more than {MAX_HEAD_BYTES} bytes.", code="headers_too_large"
)
_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"))
_STAND_IN = b"PUT"
_TOKEN = re.compile(rb"[A-Za-z-]+")
_OFFER = re.compile(rb"\r\nupgrade:", re.IGNORECASE)


class HTTPProtocol(HttpToolsProtocol):
    """One connection.

    The parser takes a fixed set of methods, but refusing the others is the router's business: it knows the path and
    says which methods there are. So they pass the parser under the name of one that it takes. And a request that
    offers another protocol as well has no body for the parser, so it does not see the offer, which nobody takes.
    """

    is_in_message = is_in_head = False
    _num_head_bytes = 0
    _method: str | None = None  # in place of the stand-in

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if not self.is_in_message:
            data = self._readable(data)
        super().data_received(data)
        if self.is_in_head and not self.transport.is_closing():
            self._num_head_bytes += len(data)
            if self._num_head_bytes > MAX_HEAD_BYTES:
                self.refuse(HEAD_TOO_LARGE)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close the connection."""
        self.refuse(ApiError(400, msg, code="invalid_http"))

    def on_message_begin(self) -> None:
        """Note that a request begins."""
        super().on_message_begin()
        self.is_in_message = self.is_in_head = True
        self._num_head_bytes = 0

    def on_headers_complete(self) -> None:
        """Start the application, which sees the method that was sent."""
        self.is_in_head = False
        super().on_headers_complete()
        if self._method is not None:
            self.scope["method"], self._method = self._method, None
        if self.cycle is not None:
            offer_writer(self.scope, self.cycle)  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, unchunked(app, cycle) if cycle.scope["http_version"] == "1.0" else app)

    def on_message_complete(self) -> None:
        """Note that a request ends."""
        super().on_message_complete()
        self.is_in_message = False

    def _readable(self, data: bytes) -> bytes:
        """Return the beginning of a request with a method that the parser takes, and without an offer to upgrade."""
        end = data.find(b"\r\n\r\n")
        offer = _OFFER.search(data, 0, len(data) if end < 0 else end)
        if offer is not None:
            data = data[: offer.start()] + b"\r\nx-upgrade:" + data[offer.end() :]
        method = data[: max(0, data.find(b" ", 0, 32))]
        if method in _METHODS or not _TOKEN.fullmatch(method):
            return data
        self._method = method.decode("ascii")
        return _STAND_IN + data[len(method) :]

    def refuse(self, error: ApiError) -> None:
        """Answer with an error and close the connection."""
        body = msgspec.json.encode(error.envelope)
        headers = {**error.headers, "content-type": "application/json", "content-length": str(len(body))}
        lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", "connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()


def unchunked(app: ASGI3Application, cycle: RequestResponseCycle) -> ASGI3Application:
    """Return app for a client of HTTP/1.0: the end of a body of unknown length is that of the connection.

    Chunks are what a server must not send such a client (RFC 9112, 7.1); uvicorn does.
    """

    async def answering(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        is_measured = True

        async def sending(message: ASGISendEvent) -> None:
            nonlocal is_measured
            if message["type"] == "http.response.start":
                is_measured = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
                if not is_measured:
                    cycle.chunked_encoding = False
            elif message["type"] == "http.response.body" and not is_measured:
                cycle.expected_content_length = len(message.get("body", b""))  # of each piece, so that any will do
            await send(message)

        await app(scope, receive, sending)

    return answering
