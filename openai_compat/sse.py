"""Server-sent events: one object is one `data:` line."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence

import msgspec

from openai_compat.errors import to_api_error

DONE = b"data: [DONE]\n\n"
"""The last event of a stream that went well."""
PING = b": ping\n\n"
"""A comment, which clients skip and proxies count as a sign of life."""
TEXT = "\0"
"""Stands for the text of a TextEvent."""
HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

_encoder = msgspec.json.Encoder()


def encode_event(event: msgspec.Struct) -> bytes:
    """Return one event."""
    return b"data: " + _encoder.encode(event) + b"\n\n"


class TextEvent:
    """An event that is the same each time but for one text, encoded once."""

    def __init__(self, event: msgspec.Struct) -> None:
        self._before, text, self._after = encode_event(event).partition(_encoder.encode(TEXT))
        assert text, "the event has a text"

    def __call__(self, text: str) -> bytes:
        """Return the event with a text."""
        return self._before + _encoder.encode(text) + self._after


def encode_named_event(event: msgspec.Struct) -> bytes:
    """Return one event under the name that is its Struct's tag."""
    return f"event: {event.__struct_config__.tag}\n".encode() + encode_event(event)


async def encode_named_events(batches: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
    """Yield the events of each batch under their names; the events say themselves which one is the last."""
    async for events in batches:
        yield b"".join(map(encode_named_event, events))


async def encode_numbered_events(batches: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
    """Yield the events of each batch under their numbers; the events say themselves which one is the last.

    A failure becomes an error event. A browser tells the last number that it saw when it connects again.
    """
    numbers = itertools.count()

    def numbered(event: msgspec.Struct) -> bytes:
        return b"id: %d\n" % next(numbers) + encode_event(event)

    try:
        async for events in batches:
            yield b"".join(map(numbered, events))
    except Exception as error:
        yield numbered(to_api_error(error).envelope)


def encode_batch(events: Sequence[msgspec.Struct]) -> bytes:
    """Return events that came together."""
    return b"".join(map(encode_event, events))


async def encode_events(batches: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
    """Yield an event for each chunk of each batch, then DONE.

    The status line is long gone when something fails here, so a failure becomes an error event, the last one.
    """
    try:
        async for chunks in batches:
            yield encode_batch(chunks)
    except Exception as error:
        yield encode_event(to_api_error(error).envelope)
    else:
        yield DONE
