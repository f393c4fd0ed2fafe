"""The two ways an answer reaches the client: whole, or as a stream; a client that leaves ends the work either way."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from helix import RequestOutput
from openai_compat import sse
from openai_compat.choice_outputs import Batches, ChoiceOutputs
from openai_compat.direct_write import DirectWriter, offered_writer
from openai_compat.errors import ClientClosedRequest, SlowReader

T = TypeVar("T")
Feed = Callable[[RequestOutput], bytes]
"""Takes an output that came alone and returns its events."""

SLOW_READER_S = 60.0
"""How long a client may leave unread what waits for it, once the buffers between are full."""


def json_response(body: msgspec.Struct, headers: dict[str, str] | None = None, *, status: int = 200) -> Response[bytes]:
    """Return a Struct as a JSON response."""
    return Response(msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/json")


def event_stream(
    batches: AsyncIterator[Sequence[msgspec.Struct]],
    headers: dict[str, str],
    keep_alive_s: float,
    events: sse.ChunkEvents | None = None,
) -> Response[Any]:
    """Return server-sent events, one write for each batch, and a comment after keep_alive_s of silence.

    The work goes on when the client leaves.
    """
    return _EventResponse((events or sse.ChunkEvents()).stream(batches), None, headers, keep_alive_s)


def answer_stream(
    batches: Batches[Sequence[msgspec.Struct]],
    outputs: ChoiceOutputs,
    headers: dict[str, str],
    keep_alive_s: float,
    events: sse.ChunkEvents | None = None,
) -> Response[Any]:
    """Return what event_stream does, and send what comes alone as soon as it comes; outputs end with the client."""
    events = events or sse.ChunkEvents()
    feed = batches.text_event or functools.partial(_encoded, batches, events)
    return _EventResponse(events.stream(batches), outputs, headers, keep_alive_s, feed)


def _encoded(batches: Batches[Sequence[msgspec.Struct]], events: sse.ChunkEvents, output: RequestOutput) -> bytes:
    return events.batch(batches.feed([(0, output)]))


async def whole(request: Request[Any, Any, Any], outputs: ChoiceOutputs, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work, which is cancelled when the client closes the connection first.

    outputs are closed in any case.
    """
    try:
        return await unless_disconnected(request, work)
    finally:
        outputs.close()


async def unless_disconnected(request: Request[Any, Any, Any], work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work, which is cancelled when the client closes the connection first.

    Litestar leaves handlers running. The request's body must have been read.

    Raises:
        ClientClosedRequest: It did.
    """
    return await _unless(_disconnected(request.receive), work)


class _EventResponse(Response[None]):
    """What a handler returns, so that Litestar asks for an _EventStream."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        outputs: ChoiceOutputs | None,
        headers: dict[str, str],
        keep_alive_s: float,
        feed: Feed | None = None,
    ) -> None:
        super().__init__(None)
        self._stream = _EventStream(events, outputs, headers, keep_alive_s, feed)

    def to_asgi_response(self, app: object, request: object, **_: Any) -> _EventStream:
        return self._stream


