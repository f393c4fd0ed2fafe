"""Faults in a step of a real engine: the right one ends, the others get what they would have got alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from helix.engine import LLMEngine
from helix.errors import RequestFailedError
from helix.model.batch import Span
from helix.recovery import is_out_of_memory
from helix.request import Request
from helix.sampling_params import SamplingParams
from tests.engines import check_integrity, make_engine, run
from tests.models import tiny_llama

MODEL = tiny_llama()
PARAMS = SamplingParams(temperature=0.8, seed=5, max_tokens=12, ignore_eos=True)
PROMPTS = [[1 + i, 2, 3, 4, 5, 6 + i] for i in range(6)]
POISON = 63


@pytest.fixture(scope="module")
def expected() -> list[tuple[int, ...]]:
    return run(make_engine(MODEL, speculation_depth=0), PROMPTS, PARAMS)


@pytest.fixture
def engine() -> Iterator[LLMEngine]:
    engine = make_engine(MODEL, MODEL, scheduler={"max_num_seqs": 8})
    yield engine
    check_integrity(engine)
    assert not engine.has_requests
    assert engine.stats().num_free_blocks == engine.block_manager.num_blocks


def _break_forward(engine: LLMEngine, is_bad: Callable[[Sequence[Span]], Exception | None]) -> list[int]:
    """Let passes of the target fail where is_bad says; returns the tokens of each pass, as they come."""
    forward, sizes = engine.worker.target.forward, []

    def broken(spans: Sequence[Span]) -> Any:
        sizes.append(sum(len(span.token_ids) for span in spans))
        if (error := is_bad(spans)) is not None:
            raise error
        return forward(spans)

    engine.worker.target.forward = broken  # type: ignore[method-assign]
    return sizes


def _finish(engine: LLMEngine, requests: Sequence[Request]) -> dict[str, Exception]:
    for request in requests:
        engine.add_request(request)
    failures: dict[str, Exception] = {}
    num_steps = 0
    while engine.has_requests:
        engine.step()
        check_integrity(engine)
        failures.update(engine.take_failures())
        num_steps += 1
        assert num_steps < 2000, "it never ends"
    return failures


@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_request_that_breaks_the_pass_ends_alone_and_is_refused_when_it_comes_again(
    engine: LLMEngine, expected: list[tuple[int, ...]], place: int
) -> None:
    _break_forward(engine, lambda spans: RuntimeError("bad") if any(POISON in s.token_ids for s in spans) else None)
    prompts: list[list[int]] = [*PROMPTS]
    prompts.insert(place, [POISON, 2, 3])
    requests = [engine.make_request(prompt, PARAMS) for prompt in prompts]
    failures = _finish(engine, requests)
    bad = requests.pop(place)
    good = [tuple(request.output_token_ids) for request in requests]
    assert list(failures) == [bad.request_id]
    assert isinstance(failures[bad.request_id], RequestFailedError)
    assert good == expected
    with pytest.raises(RequestFailedError, match="again"):
        engine.make_request([POISON, 2, 3], PARAMS)


def test_a_failure_that_passes_costs_nobody_anything(engine: LLMEngine, expected: list[tuple[int, ...]]) -> None:
    countdown = iter(range(1000))
    _break_forward(engine, lambda spans: RuntimeError("a hiccup") if next(countdown) % 5 == 4 else None)
    requests = [engine.make_request(prompt, PARAMS) for prompt in PROMPTS]
    assert _finish(engine, requests) == {}
    assert [tuple(request.output_token_ids) for request in requests] == expected


@pytest.mark.parametrize("limit", [7, 2])
def test_a_step_that_does_not_fit_the_memory_is_made_smaller_until_it_does(
    engine: LLMEngine, expected: list[tuple[int, ...]], limit: int
) -> None:
    def too_much(spans: Sequence[Span]) -> Exception | None:
        size = sum(len(span.token_ids) for span in spans)
        return torch.OutOfMemoryError(f"tried to allocate {size}") if size > limit else None

    sizes = _break_forward(engine, too_much)
    requests = [engine.make_request(prompt, PARAMS) for prompt in PROMPTS]
    assert _finish(engine, requests) == {}
    assert [tuple(request.output_token_ids) for request in requests] == expected
    assert max(sizes) > limit


def test_only_who_cannot_fit_at_all_ends_for_want_of_memory(engine: LLMEngine, expected: list[tuple[int, ...]]) -> None:
    def too_much(spans: Sequence[Span]) -> Exception | None:
        return MemoryError() if any(POISON in span.token_ids for span in spans) else None

    _break_forward(engine, too_much)
    requests = [engine.make_request(prompt, PARAMS) for prompt in (*PROMPTS, [5, 2, POISON])]
    failures = _finish(engine, requests)
    assert list(failures) == [requests[-1].request_id]
    assert "memory" in str(failures[requests[-1].request_id])
    assert [tuple(request.output_token_ids) for request in requests[:-1]] == expected


def test_an_engine_in_which_everything_fails_says_so(engine: LLMEngine) -> None:
    """Blaming one request after the other would answer for hours, and lastly be wrong."""
    _break_forward(engine, lambda spans: ValueError("the device is gone"))
    requests = [engine.make_request(prompt, PARAMS) for prompt in PROMPTS]
    with pytest.raises(ValueError, match="gone"):
        _finish(engine, requests)
    engine.reset()
    for prompt in PROMPTS:
        engine.make_request(prompt, PARAMS)


@pytest.mark.parametrize("part", ["detokenizer", "sampler", "drafter"])
def test_a_bug_in_any_part_of_a_step_ends_nobody_else(
    engine: LLMEngine, expected: list[tuple[int, ...]], part: str
) -> None:
    """What is one request's own fails for it alone; what a step shares is tried again until it is known whose it is."""

    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("a bug")

    bad = engine.make_request([9, 9, 9], PARAMS)
    requests = [engine.make_request(prompt, PARAMS) for prompt in PROMPTS]
    engine.add_request(bad)
    if part == "detokenizer":
        engine._streams[bad.request_id].feed = broken  # type: ignore[method-assign]
    else:
        owner, name = (engine.sampler, "verify") if part == "sampler" else (engine.proposer, "propose")
        healthy = getattr(owner, name)

        def picky(*args: Any) -> Any:
            asked = [getattr(item, "request", item) for item in args[0 if part == "drafter" else 1]]
            return broken() if bad in asked else healthy(*args)

        setattr(owner, name, picky)
    failures = _finish(engine, requests)
    assert list(failures) == [bad.request_id]
    assert [tuple(request.output_token_ids) for request in requests] == expected


@pytest.mark.parametrize(
    ("error", "is_one"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), True),
        (RuntimeError("shapes disagree"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_memory_that_is_refused_is_told_from_bugs(error: Exception, is_one: bool) -> None:
    assert is_out_of_memory(error) is is_one


def test_the_allocator_of_this_machine_is_understood() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**55)
    assert is_out_of_memory(caught.value)
