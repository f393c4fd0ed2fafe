"""What is over is recorded once, whatever became of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from helix import FinishReason, RequestMetrics
from openai_compat.request_record import RequestRecord, note_choices, recorded

SCOPE: Any = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/generate",
    "query_string": b"prompt=secret",
    "headers": [(b"traceparent", b"00")],
}


def run(app: Any, told: list[RequestRecord], scope: Any = SCOPE) -> None:
    async def send(_: Any) -> None: ...

    async def call() -> None:
        await recorded(app, [told.append])(scope, send, send)  # type: ignore[arg-type]

    asyncio.run(call())


def test_what_the_engine_did_is_in_the_record_even_if_it_comes_later() -> None:
    metrics: dict[int, RequestMetrics] = {}
    reasons: dict[int, FinishReason] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        note_choices("cmpl-1", metrics, reasons)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-request-id", b"req_1")]})
        metrics[1], reasons[1] = RequestMetrics(arrival_s=0.0), FinishReason.STOP

    told: list[RequestRecord] = []
    run(app, told)
    (record,) = told
    assert (record.method, record.path, record.status, record.request_id) == ("POST", "/generate", 200, "req_1")
    assert (record.answer_id, list(record.metrics), record.finish_reasons) == ("cmpl-1", [1], {1: FinishReason.STOP})
    assert record.started_s <= record.ended_s


def test_a_request_that_fails_is_recorded_and_fails() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise OSError

    told: list[RequestRecord] = []
    with pytest.raises(OSError):
        run(app, told)
    (record,) = told
    assert (record.status, record.answer_id) == (None, None)


def test_what_is_no_request_is_passed_on_alone() -> None:
    seen, told = [], list[RequestRecord]()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        note_choices("cmpl-1", {}, {})
        seen.append(scope["type"])

    run(app, told, {"type": "lifespan"})
    assert (seen, told) == (["lifespan"], [])
