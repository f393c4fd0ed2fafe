"""One line for each request: who, what, how it ended and what it took; never a prompt, an answer or a key."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from helix import RequestMetrics

LogFormat = Literal["plain", "json"]


@dataclass(slots=True)
class RequestRecord:
    """What is known of a request while it is answered."""

    status: int | None = None
    """None: the client left before there was an answer."""
    request_id: str = ""
    metrics: Mapping[int, RequestMetrics] = field(default_factory=dict)
    """Of what the engine did for it, by choice."""


def note_metrics(metrics: Mapping[int, RequestMetrics]) -> None:
    """Let the line about the request that is being answered tell metrics, which may still grow."""
    record = _current.get()
    if record is not None:
        record.metrics = metrics


class RequestLog:
    """Writes a line when an answer was sent to the end, failed, or lost its client."""

    def __init__(self, format: LogFormat, write: Callable[[str], object] | None = None) -> None:
        self._line = _json_line if format == "json" else _plain_line
        self._write = write or _to_stderr

    def middleware(self, app: ASGIApp) -> ASGIApp:
        """Return app with a line for each of its requests, unknown URLs included."""

        async def logged(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            record, started_s = RequestRecord(), time.monotonic()

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    record.status = message["status"]
                    headers = dict(message["headers"])
                    record.request_id = headers.get(b"x-request-id", b"").decode("ascii", "replace")
                await send(message)

            token = _current.set(record)
            try:
                await app(scope, receive, noted)
            finally:
                _current.reset(token)
                self._write(self._line(_fields(scope, record, time.monotonic() - started_s)))

        return logged


_current: ContextVar[RequestRecord | None] = ContextVar("request_record", default=None)


def _fields(scope: Any, record: RequestRecord, duration_s: float) -> dict[str, Any]:
    """Return what a line says; the query is no part of it, because it may hold a prompt."""
    fields: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": record.request_id,
        "method": scope["method"],
        "path": scope["raw_path"].decode("ascii", "replace"),
        "status": record.status,
        "duration_s": round(duration_s, 6),
    }
    metrics = list(record.metrics.values())
    if metrics:
        ttfts = [one.ttft_s for one in metrics if one.ttft_s is not None]
        queued = [one.queue_s for one in metrics if one.queue_s is not None]
        fields |= {
            "prompt_tokens": sum(one.num_prompt_tokens for one in metrics),
            "cached_tokens": sum(one.num_cached_tokens for one in metrics),
            "completion_tokens": sum(one.num_generated_tokens for one in metrics),
            "queue_s": round(min(queued), 6) if queued else None,
            "ttft_s": round(min(ttfts), 6) if ttfts else None,
            "drafted": sum(one.spec.num_draft_tokens for one in metrics),
            "accepted": sum(one.spec.num_accepted_tokens for one in metrics),
        }
    return fields


def _json_line(fields: Mapping[str, Any]) -> str:
    return msgspec.json.encode(fields).decode()


def _plain_line(fields: Mapping[str, Any]) -> str:
    status = "client left" if fields["status"] is None else fields["status"]
    line = f"{fields['time']} {fields['method']} {fields['path']} {status} {fields['duration_s']:.3f}s"
    if "prompt_tokens" in fields:
        line += f" {fields['prompt_tokens']}+{fields['completion_tokens']} tokens"
        line += f" {fields['accepted']}/{fields['drafted']} drafts"
    if fields.get("ttft_s") is not None:
        line += f" first after {fields['ttft_s']:.3f}s"
    return f"{line} {fields['request_id']}".rstrip()


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
