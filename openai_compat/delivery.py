"""The two ways an answer reaches the client: whole, or as a stream; a client that leaves ends the work either way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from litestar import Request, Response
from litestar.background_tasks import BackgroundTask
from litestar.response import Stream

from openai_compat import sse
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.errors import ApiError

T = TypeVar("T")

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for it; no client is left to see it."""


def json_response(body: msgspec.Struct, headers: dict[str, str] | None = None, *, status: int = 200) -> Response[bytes]:
    """Return a Struct as a JSON response."""
    return Response(msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/json")


def event_stream(
    chunks: AsyncIterator[msgspec.Struct | None],
    outputs: ChoiceOutputs | None,
    headers: dict[str, str],
    encode: Callable[[AsyncIterator[msgspec.Struct | None]], AsyncIterator[bytes]] = sse.encode_events,
) -> Response[Any]:
    """Return chunks as server-sent events; without outputs the work goes on when the client leaves.

    The background task closes outputs of a stream whose client left before its first event was asked for: a generator
    that never started has no finally.
    """
    return Stream(
        encode(chunks),
        headers={**headers, **sse.HEADERS},
        media_type="text/event-stream",
        background=None if outputs is None else BackgroundTask(_close, outputs),
    )


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

    Litestar cancels streams for that reason, but leaves other handlers running. The request's body must have been
    read.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ApiError(CLIENT_CLOSED_REQUEST, "The client closed the connection.")
        return working.result()
    finally:
        working.cancel()
        watching.cancel()


async def _disconnected(request: Request[Any, Any, Any]) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _close(outputs: ChoiceOutputs) -> None:
    outputs.close()
