"""A waiter that goes on inside set is a task like any other: it can be cancelled, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest
import uvloop

from openai_compat.direct_event import DirectEvent

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
WHO: ContextVar[str] = ContextVar("who", default="nobody")


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, None]], None]:
    def run(test: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(test, 10))

    return run


class Reader:
    """A task that notes when it goes on, and clears the event each time."""

    def __init__(self, event: DirectEvent) -> None:
        self.event = event
        self.notes: list[str] = []
        self.task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        WHO.set("reader")
        while True:
            await self.event.wait()
            self.event.clear()
            self.notes.append(WHO.get())


Run = Callable[[Coroutine[Any, Any, None]], None]


def test_the_waiter_goes_on_inside_set_in_its_own_context(run: Run) -> None:
    async def test() -> None:
        event = DirectEvent()
        reader = Reader(event)
        await asyncio.sleep(0)
        seen: list[int] = []

        def push() -> None:
            for _ in range(3):
                event.set()
                seen.append(len(reader.notes))

        asyncio.get_running_loop().call_soon(push)
        await asyncio.sleep(0.01)
        assert seen == [1, 2, 3]
        assert reader.notes == ["reader"] * 3
        assert WHO.get() == "nobody"
        reader.task.cancel()

    run(test())


def test_set_by_a_task_leaves_the_waiter_to_the_loop(run: Run) -> None:
    """A task that went on inside another one would be an error of asyncio's."""

    async def test() -> None:
        event = DirectEvent()
        reader = Reader(event)
        await asyncio.sleep(0)
        event.set()
        event.set()
        assert reader.notes == []
        await asyncio.sleep(0.01)
        assert reader.notes == ["reader"]
        reader.task.cancel()

    run(test())


def test_set_before_wait_is_not_lost(run: Run) -> None:
    async def test() -> None:
        event = DirectEvent()
        event.set()
        reader = Reader(event)
        await asyncio.sleep(0.01)
        assert reader.notes == ["reader"]
        reader.task.cancel()

    run(test())


@pytest.mark.parametrize("sets", ["never", "before", "behind"])
def test_a_waiter_that_is_cancelled_ends_whether_or_not_set_comes_with_it(run: Run, sets: str) -> None:
    async def test() -> None:
        event = DirectEvent()
        reader = Reader(event)
        await asyncio.sleep(0)
        if sets == "before":
            event.set()
        reader.task.cancel("enough")
        if sets == "behind":
            asyncio.get_running_loop().call_soon(event.set)
        with pytest.raises(asyncio.CancelledError):
            await reader.task
        assert reader.notes == []

    run(test())


def test_a_waiter_whose_time_is_up_may_wait_again(run: Run) -> None:
    async def test() -> None:
        event = DirectEvent()
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await event.wait()
        asyncio.get_running_loop().call_later(0.01, event.set)
        assert await event.wait()

    run(test())


def test_an_error_of_the_waiter_is_its_own_and_not_that_of_who_called_set(run: Run) -> None:
    async def test() -> None:
        event = DirectEvent()

        async def fail() -> None:
            await event.wait()
            raise RuntimeError("mine")

        failing = asyncio.ensure_future(fail())
        await asyncio.sleep(0)
        done = asyncio.get_running_loop().create_future()

        def push() -> None:
            event.set()
            done.set_result(None)

        asyncio.get_running_loop().call_soon(push)
        await done
        with pytest.raises(RuntimeError, match="mine"):
            await failing

    run(test())
