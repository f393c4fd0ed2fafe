"""Many callers share one engine thread; nobody waits for ever and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import struct
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from mmap import PAGESIZE
from typing import Any, NoReturn

import pytest

from helix.async_engine import MAX_REBUILDS, AsyncEngine
from helix.errors import EngineBusyError, EngineDeadError, InvalidRequestError
from helix.output_stream import OutputStream
from helix.outputs import FinishReason, RequestOutput
from helix.sampling_params import SamplingParams
from tests.engines import make_engine, run
from tests.models import tiny_llama

MODEL = tiny_llama()
PARAMS = SamplingParams(temperature=0.8, seed=3, max_tokens=20, ignore_eos=True)
ENDLESS = SamplingParams(temperature=0, ignore_eos=True)


@pytest.fixture
def engine() -> Iterator[AsyncEngine]:
    engine = AsyncEngine(engine=make_engine(MODEL, MODEL, scheduler={"max_num_seqs": 4, "max_num_waiting": 4}))
    engine.start()
    yield engine
    engine.shutdown()


def _within(seconds: float, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), seconds))


async def _collect(stream: OutputStream) -> list[RequestOutput]:
    return [output async for output in stream]


def _break() -> NoReturn:
    raise RuntimeError("a bug")


async def _until_idle(engine: AsyncEngine) -> None:
    while engine.stats().num_running or engine.stats().num_waiting:
        await asyncio.sleep(0.01)


def test_concurrent_callers_get_what_each_would_get_alone(engine: AsyncEngine) -> None:
    prompts = [[1 + i, 2, 3] for i in range(8)]
    expected = run(make_engine(MODEL, speculation_depth=0), prompts, PARAMS)

    async def main() -> None:
        answers = await asyncio.gather(*(_collect(engine.generate(prompt, PARAMS)) for prompt in prompts))
        assert [tuple(t for output in outputs for t in output.token_ids) for outputs in answers] == expected
        for outputs in answers:
            assert [output.is_finished for output in outputs] == [False] * (len(outputs) - 1) + [True]

    _within(60, main)


def test_a_bad_request_fails_before_anything_is_awaited(engine: AsyncEngine) -> None:
    async def main() -> None:
        with pytest.raises(InvalidRequestError):
            engine.generate([], PARAMS)
        with pytest.raises(InvalidRequestError):
            engine.generate([10_000], PARAMS)
        stream = engine.generate([1, 2, 3], PARAMS, request_id="a")
        with pytest.raises(InvalidRequestError, match="in use"):
            engine.generate([4, 5, 6], PARAMS, request_id="a")
        assert (await _collect(stream))[-1].is_finished

    _within(10, main)


@pytest.mark.parametrize("way", ["aclose", "cancel", "drop", "abort"])
def test_a_caller_that_goes_away_ends_its_request_and_frees_its_blocks(engine: AsyncEngine, way: str) -> None:
    async def main() -> None:
        stream: OutputStream | None = engine.generate([1, 2, 3], ENDLESS)
        assert stream is not None
        metrics = (await anext(stream)).metrics
        if way == "aclose":
            await stream.aclose()
        elif way == "cancel":
            task = asyncio.create_task(_collect(stream))
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif way == "abort":
            engine.abort(stream.request_id)
            assert (await _collect(stream))[-1].finish_reason is FinishReason.ABORT
        stream = None
        gc.collect()
        await _until_idle(engine)
        assert metrics.num_prompt_tokens + metrics.num_generated_tokens < engine.info.max_model_len
        await asyncio.to_thread(engine.shutdown)  # so that the step that ends it is over
        assert engine.stats().num_free_blocks == engine.info.num_blocks

    _within(30, main)


def test_a_reader_that_sleeps_gets_everything_in_one_piece(engine: AsyncEngine) -> None:
    async def main() -> None:
        stream = engine.generate([1, 2, 3], PARAMS)
        while engine.stats().num_finished == 0:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        outputs = await _collect(stream)
        assert len(outputs) == 1
        assert len(outputs[0].token_ids) == 20

    _within(30, main)


def test_one_request_too_many_is_busy(engine: AsyncEngine) -> None:
    async def main() -> None:
        streams = [engine.generate([1, 2, 3], ENDLESS) for _ in range(8)]
        with pytest.raises(EngineBusyError):
            engine.generate([1, 2, 3], ENDLESS)
        for stream in streams:
            await stream.aclose()
        await _until_idle(engine)

    _within(30, main)


def test_shutdown_ends_every_stream_with_an_error(engine: AsyncEngine) -> None:
    async def main() -> None:
        stream = engine.generate([1, 2, 3], ENDLESS)
        await anext(stream)
        await asyncio.to_thread(engine.shutdown)
        with pytest.raises(EngineDeadError):
            await _collect(stream)
        with pytest.raises(EngineDeadError):
            engine.generate([1, 2, 3], PARAMS)

    _within(30, main)


def test_a_bug_that_is_nobodys_fault_ends_everybody_and_the_engine_begins_anew_a_number_of_times() -> None:
    llm_engine = make_engine(MODEL)
    engine = AsyncEngine(engine=llm_engine)
    healthy, healthy_reset, all_wait = llm_engine.step, llm_engine.reset, threading.Event()
    seen_alive: list[bool] = []

    def broken() -> list[RequestOutput]:
        all_wait.wait()
        _break()

    def reset() -> None:
        seen_alive.append(engine.is_alive)
        healthy_reset()

    llm_engine.step, llm_engine.reset = broken, reset  # type: ignore[method-assign]
    engine.start()

    async def fail() -> None:
        all_wait.clear()
        streams = [engine.generate([1, 2, 3], PARAMS) for _ in range(3)]
        all_wait.set()
        for stream in streams:
            with pytest.raises(EngineDeadError, match="RuntimeError"):
                await _collect(stream)

    async def main() -> None:
        await fail()
        while not engine.is_alive:
            await asyncio.sleep(0.001)
        llm_engine.step = healthy  # type: ignore[method-assign]
        assert (await _collect(engine.generate([1, 2, 3], PARAMS)))[-1].is_finished
        assert engine.stats().num_free_blocks == engine.info.num_blocks
        llm_engine.step = broken  # type: ignore[method-assign]
        for _ in range(MAX_REBUILDS):
            await fail()
            while not engine.is_alive and len(seen_alive) < MAX_REBUILDS:
                await asyncio.sleep(0.001)
        with pytest.raises(EngineDeadError):
            engine.generate([1, 2, 3], PARAMS)

    _within(30, main)
    assert seen_alive == [False] * MAX_REBUILDS, "unhealthy while it is rebuilt"
    engine.shutdown()


@pytest.mark.parametrize("way", ["bug", "shutdown"])
def test_a_caller_that_comes_while_the_engine_ends_is_not_left_waiting(way: str) -> None:
    """A request that is let in behind the last look at the streams would never be answered."""
    llm_engine = make_engine(MODEL)
    if way == "bug":
        llm_engine.step = _break  # type: ignore[method-assign]

    async def ask_until_refused(engine: AsyncEngine) -> None:
        with pytest.raises(EngineDeadError):
            while True:
                await asyncio.sleep(0)
                await _collect(engine.generate([1, 2, 3], SamplingParams(max_tokens=1)))

    async def main() -> None:
        for _ in range(30):  # fewer requests than wait at once, were all of them to stay behind
            engine = AsyncEngine(engine=llm_engine)
            engine.start()
            callers = [asyncio.create_task(ask_until_refused(engine)) for _ in range(8)]
            await asyncio.to_thread(engine.shutdown)
            await asyncio.gather(*callers)

    _within(60, main)


def test_a_snapshot_is_taken_whether_the_engine_works_or_waits_and_fails_once_it_is_gone(engine: AsyncEngine) -> None:
    async def main() -> None:
        assert (await engine.snapshot()).requests == ()
        stream = engine.generate([1, 2, 3], ENDLESS, request_id="endless")
        await anext(stream)
        taken = await asyncio.gather(*(engine.snapshot() for _ in range(3)))
        assert [request.request_id for one in taken for request in one.requests] == ["endless"] * 3
        await stream.aclose()
        await asyncio.to_thread(engine.shutdown)
        with pytest.raises(EngineDeadError):
            await engine.snapshot()

    _within(30, main)


def test_a_snapshot_that_a_dying_engine_owes_is_an_error() -> None:
    llm_engine = make_engine(MODEL)
    llm_engine.snapshot = _break  # type: ignore[method-assign]
    engine = AsyncEngine(engine=llm_engine)
    engine.start()

    async def main() -> None:
        with pytest.raises(EngineDeadError):
            await engine.snapshot()

    _within(30, main)


def _resident_pages(engine: AsyncEngine) -> int:
    """Pages of the target's KV pool that take memory."""
    pool = engine._engine.worker.target.pool
    num_pages = 0
    with open("/proc/self/pagemap", "rb") as pagemap:
        for tensor in (*pool.keys, *pool.values):
            first, last = tensor.data_ptr() // PAGESIZE, (tensor.data_ptr() + tensor.nbytes) // PAGESIZE
            pagemap.seek(8 * first)
            entries = struct.unpack(f"{last - first}Q", pagemap.read(8 * (last - first)))
            num_pages += sum(entry >> 62 != 0 for entry in entries)
    return num_pages


