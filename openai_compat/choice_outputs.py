"""The engine requests behind one HTTP answer, read as one stream."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from helix import FinishReason, RequestMetrics, RequestOutput, SamplingParams
from openai_compat.caller import Caller
from openai_compat.direct_event import DirectEvent
from openai_compat.engine import Engine, Outputs
from openai_compat.errors import GenerationAborted, GrammarFailed, InvalidParameter
from openai_compat.request_record import note_choices

Taken = list[tuple[int, RequestOutput]]
"""What came at once: choices' indices with their outputs."""

Tap = Callable[[RequestOutput], bool]
"""Takes an output, or returns False and leaves it to whoever reads."""

T_co = TypeVar("T_co", covariant=True)

_NOBODY = Caller()


class ChoiceOutputs:
    """Submits one request per prompt and choice, and gives their outputs in the order in which they come.

    Choice index = prompt index * number of choices + choice, as in OpenAI's API. All requests wake their reader by one
    event, and what has come when it runs is one output for each.

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
        caller: Caller = _NOBODY,
        *,
        asked_by: str = "n",
    ) -> None:
        self._ready = DirectEvent()
        self._running: dict[int, Outputs] = {}
        self._error: Exception | None = None
        self._send: Tap | None = None
        self._metrics: dict[int, RequestMetrics] = {}
        self._finish_reasons: dict[int, FinishReason] = {}
        note_choices(answer_id, self._metrics, self._finish_reasons)
        self.num_choices = len(prompts) * len(params)
        _check_number(len(prompts), len(params), engine.info.max_num_requests, asked_by)
        try:
            for index, (prompt, choice) in enumerate(itertools.product(prompts, params)):
                self._running[index] = engine.generate(
                    prompt,
                    choice,
                    request_id=f"{answer_id}-{index}",
                    cache_salt=caller.cache_salt,
                    tenant=caller.tenant,
                    deadline_s=caller.deadline_s,
                    queue_timeout_s=caller.queue_timeout_s,
                    ready=self._ready,
                )
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def is_finished(self) -> bool:
        """Whether the last output of every choice was taken."""
        return not self._running and self._error is None

    def fail(self, error: Exception) -> None:
        """Abort what still runs; error is raised by the next take."""
        self.close()
        self._error = error
        self._ready.set()

    async def take(self) -> Taken:
        """Return what has come since the last call, as (choice index, output); waits for at least one.

        The engine's errors are raised here.
        """
        taken: Taken = []
        while not taken:
            self._offer(self._send)
            try:
                await self._ready.wait()
            finally:
                self._offer(None)
            self._ready.clear()
            taken = self._taken()
        return taken

    def divert(self, send: Tap) -> None:
        """Offer send what comes while somebody waits in take, who waits on where it returns True.

        Several choices are not diverted, as what comes of them at once belongs together; nor are an answer's first
        output, which tells whose metrics it has, and its last.
        """
        if self.num_choices == 1:
            self._send = send

    def _offer(self, send: Tap | None) -> None:
        if self._send is not None and self._metrics:
            for outputs in self._running.values():
                outputs.tap = send

    def close(self) -> None:
        """Abort what still runs. Needs no await, so that it works in a task that is being cancelled."""
        for outputs in self._running.values():
            outputs.close()
        self._running.clear()

    def _taken(self) -> Taken:
        if self._error is not None:
            raise self._error
        taken = [(index, output) for index, one in self._running.items() if (output := one.take()) is not None]
        for index, output in taken:
            self._metrics[index] = output.metrics
            if output.finish_reason is FinishReason.ABORT:
                raise GenerationAborted if output.stop_reason is None else GrammarFailed(str(output.stop_reason))
            if output.finish_reason is not None:
                self._finish_reasons[index] = output.finish_reason
                del self._running[index]
        return taken


class Batches(AsyncIterator[T_co], Generic[T_co]):
    """What a push parser makes of the outputs of an answer, one batch of it for each take."""

    def __init__(
        self,
        outputs: ChoiceOutputs,
        feed: Callable[[Taken], T_co],
        text_event: Callable[[RequestOutput], bytes] | None = None,
    ) -> None:
        self._outputs = outputs
        self.feed = feed
        """Takes what came at once."""
        self.text_event = text_event
        """Does for one output what feed and encoding do, where those that are neither first nor last add only text."""

    async def __anext__(self) -> T_co:
        if self._outputs.is_finished:
            raise StopAsyncIteration
        return self.feed(await self._outputs.take())


def _check_number(num_prompts: int, n: int, max_num_requests: int, asked_by: str) -> None:
    """Refuse what could not run on an idle server either: waiting and asking again would never help."""
    if num_prompts * n > max_num_requests:
        raise InvalidParameter(
            "prompt" if num_prompts > max_num_requests else asked_by,
            f"The number of prompts ({num_prompts}) times {asked_by} ({n}) is {num_prompts * n}; "
            f"this server takes at most {max_num_requests} at once.",
        )
