"""Headers that every response carries: who the request is, and how long it took."""

from __future__ import annotations

import re
import time
import uuid
from typing import Any

from litestar import Request
from litestar.datastructures import MutableScopeHeaders
from litestar.types import Message, Scope

OPENAI_VERSION = "2020-10-01"
"""The one version that OpenAI's API has had."""

_STARTED = "helix_started_s"
_ACCEPTED = re.compile(rb"[\x21-\x7e]{1,128}")


async def note_start(request: Request[Any, Any, Any]) -> None:
    """Remember when a handler was called; a before_request hook."""
    request.scope["state"][_STARTED] = time.monotonic()


def started_s(request: Request[Any, Any, Any]) -> float:
    """Return when a request's handler was called, on the monotonic clock."""
    started: float = request.scope["state"].get(_STARTED, time.monotonic())
    return started


async def add_headers(message: Message, scope: Scope) -> None:
    """Put x-request-id, openai-processing-ms and openai-version on a response; a before_send hook.

    A client's own X-Request-Id is kept, so that its logs and the server's agree. For a stream the time is that to the
    first byte.
    """
    if message["type"] != "http.response.start":
        return
    sent = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    request_id = sent.decode("ascii") if _ACCEPTED.fullmatch(sent) else f"req_{uuid.uuid4().hex}"
    started_s = scope["state"].get(_STARTED)
    elapsed_ms = 0 if started_s is None else round((time.monotonic() - started_s) * 1000)
    headers = MutableScopeHeaders.from_message(message)
    headers["x-request-id"] = request_id
    headers["openai-processing-ms"] = str(elapsed_ms)
    headers["openai-version"] = OPENAI_VERSION
