"""Frames as OpenAI's clients read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from helix import EngineDeadError
from openai_compat.sse import (
    DONE,
    PING,
    TEXT,
    ChunkEvents,
    NamedEvents,
    NumberedEvents,
    TextEvent,
    encode_event,
)


class Chunk(msgspec.Struct):
    text: str


def encoded(events: ChunkEvents, *batches: list[Any], error: Exception | None = None) -> list[bytes]:
    async def made() -> AsyncIterator[list[Any]]:
        for batch in batches:
            yield batch
        if error is not None:
            raise error

    async def run() -> list[bytes]:
        return [data async for data in events.stream(made())]

    return asyncio.run(run())


def test_an_event_is_one_line_whatever_the_text() -> None:
    assert encode_event(Chunk("a\nb\r\n\u2028é")) == 'data: {"text":"a\\nb\\r\\n\u2028é"}\n\n'.encode()


def test_events_that_came_together_are_sent_together_and_a_stream_ends_with_done() -> None:
    a, b, c = (b'data: {"text":"%s"}\n\n' % letter for letter in (b"a", b"b", b"c"))
    assert encoded(ChunkEvents(), [Chunk("a"), Chunk("b")], [], [Chunk("c")]) == [a + b, b"", c, DONE]
    numbered = [b"id: 0\n" + a + b"id: 1\n" + b, b"", b"id: 2\n" + c]
    assert encoded(NumberedEvents(), [Chunk("a"), Chunk("b")], [], [Chunk("c")]) == numbered


def test_a_comment_is_no_event() -> None:
    assert PING.startswith(b":") and PING.endswith(b"\n\n")


@pytest.mark.parametrize(("events", "number"), [(ChunkEvents(), b""), (NumberedEvents(), b"id: 1\n")])
def test_a_failure_is_an_error_event_and_the_last_one(events: ChunkEvents, number: bytes) -> None:
    first, last = encoded(events, [Chunk("a")], error=EngineDeadError("secret detail"))
    assert first.endswith(b'data: {"text":"a"}\n\n')
    assert last.startswith(number)
    error = msgspec.json.decode(last.removeprefix(number).removeprefix(b"data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "server_error"
    assert "secret" not in error["message"]


class Named(msgspec.Struct, tag_field="type", tag="thing.made"):
    text: str


def test_a_named_event_says_its_name_twice_and_nothing_follows_the_last_one() -> None:
    event = b'event: thing.made\ndata: {"type":"thing.made","text":"a"}\n\n'
    assert encoded(NamedEvents(), [Named("a"), Named("a")]) == [event + event]


def test_an_event_that_is_encoded_once_is_that_of_each_text() -> None:
    event = TextEvent(Chunk(TEXT))
    for text in ("", "word", 'a "b"\n\u2028é\0'):
        assert event.encode(text) == encode_event(Chunk(text))
    with pytest.raises(AssertionError):
        TextEvent(Chunk("nothing to fill in"))
