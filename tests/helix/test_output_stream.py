"""Outputs that nobody took in time are given as one, and nothing of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from helix.errors import EngineDeadError
from helix.output_stream import OutputStream, push_all
from helix.outputs import DecodeStep, FinishReason, RequestMetrics, RequestOutput, TokenLogprob

LOOP = asyncio.new_event_loop()
LOOP.close()


def output(token_id: int, *, is_last: bool = False, scores: bool = False) -> RequestOutput:
    entry = TokenLogprob(token_id, -float(token_id), ())
    return RequestOutput(
        request_id="a",
        text=f"<{token_id}>",
        token_ids=(token_id,),
        logprobs=(entry,) if scores else None,
        finish_reason=FinishReason.LENGTH if is_last else None,
        stop_reason=None,
        metrics=RequestMetrics(0.0),
        prompt_logprobs=(entry,) if token_id == 1 else None,
        embedding=(0.5,) if token_id == 1 else None,
        steps=(DecodeStep((), 0, (token_id,), float(token_id)),),
    )


def stream(aborted: list[str] | None = None, ready: asyncio.Event | None = None) -> OutputStream:
    aborts = [] if aborted is None else aborted
    return OutputStream("a", LOOP, aborts.append, ready or asyncio.Event())


@pytest.mark.parametrize("scores", [False, True])
def test_outputs_that_wait_for_a_slow_reader_are_one_with_all_that_they_had(scores: bool) -> None:
    outputs = [output(token_id, is_last=token_id == 3, scores=scores) for token_id in (1, 2, 3)]
    waiting = stream()
    for one in outputs:
        waiting.push(one)
    merged = waiting.take()
    assert merged is not None
    assert (merged.text, merged.token_ids, merged.finish_reason) == ("<1><2><3>", (1, 2, 3), FinishReason.LENGTH)
    assert merged.steps == tuple(step for one in outputs for step in one.steps)
    assert merged.logprobs == (tuple(entry for one in outputs for entry in one.logprobs or ()) if scores else None)
    assert (merged.prompt_logprobs, merged.embedding) == (outputs[0].prompt_logprobs, (0.5,))


def test_an_error_comes_behind_what_was_said_before_it() -> None:
    failing = stream()
    assert failing.take() is None
    failing.push(output(1))
    failing.fail(EngineDeadError("gone"))
    assert failing.take() == output(1)
    with pytest.raises(EngineDeadError):
        failing.take()


def test_only_a_stream_without_an_end_is_aborted_and_once() -> None:
    aborted: list[str] = []
    ended, failed, left = stream(aborted), stream(aborted), stream(aborted)
    ended.push(output(1, is_last=True))
    ended.take()
    failed.fail(EngineDeadError("gone"))
    with pytest.raises(EngineDeadError):
        failed.take()
    for one in (ended, failed):
        one.close()
    assert aborted == []
    left.close()
    left.close()
    assert aborted == ["a"]


def test_one_event_wakes_the_reader_of_several_streams() -> None:
    async def read() -> list[int]:
        ready = asyncio.Event()
        streams = [stream(ready=ready) for _ in range(3)]
        asyncio.get_running_loop().call_soon(streams[1].push, output(1, is_last=True))
        await asyncio.wait_for(ready.wait(), 10)
        return [number for number, one in enumerate(streams) if one.take() is not None]

    assert asyncio.run(read()) == [1]


def test_an_error_behind_an_output_wakes_the_reader_who_waits_again() -> None:
    """Both come before the reader runs, who clears the event and takes the output alone: the error would be lost."""

    async def read() -> None:
        ready = asyncio.Event()
        failing = stream(ready=ready)
        failing.push(output(1))
        failing.fail(EngineDeadError("gone"))
        await ready.wait()
        ready.clear()
        assert failing.take() == output(1)
        await asyncio.wait_for(ready.wait(), 10)
        with pytest.raises(EngineDeadError):
            failing.take()

    asyncio.run(read())


def test_a_reader_of_several_streams_is_woken_once_when_all_of_a_step_is_there() -> None:
    class Counted(asyncio.Event):
        """Counts how many streams have something when it is set."""

        def set(self) -> None:
            found.append(sum(one.take() is not None for one in streams))
            super().set()

    found: list[int] = []
    ready = Counted()
    streams = [stream(ready=ready) for _ in range(3)]
    push_all([(one, output(1, is_last=True)) for one in streams])
    assert found == [3]


def test_a_tap_is_offered_each_output_and_passes_none_that_waits() -> None:
    """An output that overtook one that the reader has not taken would be out of order."""

    async def read() -> None:
        ready = asyncio.Event()
        one = stream(ready=ready)
        tapped: list[int] = []

        def tap(output: RequestOutput) -> bool:
            tapped.extend(output.token_ids)
            return output.token_ids != (2,)

        one.tap = tap
        one.push(output(1))
        assert not ready.is_set()
        assert one.take() is None
        one.push(output(2))
        push_all([(one, output(3))])
        assert tapped == [1, 2]
        assert ready.is_set()
        taken = one.take()
        assert taken is not None
        assert taken.token_ids == (2, 3)
        one.tap = tap
        one.push(output(4))
        one.push(output(5, is_last=True))
        assert tapped == [1, 2, 4]
        taken = one.take()
        assert taken is not None
        assert taken.is_finished

    asyncio.run(read())


@pytest.mark.parametrize("end", [OutputStream.close, lambda one: one.fail(EngineDeadError("gone"))])
def test_a_tap_is_offered_nothing_behind_the_end(end: Callable[[OutputStream], None]) -> None:
    ended, tapped = stream(), [output(1)]
    ended.tap = lambda output: not tapped.append(output)  # type: ignore[func-returns-value]
    end(ended)
    ended.push(output(2))
    assert len(tapped) == 1
