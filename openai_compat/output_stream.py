"""The engine requests behind one HTTP answer, read as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace

from helix import FinishReason, RequestOutput, SamplingParams
from openai_compat.engine import Engine
from openai_compat.errors import GenerationAborted


class OutputStream:
    """Submits one request per prompt and choice, and gives their outputs in the order in which they come.

    Outputs that nobody has taken yet are merged, one per choice, so that a slow reader finds few long pieces instead
    of a long queue. Choice index = prompt index * number of choices + choice, as in OpenAI's API.

    Raises:
        InvalidRequestError, EngineBusyError, EngineDeadError: A request was refused; none of them runs.
    """

    def __init__(
        self, engine: Engine, prompts: Sequence[Sequence[int]], params: Sequence[SamplingParams], answer_id: str
    ) -> None:
        self._engine = engine
        self._wake = asyncio.Event()
        self._error: BaseException | None = None
        self._running: dict[int, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        outputs: list[AsyncIterator[RequestOutput]] = []
        try:
            for prompt in prompts:
                for choice in params:
                    index = len(outputs)
                    request_id = f"{answer_id}-{index}"
                    outputs.append(engine.generate(prompt, choice, request_id=request_id))
                    self._running[index] = request_id
        except BaseException:
            self.close()
            raise
        self.num_choices = len(outputs)
        self._pending: list[list[RequestOutput]] = [[] for _ in outputs]
        for index, iterator in enumerate(outputs):
            task = asyncio.create_task(self._pump(index, iterator))
            task.add_done_callback(self._on_done)
            self._tasks.append(task)

    @property
    def is_finished(self) -> bool:
        """Whether every choice has ended and its last output was taken."""
        return not self._running and not any(self._pending)

    async def take(self, timeout_s: float | None = None) -> list[tuple[int, RequestOutput]]:
        """Return what has come since the last call, as (choice index, output); waits for at least one.

        Nothing within timeout_s gives an empty list. The engine's errors are raised here.
        """
        if not any(self._pending) and self._error is None:
            self._wake.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._wake.wait()
        taken = [(index, _merged(outputs)) for index, outputs in enumerate(self._pending) if outputs]
        if not taken and self._error is not None:
            raise self._error
        for index, _ in taken:
            self._pending[index] = []
        return taken

    def close(self) -> None:
        """Abort what still runs. Needs no await, so that it works in a task that is being cancelled."""
        for request_id in self._running.values():
            self._engine.abort(request_id)
        self._running.clear()
        for task in self._tasks:
            task.cancel()

    async def _pump(self, index: int, outputs: AsyncIterator[RequestOutput]) -> None:
        async for output in outputs:
            if output.finish_reason is FinishReason.ABORT:
                raise GenerationAborted
            self._pending[index].append(output)
            if output.is_finished:
                self._running.pop(index, None)
            self._wake.set()
        if index in self._running:
            raise GenerationAborted

    def _on_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._error = self._error or task.exception()
            self._wake.set()


def _merged(outputs: list[RequestOutput]) -> RequestOutput:
    """Return several outputs of one request as one."""
    last = outputs[-1]
    if len(outputs) == 1:
        return last
    logprobs = None if last.logprobs is None else tuple(entry for part in outputs for entry in part.logprobs or ())
    return replace(
        last,
        text="".join(part.text for part in outputs),
        token_ids=tuple(token_id for part in outputs for token_id in part.token_ids),
        logprobs=logprobs,
    )
