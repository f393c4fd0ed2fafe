"""Server-sent events: one object is one `data:` line."""

from __future__ import annotations

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
_encode = _encoder.encode


def encode_event(event: msgspec.Struct) -> bytes:
    """Return one event."""
    return b"data: " + _encode(event) + b"\n\n"


def encode_named_event(event: msgspec.Struct) -> bytes:
    """Return one event under the name that is its Struct's tag."""
    return f"event: {event.__struct_config__.tag}\n".encode() + encode_event(event)


class TextEvent:
    """An event that is the same each time but for one text, encoded once."""

    __slots__ = ("_after", "_before")

    def __init__(self, event: msgspec.Struct) -> None:
        self._before, text, self._after = encode_event(event).partition(_encode(TEXT))
        assert text, "the event has a text"

    def encode(self, text: str) -> bytes:
        """Return the event with a text."""
        return self._before + _encode(text) + self._after


class ChunkEvents:
    """A stream of chunks, then DONE."""

    ending = DONE

    def encode(self, event: msgspec.Struct) -> bytes:
        """Return one event."""
        return encode_event(event)

    def batch(self, events: Sequence[msgspec.Struct]) -> bytes:
        """Return events that came together."""
        return b"".join(map(self.encode, events))

    async def stream(self, batches: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
        """Yield the events of each batch, then the ending.

        The status line is long gone when something fails here, so a failure becomes an error event, the last one.
        """
        try:
            async for events in batches:
                yield self.batch(events)
        except Exception as error:
            yield self.encode(to_api_error(error).envelope)
        else:
            if self.ending:
                yield self.ending


class NumberedEvents(ChunkEvents):
    """One stream of events under their numbers, which say themselves which one is the last.

    A browser tells the last number that it saw when it connects again.
    """

    ending = b""

    def __init__(self) -> None:
        self._number = 0

    def encode(self, event: msgspec.Struct) -> bytes:
        """Return one event under the next number."""
        number, self._number = self._number, self._number + 1
        return b"id: %d\n" % number + encode_event(event)


class NamedEvents(ChunkEvents):
    """A stream of events under their names, which say themselves what failed and which one is the last."""

    def encode(self, event: msgspec.Struct) -> bytes:
        """Return one event under its name."""
        return encode_named_event(event)

    async def stream(self, batches: AsyncIterator[Sequence[msgspec.Struct]]) -> AsyncIterator[bytes]:
        """Yield the events of each batch."""
        async for events in batches:
            yield self.batch(events)
