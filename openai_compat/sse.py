"""Server-sent events: one object is one `data:` line."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec

from openai_compat.errors import to_api_error

DONE = b"data: [DONE]\n\n"
"""The last event of a stream that went well."""
PING = b": ping\n\n"
"""A comment, which clients skip and proxies count as a sign of life."""
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

_encoder = msgspec.json.Encoder()


def encode_event(event: msgspec.Struct) -> bytes:
    """Return one event."""
    return b"data: " + _encoder.encode(event) + b"\n\n"


def encode_named_event(event: msgspec.Struct) -> bytes:
    """Return one event under the name that is its Struct's tag."""
    return f"event: {event.__struct_config__.tag}\n".encode() + encode_event(event)


async def encode_named_events(events: AsyncIterator[msgspec.Struct | None]) -> AsyncIterator[bytes]:
    """Yield each event under its name and a comment for each None; the events say themselves which one is the last."""
    async for event in events:
        yield PING if event is None else encode_named_event(event)


async def encode_numbered_events(events: AsyncIterator[msgspec.Struct | None]) -> AsyncIterator[bytes]:
    """Yield each event under its number and a comment for each None; the events say themselves which one is the last.

    A failure becomes an error event. A browser tells the last number that it saw when it connects again.
    """
    number = 0
    try:
        async for event in events:
            yield PING if event is None else b"id: %d\n" % number + encode_event(event)
            number += event is not None
    except Exception as error:
        yield b"id: %d\n" % number + encode_event(to_api_error(error).envelope)


async def encode_events(chunks: AsyncIterator[msgspec.Struct | None]) -> AsyncIterator[bytes]:
    """Yield an event for each chunk and a comment for each None, then DONE.

    The status line is long gone when something fails here, so a failure becomes an error event, the last one.
    """
    try:
        async for chunk in chunks:
            yield PING if chunk is None else encode_event(chunk)
    except Exception as error:
        yield encode_event(to_api_error(error).envelope)
    else:
        yield DONE
