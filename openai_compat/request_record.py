"""What is known of a request when it is over: for the line in the log, and for its trace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from helix import FinishReason, RequestMetrics


@dataclass(slots=True, kw_only=True)
class RequestRecord:
    """One request and its answer, without their texts; times are those of the monotonic clock."""

    method: str
    path: str
    """Without the query, which may hold a prompt."""
    headers: Iterable[tuple[bytes, bytes]]
    """The client's; there may be a key among them."""
    started_s: float
    ended_s: float = 0.0
    status: int | None = None
    """None: the client left before there was an answer."""
    request_id: str = ""
    answer_id: str | None = None
    """None: it never came to the engine."""
    metrics: Mapping[int, RequestMetrics] = field(default_factory=dict)
    """Of what the engine did for it, by choice; choices that brought nothing are missing."""
    finish_reasons: Mapping[int, FinishReason] = field(default_factory=dict)
    """The engine's, by choice; choices that did not end by themselves are missing."""


def note_choices(
    answer_id: str, metrics: Mapping[int, RequestMetrics], finish_reasons: Mapping[int, FinishReason]
) -> None:
    """Let the record of the request that is being answered have these mappings, which may still grow."""
    record = _current.get()
    if record is not None:
        record.answer_id, record.metrics, record.finish_reasons = answer_id, metrics, finish_reasons


def recorded(app: ASGIApp, write: Sequence[Callable[[RequestRecord], object]]) -> ASGIApp:
    """Return app with a record of each of its requests, unknown URLs included, for each of write.

    They are called when an answer was sent to the end, failed, or lost its client.
    """

    async def recording(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        record = RequestRecord(
            method=scope["method"],
            path=scope["raw_path"].decode("ascii", "replace"),
            headers=scope["headers"],
            started_s=time.monotonic(),
        )

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                record.request_id = dict(message["headers"]).get(b"x-request-id", b"").decode("ascii", "replace")
            await send(message)

        token = _current.set(record)
        try:
            await app(scope, receive, noted)
        finally:
            _current.reset(token)
            record.ended_s = time.monotonic()
            for one in write:
                one(record)

    return recording


_current: ContextVar[RequestRecord | None] = ContextVar("request_record", default=None)
