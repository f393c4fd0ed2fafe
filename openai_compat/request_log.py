"""One line for each request: who, what, how it ended and what it took; never a prompt, an answer or a key."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from openai_compat.request_record import RequestRecord

LogFormat = Literal["plain", "json"]


class RequestLog:
    """Writes a line about each request that is over."""

    def __init__(self, format: LogFormat, write: Callable[[str], object] | None = None) -> None:
        self._line = _json_line if format == "json" else _plain_line
        self._write = write or _to_stderr

    def write(self, record: RequestRecord) -> None:
        """Write the line of one request."""
        self._write(self._line(_fields(record)))


def _fields(record: RequestRecord) -> dict[str, Any]:
    """Return what a line says."""
    fields: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request_id": record.request_id,
        "method": record.method,
        "path": record.path,
        "status": record.status,
        "duration_s": round(record.ended_s - record.started_s, 6),
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
