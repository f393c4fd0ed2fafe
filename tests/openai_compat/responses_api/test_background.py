"""A background response tells everybody the same, and old ones make room."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from msgspec import structs

from openai_compat.responses_api import background
from openai_compat.responses_api.background import BackgroundResponse, BackgroundResponses
from openai_compat.schemas.response_events import (
    ResponseCompleted,
    ResponseCreated,
    ResponseEvent,
    ResponseFailed,
    ResponseInProgress,
)
from openai_compat.schemas.responses import Reasoning, ResponseError, ResponseObject, TextConfig


def begun(id: str = "resp_1") -> ResponseObject:
    told: Any = dict.fromkeys(
        ("instructions", "max_output_tokens", "max_tool_calls", "previous_response_id", "prompt_cache_key"),
    )
    return ResponseObject(
        id=id,
        created_at=1,
        status="queued",
        background=True,
        model="m",
        parallel_tool_calls=True,
        reasoning=Reasoning(),
        safety_identifier=None,
        store=True,
        temperature=1,
        text=TextConfig(),
        tool_choice="auto",
        tools=[],
        top_logprobs=0,
        top_p=1,
        truncation="disabled",
        user=None,
        metadata={},
        **told,
    )


async def events(response: ResponseObject, gate: asyncio.Event, last: Any) -> AsyncIterator[list[ResponseEvent]]:
    yield [ResponseCreated(response=response)]
    await gate.wait()
    yield [ResponseInProgress(response=structs.replace(response, status="in_progress"), sequence_number=1), last]


async def followed(made: BackgroundResponse, starting_after: int) -> list[ResponseEvent]:
    return [event async for events in made.follow(starting_after) for event in events]


async def ignore(_: ResponseObject) -> None:
    pass


def test_followers_of_any_time_see_the_same_events() -> None:
    async def run() -> None:
        gate, response = asyncio.Event(), begun()
        last = ResponseCompleted(response=structs.replace(response, status="completed"), sequence_number=2)
        made = BackgroundResponse(response, [], events(response, gate, last), ignore)
        early = made.follow(-1)
        assert [type(event) for event in await anext(early)] == [ResponseCreated]
        gate.set()
        seen = [event async for events in early for event in events]
        assert [event.sequence_number for event in seen] == [1, 2]
        assert await followed(made, 0) == seen
        assert await followed(made, 99) == []
        assert (made.has_ended, made.response.status) == (True, "completed")

    asyncio.run(run())


def test_what_failed_or_was_ended_is_kept_once() -> None:
    async def run(*, fails: bool) -> list[ResponseObject]:
        kept: list[ResponseObject] = []

        async def keep(response: ResponseObject) -> None:
            kept.append(response)

        gate, response = asyncio.Event(), begun()
        error = ResponseError(code="server_error", message="x")
        last = ResponseFailed(response=structs.replace(response, status="failed", error=error))
        made = BackgroundResponse(response, [], events(response, gate, last), keep)
        if fails:
            gate.set()
            assert await followed(made, 1) == [last]
        await asyncio.gather(made.end("cancelled"), made.end("cancelled"))
        return kept

    assert [response.status for response in asyncio.run(run(fails=True))] == ["failed"]
    assert [response.status for response in asyncio.run(run(fails=False))] == ["cancelled"]


def test_only_those_at_work_and_the_last_ones_are_held() -> None:
    async def run() -> None:
        gate, held = asyncio.Event(), BackgroundResponses()
        for index in range(background.MAX_REPLAYS + 5):
            response = begun(f"resp_{index}")
            last = ResponseCompleted(response=structs.replace(response, status="completed"))
            waits = gate if index == 0 else asyncio.Event()
            if index:
                waits.set()
            made = BackgroundResponse(response, [], events(response, waits, last), ignore)
            held.add("me", made)
            if index:
                assert await followed(made, 0)
        assert held.get("me", "resp_0") is not None, "it is at work"
        assert held.get("me", "resp_1") is None
        assert held.get("me", "resp_10") is not None
        assert held.get("you", "resp_10") is None
        await held.close()
        assert held.get("me", "resp_10") is None

    asyncio.run(run())
