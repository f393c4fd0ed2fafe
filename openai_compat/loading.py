"""What the server says on its socket while the model loads: not yet."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec

from openai_compat.errors import ApiError
from openai_compat.schemas.health import Health

HEALTH_PATHS = ("/health", "/ready")
RETRY_AFTER_S = 2
_PATIENCE_S = 10
_LARGEST_BODY = 2**20


@contextmanager
def answers_while_loading(sock: socket.socket, model: str) -> Iterator[None]:
    """Listen on a bound socket and answer 503 to everything until the block ends; the socket goes on listening.

    Who connects in between waits for the server that takes the socket over.
    """
    health = msgspec.json.encode(Health(status="loading", model=model))
    busy = ApiError(503, "The model is being loaded; try again soon.", type="server_error", code="model_loading")
    refusal = msgspec.json.encode(busy.envelope)

    class Answer(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def answer(self) -> None:
            # A connection that is closed before its body was read is reset, and the answer lost.
            self.rfile.read(min(_body_len(self.headers.get("content-length")), _LARGEST_BODY))
            body = health if self.path.partition("?")[0] in HEALTH_PATHS else refusal
            self.send_response(503)
            for name, value in (
                ("content-type", "application/json"),
                ("content-length", str(len(body))),
                ("retry-after", str(RETRY_AFTER_S)),
                ("connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_DELETE = do_OPTIONS = answer

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: health checks come every second."""

    server = ThreadingHTTPServer(("", 0), Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = sock
    server.daemon_threads = True
    server.server_activate()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _body_len(header: str | None) -> int:
    return int(header) if header is not None and header.isdecimal() else 0
