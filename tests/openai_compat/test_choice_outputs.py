"""Several engine requests as one stream."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from helix import EngineBusyError, EngineDeadError, FinishReason, RequestMetrics, RequestOutput, SamplingParams
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.errors import ApiError, GenerationAborted, GrammarFailed, InvalidParameter
from tests.fakes import FakeEngine

PROMPTS = [[97], [98]]
PARAMS = [SamplingParams(seed=1), SamplingParams(seed=2)]


def started(engine: FakeEngine) -> FakeEngine:
    engine.start()
    return engine


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(test())


def test_every_choice_of_every_prompt_comes_through() -> None:
    async def test() -> None:
        engine = started(FakeEngine())
        texts = [""] * 4
        with ChoiceOutputs(engine, PROMPTS, PARAMS, "a") as outputs:
            assert engine.running == {"a-0", "a-1", "a-2", "a-3"}
            while not outputs.is_finished:
                for index, output in await outputs.take():
                    texts[index] += output.text
        assert texts == ["You said: a (1)", "You said: a (2)", "You said: b (1)", "You said: b (2)"]
        assert engine.aborted == []

    run(test)


@pytest.mark.parametrize(("num_prompts", "n", "param"), [(1, 201, "n"), (21, 10, "n"), (201, 1, "prompt")])
def test_more_choices_than_ever_fit_are_refused_and_no_fewer(num_prompts: int, n: int, param: str) -> None:
    """As busy they would be tried again for ever."""

    async def test() -> None:
        engine = started(FakeEngine())
        prompts, params = [[97]] * num_prompts, [SamplingParams()] * n
        with pytest.raises(InvalidParameter, match=rf"{num_prompts * n}; .* at most 200 ") as caught:
            ChoiceOutputs(engine, prompts, params, "a")
        assert caught.value.param == param
        assert not engine.prompts
        with ChoiceOutputs(engine, [[97]] * 20, [SamplingParams()] * 10, "b") as outputs:
            assert outputs.num_choices == 200

    run(test)


def test_a_reader_that_gives_up_waiting_loses_nothing() -> None:
    async def test() -> None:
        with ChoiceOutputs(started(FakeEngine(step_s=0.05)), PROMPTS[:1], PARAMS[:1], "a") as outputs:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(outputs.take(), 0.001)
            ((index, output),) = await outputs.take()
            assert (index, output.text) == (0, "You")

    run(test)


def test_leaving_aborts_what_still_runs() -> None:
    async def test() -> None:
        engine = started(FakeEngine(step_s=0.01))
        with ChoiceOutputs(engine, PROMPTS, PARAMS, "a") as outputs:
            await outputs.take()
        assert sorted(engine.aborted) == ["a-0", "a-1", "a-2", "a-3"]
        await asyncio.sleep(0.05)
        assert not engine.running

    run(test)


def test_a_refused_choice_takes_the_others_with_it() -> None:
    async def test() -> None:
        engine = started(FakeEngine())
        engine.max_num_running = 3
        with pytest.raises(EngineBusyError):
            ChoiceOutputs(engine, PROMPTS, PARAMS, "a")
        assert not engine.running

    run(test)


@pytest.mark.parametrize(("why", "kind"), [(None, GenerationAborted), ("it is too complex", GrammarFailed)])
def test_an_abort_by_the_engine_is_an_error(why: str | None, kind: type[ApiError]) -> None:
    class Aborting(FakeEngine):
        async def _play(self, request_id: str, *rest: Any) -> AsyncIterator[RequestOutput]:
            yield RequestOutput(request_id, "", (), None, FinishReason.ABORT, why, RequestMetrics(arrival_s=0))

    async def test() -> None:
        with pytest.raises(kind, match=why), ChoiceOutputs(started(Aborting()), PROMPTS, PARAMS, "a") as outputs:
            await outputs.take()

    run(test)


def test_choices_that_fail_together_are_one_error(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        engine = started(FakeEngine())
        engine.failure_after = 1
        with pytest.raises(EngineDeadError), ChoiceOutputs(engine, PROMPTS, PARAMS, "a") as outputs:
            while True:
                await outputs.take()
                await asyncio.sleep(0.01)

    run(test)
    gc.collect()
    assert caplog.text == ""


@pytest.mark.parametrize("num_choices", [1, 2])
def test_what_is_diverted_is_not_taken_and_the_first_and_the_last_output_are(num_choices: int) -> None:
    async def test() -> None:
        engine = started(FakeEngine(step_s=0.001))
        diverted: list[str] = []
        said: list[str] = []

        def send(output: RequestOutput) -> bool:
            if len(diverted) == 2:
                return False
            diverted.append(output.text)
            said.append(output.text)
            return True

        with ChoiceOutputs(engine, PROMPTS[:1], PARAMS[:num_choices], "a") as outputs:
            outputs.divert(send)
            while not outputs.is_finished:
                said += [output.text for index, output in await outputs.take() if index == 0]
        assert "".join(said) == "You said: a (1)"
        assert diverted == (said[1:3] if num_choices == 1 else [])

    run(test)


def test_nothing_is_diverted_from_a_reader_that_is_busy() -> None:
    async def test() -> None:
        engine = started(FakeEngine(step_s=0.001))
        diverted: list[RequestOutput] = []
        with ChoiceOutputs(engine, PROMPTS[:1], PARAMS[:1], "a") as outputs:
            outputs.divert(lambda output: not diverted.append(output))  # type: ignore[func-returns-value]
            await asyncio.sleep(0.05)
            assert not diverted
            ((_, output),) = await outputs.take()
            assert output.text == "You"

    run(test)