class _EventStream(ASGIResponse):
    """Sends events as they come: for each of them no task is made, no timer, and no coroutine where the way is free."""

    def __init__(
        self,
        events: AsyncIterator[bytes],
        outputs: ChoiceOutputs | None,
        headers: dict[str, str],
        keep_alive_s: float,
        feed: Feed | None,
    ) -> None:
        super().__init__(headers={**headers, **sse.HEADERS}, media_type="text/event-stream")
        del self.headers["content-length"]
        self._events = events
        self._outputs = outputs
        self._feed = feed
        self._keep_alive_s = keep_alive_s
        self._spoke_s = 0.0
        self._stuck_since_s: float | None = None
        """Since when a message waits for the client to read; None: none does."""
        self._has_given_up = self._has_ended = False
        self._writer: DirectWriter | None = None
        """There is one once the head was sent, if the server offers one."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; outputs are closed whatever happens."""
        self._scope = scope
        try:
            await super().__call__(scope, receive, send)
        finally:
            if self._outputs is not None:
                self._outputs.close()

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send the events until the client leaves, or has not read for too long."""
        self._spoke_s = asyncio.get_running_loop().time()
        with suppress(ClientClosedRequest, SlowReader):
            await _unless(self._watch(send, receive), self._send_events(send))

    @property
    def _spoken_s(self) -> float:
        """When something was sent last."""
        return self._spoke_s if self._writer is None else max(self._spoke_s, self._writer.wrote_s)

    async def _send_events(self, send: Send) -> None:
        self._writer = offered_writer(self._scope)
        if self._outputs is not None and self._feed is not None and self._writer is not None:
            self._outputs.divert(_SendingAtOnce(self._outputs, self._feed, self._writer).send)
        async for events in self._events:
            if events and self._writer is not None and self._writer.is_open:
                self._writer.write(events)
            elif events:
                await self._send(send, events)
        self._has_ended = True
        await self._send(send, b"", more_body=False)

    async def _watch(self, send: Send, receive: Receive) -> None:
        """Break every silence until the client has left; give up the answer of one that does not read.

        It finds the error behind what was sent before, should it read again. A connection that is not read after that
        either is closed.
        """
        loop = asyncio.get_running_loop()
        while True:
            is_stuck = self._stuck_since_s is not None
            until_s = self._spoken_s + self._keep_alive_s if self._stuck_since_s is None else self._stuck_since_s
            try:
                async with asyncio.timeout_at(until_s + (SLOW_READER_S if is_stuck else 0.0)):
                    await _disconnected(receive)
                return
            except TimeoutError:
                pass
            if is_stuck and self._stuck_since_s is not None and loop.time() - self._stuck_since_s >= SLOW_READER_S:
                self._give_up()
            elif self._stuck_since_s is None and loop.time() - self._spoken_s >= self._keep_alive_s:
                try:
                    await asyncio.wait_for(self._ping(send), SLOW_READER_S)
                except TimeoutError:
                    self._give_up()

    async def _ping(self, send: Send) -> None:
        if not self._has_ended:  # since the silence was noticed
            await self._send(send, sse.PING)

    def _give_up(self) -> None:
        if self._has_given_up or self._outputs is None:
            raise SlowReader
        self._has_given_up = True
        self._outputs.fail(SlowReader())
        if self._stuck_since_s is not None:
            self._stuck_since_s = asyncio.get_running_loop().time()

    async def _send(self, send: Send, body: bytes, *, more_body: bool = True) -> None:
        loop = asyncio.get_running_loop()
        self._stuck_since_s = loop.time()
        await send({"type": "http.response.body", "body": body, "more_body": more_body})
        self._stuck_since_s = None
        self._spoke_s = loop.time()


class _SendingAtOnce:
    """Sends what has come while the task of an answer waits for it, which it does not notice."""

    __slots__ = ("_feed", "_outputs", "_writer")

    def __init__(self, outputs: ChoiceOutputs, feed: Feed, writer: DirectWriter) -> None:
        self._outputs, self._feed, self._writer = outputs, feed, writer

    def send(self, output: RequestOutput) -> bool:
        """Send an output; return False where the task has to."""
        writer = self._writer
        if not writer.is_open:
            return False
        try:
            events = self._feed(output)
            if events:
                writer.write(events)
        except Exception as error:  # the task's, as all errors of an answer are
            self._outputs.fail(error)
        return True


async def _unless(left: Coroutine[Any, Any, None], work: Coroutine[Any, Any, T]) -> T:
    """Return the result of work, which is cancelled, and ClientClosedRequest raised, when left returns first."""
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(left)
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            watching.result()
            raise ClientClosedRequest
        return working.result()
    finally:
        working.cancel()
        watching.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
