"""On whose behalf the engine works for a request, and for how long somebody waits for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from litestar import Request

from openai_compat.auth import cache_salt, key_digest
from openai_compat.errors import InvalidParameter
from openai_compat.request_ids import started_s

TIMEOUT_HEADER = "x-request-timeout"
"""Seconds after which the client wants no answer any more, whole or streamed."""
SDK_TIMEOUT_HEADERS = ("x-stainless-read-timeout", "x-stainless-timeout")
"""Seconds that OpenAI's SDKs (Python, Node) wait for the first byte of an answer, and say so with each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """What the engine is told of who asks."""

    tenant: str | None = None
    """One for each key; requests of different tenants take turns."""
    cache_salt: str | None = None
    """What is remembered of the request's text serves requests of equal salt alone."""
    deadline_s: float | None = None
    """When the client stops waiting, on the monotonic clock; None: never."""
    queue_timeout_s: float | None = None
    """How long the request may wait for its first step."""


def caller_of(
    request: Request[Any, Any, Any], wanted_salt: str | None, *, queue_timeout_s: float | None, streams: bool = False
) -> Caller:
    """Return who sends a request and how long they wait.

    An SDK's own timeout is about silence. A stream is never silent for long, so there it limits nothing; a whole answer
    comes in one piece, and when the SDK has hung up nobody is left to read it.

    Raises:
        InvalidParameter: The client's timeout is no positive number.
    """
    timeouts = [_asked(request.headers.get(TIMEOUT_HEADER))]
    if not streams:
        timeouts += [_told(request.headers.get(name)) for name in SDK_TIMEOUT_HEADERS]
    timeout_s = min(timeouts)
    return Caller(
        tenant=key_digest(request),
        cache_salt=cache_salt(request, wanted_salt),
        deadline_s=None if math.isinf(timeout_s) else started_s(request) + timeout_s,
        queue_timeout_s=queue_timeout_s,
    )


def _asked(header: str | None) -> float:
    if header is None:
        return math.inf
    timeout_s = _told(header)
    if math.isinf(timeout_s):
        raise InvalidParameter(TIMEOUT_HEADER, f"{TIMEOUT_HEADER} must be a positive number of seconds.")
    return timeout_s


def _told(header: str | None) -> float:
    """Return a number of seconds, infinity where there is none."""
    try:
        timeout_s = float(header or "")
    except ValueError:
        return math.inf
    return timeout_s if timeout_s > 0 else math.inf
