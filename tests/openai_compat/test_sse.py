"""Frames as OpenAI's clients read them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec

from helix import EngineDeadError
from openai_compat.sse import DONE, PING, encode_event, encode_events, encode_named_events


class Chunk(msgspec.Struct):
    text: str


def collect(chunks: AsyncIterator[msgspec.Struct | None]) -> list[bytes]:
    async def run() -> list[bytes]:
        return [event async for event in encode_events(chunks)]

    return asyncio.run(run())


def test_an_event_is_one_line_whatever_the_text() -> None:
    assert encode_event(Chunk("a\nb\r\n\u2028é")) == 'data: {"text":"a\\nb\\r\\n\u2028é"}\n\n'.encode()


def test_a_stream_ends_with_done_and_none_is_a_comment() -> None:
    async def chunks() -> AsyncIterator[Chunk | None]:
        yield Chunk("a")
        yield None
        yield Chunk("b")

    assert collect(chunks()) == [b'data: {"text":"a"}\n\n', PING, b'data: {"text":"b"}\n\n', DONE]
    assert PING.startswith(b":") and PING.endswith(b"\n\n")


def test_a_failure_is_an_error_event_and_the_last_one() -> None:
    async def chunks() -> AsyncIterator[Chunk | None]:
        yield Chunk("a")
        raise EngineDeadError("secret detail")

    first, last = collect(chunks())
    assert first == b'data: {"text":"a"}\n\n'
    error = msgspec.json.decode(last.removeprefix(b"data: "))["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "server_error"
    assert "secret" not in error["message"]


class Named(msgspec.Struct, tag_field="type", tag="thing.made"):
    text: str


def test_a_named_event_says_its_name_twice_and_nothing_follows_the_last_one() -> None:
    async def events() -> AsyncIterator[Named | None]:
        yield Named("a")
        yield None

    async def run() -> list[bytes]:
        return [event async for event in encode_named_events(events())]

    assert asyncio.run(run()) == [b'event: thing.made\ndata: {"type":"thing.made","text":"a"}\n\n', PING]