@pytest.mark.skipif(sys.platform != "linux", reason="pages are those of Linux")
@pytest.mark.parametrize("kv_idle_memory_gib", [None, 0.0])
def test_an_idle_engine_gives_memory_back_and_answers_as_before(kv_idle_memory_gib: float | None) -> None:
    """Prefixes stay cached unless the operator says otherwise."""
    inner = make_engine(MODEL, block_size=64, num_blocks=64, kv_idle_memory_gib=kv_idle_memory_gib)
    engine = AsyncEngine(engine=inner, idle_s=0.1)
    prompts = [[1 + i, *range(1, 60)] * 5 for i in range(6)]

    async def main() -> None:
        expected = [await _collect(engine.generate(prompt, PARAMS)) for prompt in prompts]
        full = _resident_pages(engine)
        assert full >= 4 * 6 * 4, "pages of four tensors, six prompts and four full blocks"
        num_kept = 0 if kv_idle_memory_gib == 0 else 4 * inner.block_manager.num_cached_blocks
        while _resident_pages(engine) > num_kept:
            await asyncio.sleep(0.05)
        assert num_kept < full
        answers = [await _collect(engine.generate(prompt, PARAMS)) for prompt in prompts]
        for old, new in zip(expected, answers, strict=True):
            assert [t for output in new for t in output.token_ids] == [t for output in old for t in output.token_ids]
            assert (new[-1].metrics.num_cached_tokens > 0) == bool(num_kept)

    engine.start()
    try:
        _within(30, main)
    finally:
        engine.shutdown()
