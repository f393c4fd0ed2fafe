"""What is written beside ASGI's send is what send would have written, or is left to it."""

from __future__ import annotations

import asyncio
import gc
import logging
import weakref
from typing import Any

import pytest
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from openai_compat.direct_write import offer_writer, offered_writer


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closes = False

    def is_closing(self) -> bool:
        return self.closes

    def write(self, data: bytes) -> None:
        self.written += data


def cycle(method: str = "POST") -> tuple[RequestResponseCycle, Transport]:
    """Return the answer to one request, before its head."""
    transport, logger = Transport(), logging.getLogger("nobody")
    return RequestResponseCycle(
        scope={"type": "http", "method": method, "http_version": "1.1"},  # type: ignore[typeddict-item]
        transport=transport,  # type: ignore[arg-type]
        flow=FlowControl(transport),  # type: ignore[arg-type]
        logger=logger,
        access_logger=logger,
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    ), transport


async def begin(answer: RequestResponseCycle, *headers: tuple[bytes, bytes]) -> None:
    await answer.send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def go_on(answer: RequestResponseCycle, body: bytes, *, more_body: bool = True) -> None:
    await answer.send({"type": "http.response.body", "body": body, "more_body": more_body})


def test_a_piece_is_what_send_makes_of_it() -> None:
    async def test() -> None:
        answers = [cycle() for _ in range(2)]
        for answer, _ in answers:
            offer_writer(answer.scope, answer)  # type: ignore[arg-type]
            await begin(answer)
        (sent, by_send), (written, directly) = answers
        for body in (b"data: a\n\n", b"x" * 5000):
            await go_on(sent, body)
            writer = offered_writer(written.scope)
            assert writer is not None
            assert writer.is_open
            writer.write(body)
        for answer in (sent, written):
            await go_on(answer, b"", more_body=False)
        assert directly.written == by_send.written != b""

    asyncio.run(test())


def test_a_writer_is_open_as_long_as_there_is_a_reader_with_room() -> None:
    async def test() -> None:
        answer, transport = cycle()
        offer_writer(answer.scope, answer)  # type: ignore[arg-type]
        await begin(answer)
        writer = offered_writer(answer.scope)
        assert writer is not None
        assert writer.is_open
        answer.flow.pause_writing()
        assert not writer.is_open
        answer.flow.resume_writing()
        assert writer.is_open
        transport.closes = True
        assert not writer.is_open

    asyncio.run(test())


@pytest.mark.parametrize("state", ["before the head", "over", "measured", "HEAD", "gone"])
def test_where_send_has_more_to_do_there_is_no_writer(state: str) -> None:
    async def test() -> None:
        answer, _ = cycle("HEAD" if state == "HEAD" else "POST")
        scope: dict[str, Any] = {}
        offer_writer(scope, answer)
        if state != "before the head":
            await begin(answer, *([(b"content-length", b"1")] if state == "measured" else []))
        if state == "over":
            await go_on(answer, b"", more_body=False)
        elif state == "gone":
            del answer
        assert offered_writer(scope) is None

    asyncio.run(test())


def test_a_server_may_offer_nothing() -> None:
    assert offered_writer({}) is None
    assert offered_writer({"extensions": None}) is None


def test_the_offer_keeps_no_answer_alive() -> None:
    async def test() -> None:
        answer, _ = cycle()
        offer_writer(answer.scope, answer)  # type: ignore[arg-type]
        left = weakref.ref(answer)
        del answer
        assert left() is None

    gc.disable()
    try:
        asyncio.run(test())
    finally:
        gc.enable()
