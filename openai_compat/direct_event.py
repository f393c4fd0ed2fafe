"""An event whose waiter goes on at once: a stream's next token costs no turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Literal


class DirectEvent(asyncio.Event):
    """An event for one waiter, whose task goes on inside set where a plain callback calls it.

    With asyncio's own it goes on in the loop's next turn, which is an epoll and another wait for the GIL. Tasks do not
    nest: where set is called by a task, the waiter has to wait for that turn.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiter: _Waiter | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits, which set would let go on."""
        return self._waiter is not None and not self._waiter.is_over

    def set(self) -> None:
        """Let the waiter go on, and whoever waits later until clear."""
        super().set()
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.wake()

    async def wait(self) -> Literal[True]:
        """Wait for set, unless it was called since clear."""
        if not self.is_set():
            assert not self.is_awaited, "an event for one waiter"
            self._waiter = _Waiter(asyncio.get_running_loop())
            await self._waiter
        return True


class _Waiter:
    """A future, as far as a task can tell; asyncio.isfuture names what makes one."""

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_error", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._callback: Callable[[_Waiter], object] | None = None
        self._context: Context | None = None
        self._error: asyncio.CancelledError | None = None

    def __await__(self) -> Generator[_Waiter, None, None]:
        self._asyncio_future_blocking = True
        yield self

    @property
    def is_over(self) -> bool:
        """Whether no task waits for it any more."""
        return self._callback is None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of the task that may wait."""
        return self._loop

    def add_done_callback(self, callback: Callable[[_Waiter], object], *, context: Context) -> None:
        """Keep what lets the task go on."""
        self._callback, self._context = callback, context

    def wake(self) -> None:
        """Let the task go on, now unless another one runs."""
        callback, self._callback = self._callback, None
        if callback is None:  # it was cancelled, and goes on already
            return
        assert self._context is not None
        if self._error is None and asyncio.current_task(self._loop) is None:
            self._context.run(callback, self)
        else:
            self._loop.call_soon(callback, self, context=self._context)

    def cancel(self, msg: Any = None) -> bool:
        """Let the task go on with an error, in the loop's next turn as with any future."""
        if self._callback is None:
            return False
        self._error = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self.wake()
        return True

    def result(self) -> None:
        """Raise what the task is to see."""
        if self._error is not None:
            raise self._error
