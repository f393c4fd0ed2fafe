"""What the engine thread hands to one consumer on an event loop."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from helix.outputs import RequestOutput

T = TypeVar("T")

_MAX_PENDING = 64


class OutputStream(AsyncIterator[RequestOutput]):
    """The outputs of one request, for one consumer on the event loop it was made on.

    Outputs that the consumer has not taken yet are given as one, so that a slow reader catches up at once. Closing,
    cancelling or dropping it before the end aborts the request.
    """

    __slots__ = ("__weakref__", "_abort", "_error", "_is_done", "_pending", "_ready", "loop", "request_id", "tap")

    def __init__(
        self, request_id: str, loop: asyncio.AbstractEventLoop, abort: Callable[[str], None], ready: asyncio.Event
    ) -> None:
        self.request_id = request_id
        self.loop = loop
        self._abort = abort
        self._ready = ready
        self._pending: list[RequestOutput] = []
        self._error: BaseException | None = None
        self._is_done = False
        self.tap: Callable[[RequestOutput], bool] | None = None
        """Takes an output that is not the last, on the event loop, before the reader is woken.

        Returns False where it leaves it to him, and is then asked no more: who sets it has nothing left to take.
        """

    def __aiter__(self) -> OutputStream:
        return self

    async def __anext__(self) -> RequestOutput:
        if self._is_done:
            raise StopAsyncIteration
        while (output := self.take()) is None:
            self._ready.clear()
            try:
                await self._ready.wait()
            except asyncio.CancelledError:
                self.close()
                raise
        return output

    def take(self) -> RequestOutput | None:
        """Return what has come since the last time as one output, None if nothing has; errors are raised."""
        if self._pending:
            output = self._pending[0] if len(self._pending) == 1 else _merged(self._pending)
            self._pending.clear()
            self._is_done = output.is_finished
            if self._error is not None:
                self._ready.set()  # there is more to take, and nobody else will say so
            return output
        if self._error is not None:
            self._is_done = True
            raise self._error
        return None

    def close(self) -> None:
        """End the request unless it has ended."""
        self.tap = None
        if not self._is_done:
            self._is_done = True
            self._abort(self.request_id)

    async def aclose(self) -> None:
        """End the request unless it has ended, as generators are ended."""
        self.close()

    def __del__(self) -> None:
        self.close()

    def push(self, output: RequestOutput) -> None:
        """Hand over an output; on the event loop."""
        push_all(((self, output),))

    def _put(self, output: RequestOutput) -> None:
        self.tap = None
        self._pending.append(output)
        if len(self._pending) == _MAX_PENDING:  # so that a reader who sleeps costs the tokens and little more
            self._pending = [_merged(self._pending)]

    def fail(self, error: BaseException) -> None:
        """Raise error at the consumer behind what is pending; on the event loop."""
        self.tap = None
        self._error = error
        self._ready.set()


def push_all(items: Sequence[tuple[OutputStream, RequestOutput]]) -> None:
    """Hand over what a step brought; a reader of several streams is woken once, when it finds all of it."""
    waiting: dict[asyncio.Event, None] = {}
    for stream, output in items:
        tap = stream.tap
        if tap is None or output.finish_reason is not None or not tap(output):
            stream._put(output)
            waiting[stream._ready] = None
    for ready in waiting:
        ready.set()


def _merged(outputs: Sequence[RequestOutput]) -> RequestOutput:
    first = outputs[0]
    return replace(
        outputs[-1],
        text="".join([output.text for output in outputs]),
        token_ids=_joined(output.token_ids for output in outputs),
        logprobs=None if first.logprobs is None else _joined(output.logprobs or () for output in outputs),
        prompt_logprobs=first.prompt_logprobs,
        embedding=first.embedding,
        steps=_joined(output.steps for output in outputs),
    )


def _joined(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    return tuple(itertools.chain.from_iterable(parts))
