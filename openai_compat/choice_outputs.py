"""The engine requests behind one HTTP answer, read as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from helix import FinishReason, RequestMetrics, RequestOutput, SamplingParams
from openai_compat.engine import Engine
from openai_compat.errors import GenerationAborted, GrammarFailed, InvalidParameter
from openai_compat.request_record import note_choices


class ChoiceOutputs:
    """Submits one request per prompt and choice, and gives their outputs in the order in which they come.

    Choice index = prompt index * number of choices + choice, as in OpenAI's API. Nothing piles up here when the
    client reads slowly: the next output of a request is fetched once the last one was taken, and the engine merges.

    Raises:
        InvalidParameter: There are more choices than the engine ever takes at once; asked_by is the field that says
            how many each prompt has.
        InvalidRequestError, EngineBusyError, EngineDeadError: A request was refused; none of them runs.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: Sequence[Sequence[int]],
        params: Sequence[SamplingParams],
        answer_id: str,
        cache_salt: str | None = None,
        *,
        asked_by: str = "n",
    ) -> None:
        self._engine = engine
        self._running: dict[int, str] = {}
        self._fetches: dict[asyncio.Task[RequestOutput], int] = {}
        self._outputs: list[AsyncIterator[RequestOutput]] = []
        self._metrics: dict[int, RequestMetrics] = {}
        self._finish_reasons: dict[int, FinishReason] = {}
        note_choices(answer_id, self._metrics, self._finish_reasons)
        _check_number(len(prompts), len(params), engine.info.max_num_requests, asked_by)
        try:
            for prompt in prompts:
                for choice in params:
                    index = len(self._outputs)
                    request_id = f"{answer_id}-{index}"
                    self._outputs.append(engine.generate(prompt, choice, request_id=request_id, cache_salt=cache_salt))
                    self._running[index] = request_id
        except BaseException:
            self.close()
            raise
        self.num_choices = len(self._outputs)
        for index in range(self.num_choices):
            self._fetch(index)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_finished(self) -> bool:
        """Whether the last output of every choice was taken."""
        return not self._running

    async def take(self, timeout_s: float | None = None) -> list[tuple[int, RequestOutput]]:
        """Return what has come since the last call, as (choice index, output); waits for at least one.

        Nothing within timeout_s gives an empty list. The engine's errors are raised here.
        """
        done, _ = await asyncio.wait(self._fetches, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        taken = sorted(((self._fetches.pop(task), task.result()) for task in done), key=lambda item: item[0])
        for index, output in taken:
            self._metrics[index] = output.metrics
            if output.finish_reason is FinishReason.ABORT:
                raise GenerationAborted if output.stop_reason is None else GrammarFailed(str(output.stop_reason))
            if output.finish_reason is not None:
                self._finish_reasons[index] = output.finish_reason
                del self._running[index]
            else:
                self._fetch(index)
        return taken

    def close(self) -> None:
        """Abort what still runs. Needs no await, so that it works in a task that is being cancelled."""
        for request_id in self._running.values():
            self._engine.abort(request_id)
        self._running.clear()
        for task in self._fetches:
            task.cancel()
        self._fetches.clear()

    def _fetch(self, index: int) -> None:
        task = asyncio.ensure_future(anext(self._outputs[index]))
        task.add_done_callback(_retrieve)
        self._fetches[task] = index


def _check_number(num_prompts: int, n: int, max_num_requests: int, asked_by: str) -> None:
    """Refuse what could not run on an idle server either: waiting and asking again would never help."""
    if num_prompts * n > max_num_requests:
        raise InvalidParameter(
            "prompt" if num_prompts > max_num_requests else asked_by,
            f"The number of prompts ({num_prompts}) times {asked_by} ({n}) is {num_prompts * n}; "
            f"this server takes at most {max_num_requests} at once.",
        )


def _retrieve(task: asyncio.Task[RequestOutput]) -> None:
    """Look at a task's error, so that asyncio does not report those of choices that fail together with another."""
    if not task.cancelled():
        task.exception()
