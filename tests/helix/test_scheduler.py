"""Scheduling is arithmetic over tokens and blocks; every walk keeps the books balanced."""

from __future__ import annotations

import random
import time

import pytest

from helix.config import SchedulerConfig
from helix.errors import DeadlineExceededError, EngineBusyError, InvalidRequestError, QueueTimeoutError
from helix.kv_cache.block_manager import BlockManager
from helix.outputs import FinishReason
from helix.request import Request, RequestStatus
from helix.sampling_params import SamplingParams
from helix.scheduler import Scheduler, SchedulerOutput

BLOCK_SIZE = 4


def _request(name: str, num_prompt_tokens: int, *, max_tokens: int = 8, depth: int = 0, first: int = 1) -> Request:
    prompt = [first + i for i in range(num_prompt_tokens)]
    return Request(name, prompt, SamplingParams(), seed=0, max_tokens=max_tokens, speculation_depth=depth)


def _scoring(name: str, num_prompt_tokens: int, *, max_tokens: int = 8) -> Request:
    prompt = list(range(1, num_prompt_tokens + 1))
    return Request(name, prompt, SamplingParams(prompt_logprobs=0), seed=0, max_tokens=max_tokens)


def _scheduler(num_blocks: int = 64, **config: int) -> Scheduler:
    return Scheduler(SchedulerConfig(**config), BlockManager(num_blocks, BLOCK_SIZE))


def _finish_step(scheduler: Scheduler, output: SchedulerOutput, num_accepted: int = 0, token_id: int = 99) -> None:
    """Do what the engine does behind a forward pass: commit tokens, then update."""
    for item in output.scheduled:
        accepted = min(num_accepted, max(item.max_draft_tokens, item.max_predicted_tokens)) if item.catches_up else 0
        if item.catches_up:
            for _ in range(accepted + 1):
                if not item.request.commit_token(token_id):
                    break
        scheduler.update(item, accepted)


def test_requests_start_in_the_order_they_came() -> None:
    scheduler = _scheduler(max_num_seqs=2)
    for name in "abc":
        scheduler.add(_request(name, 3))
    assert [item.request.request_id for item in scheduler.schedule().scheduled] == ["a", "b"]


def test_a_step_never_computes_more_than_its_budget() -> None:
    scheduler = _scheduler(max_num_seqs=4, max_num_batched_tokens=10)
    for name in "abcd":
        scheduler.add(_request(name, 7, depth=5))
    for _ in range(12):
        output = scheduler.schedule()
        assert sum(item.num_tokens + item.max_draft_tokens for item in output.scheduled) <= 10
        _finish_step(scheduler, output)


def test_a_prompt_longer_than_the_budget_is_computed_in_chunks_and_samples_at_its_end_only() -> None:
    scheduler = _scheduler(max_num_seqs=2, max_num_batched_tokens=5)
    request = _request("a", 12)
    scheduler.add(request)
    chunks = []
    while request.num_output_tokens == 0:
        output = scheduler.schedule()
        chunks.append((output.scheduled[0].num_tokens, output.scheduled[0].catches_up))
        _finish_step(scheduler, output)
    assert chunks == [(5, False), (5, False), (2, True)]


def test_drafting_starts_behind_the_first_token_and_respects_max_tokens() -> None:
    scheduler = _scheduler()
    request = _request("a", 3, max_tokens=6, depth=4)
    scheduler.add(request)
    reserved = []
    while not request.is_finished:
        output = scheduler.schedule()
        reserved.append(output.scheduled[0].max_draft_tokens)
        _finish_step(scheduler, output)
    assert reserved == [0, 4, 3, 2, 1, 0]


def test_a_prediction_is_drafted_from_before_the_first_token_and_deeper_than_the_rest() -> None:
    scheduler = _scheduler()
    request = Request("a", [1, 2, 3], SamplingParams(), seed=0, max_tokens=12, speculation_depth=4, prediction_depth=7)
    scheduler.add(request)
    reserved = []
    while not request.is_finished:
        (item,) = scheduler.schedule().scheduled
        assert len(request.block_table) * BLOCK_SIZE >= request.num_tokens + item.max_predicted_tokens
        reserved.append((item.max_draft_tokens, item.max_predicted_tokens))
        _finish_step(scheduler, SchedulerOutput([item]), num_accepted=1)
    assert reserved == [(0, 7), (4, 7), (4, 7), (4, 5), (3, 3), (1, 1)]


def test_who_rests_gets_no_slots_for_drafts_and_is_known_to() -> None:
    scheduler = _scheduler()
    requests = [_request("a", 3, depth=4), _request("b", 3, depth=4), _request("c", 3, depth=0)]
    for request in requests:
        scheduler.add(request)
    _finish_step(scheduler, scheduler.schedule())
    scheduled = scheduler.schedule(rests=lambda request: request.request_id != "b").scheduled
    assert [(item.max_draft_tokens, item.is_resting) for item in scheduled] == [(0, True), (4, False), (0, False)]


def test_drafts_from_a_prediction_count_in_the_budget() -> None:
    scheduler = _scheduler(max_num_seqs=2, max_num_batched_tokens=10)
    for name in "ab":
        scheduler.add(Request(name, [1, 2, 3], SamplingParams(), seed=0, max_tokens=90, prediction_depth=7))
    output = scheduler.schedule()
    assert [item.max_predicted_tokens for item in output.scheduled] == [4, 0]


def test_rejected_drafts_roll_back_by_arithmetic_and_give_their_blocks_back() -> None:
    scheduler = _scheduler()
    request = _request("a", 3, max_tokens=40, depth=10)
    scheduler.add(request)
    _finish_step(scheduler, scheduler.schedule())
    output = scheduler.schedule()
    assert len(request.block_table) == 4, "room for 4 tokens and 10 drafts"
    _finish_step(scheduler, output, num_accepted=2)
    assert request.num_computed_tokens == 3 + 1 + 2 == request.num_tokens - 1
    assert len(request.block_table) == 2


def test_only_committed_tokens_become_findable() -> None:
    scheduler = _scheduler()
    request = _request("a", 3, max_tokens=40, depth=10)
    scheduler.add(request)
    _finish_step(scheduler, scheduler.schedule())
    _finish_step(scheduler, scheduler.schedule(), num_accepted=0)
    table: list[int] = []
    assert scheduler.block_manager.acquire_prefix(table, [1, 2, 3, 99, 99, 99, 99, 99, 99]) == 4
    scheduler.block_manager.free(table)


def test_the_last_to_come_is_preempted_and_finishes_later() -> None:
    scheduler = _scheduler(num_blocks=6, max_num_batched_tokens=64)
    early, late = _request("early", 8, max_tokens=12), _request("late", 8, max_tokens=12, first=50)
    scheduler.add(early)
    scheduler.add(late)
    order = []
    for _ in range(60):
        for request in (early, late):
            if request.is_finished and request.request_id not in order:
                order.append(request.request_id)
        _finish_step(scheduler, scheduler.schedule())
        scheduler.block_manager.check_integrity(r.block_table for r in (early, late))
    assert order == ["early", "late"]
    assert late.metrics.num_preemptions > 0
    assert early.metrics.num_preemptions == 0
    assert late.num_output_tokens == 12


def test_a_request_that_can_never_fit_is_refused_at_once() -> None:
    scheduler = _scheduler(num_blocks=4)
    with pytest.raises(InvalidRequestError, match="KV cache"):
        scheduler.add(_request("a", 10, max_tokens=7))


@pytest.mark.parametrize("has_started", [False, True])
def test_a_full_queue_is_busy(has_started: bool) -> None:
    """Requests that a free seat awaits do not fill the queue, so it makes no difference when the next step comes."""
    scheduler = _scheduler(max_num_seqs=2, max_num_waiting=1)
    for name in "abc":
        scheduler.add(_request(name, 3))
        if has_started:
            scheduler.schedule()
    with pytest.raises(EngineBusyError, match="3 requests"):
        scheduler.add(_request("d", 3))


@pytest.mark.parametrize("seed", range(25))
def test_any_walk_ends_with_every_request_served_and_every_block_free(seed: int) -> None:
    """Random arrivals, acceptances and aborts over a pool too small for all of them."""
    rng = random.Random(seed)
    scheduler = _scheduler(num_blocks=rng.randrange(8, 30), max_num_seqs=4, max_num_batched_tokens=rng.randrange(4, 40))
    requests: list[Request] = []
    to_come = 12
    for _ in range(2_000):
        if to_come and rng.random() < 0.3:
            to_come -= 1
            request = _request(
                str(to_come), rng.randrange(1, 20), max_tokens=rng.randrange(1, 12), depth=rng.choice((0, 3, 8))
            )
            request.prediction_depth = rng.choice((0, 0, 6))
            scheduler.add(request)
            requests.append(request)
        if requests and rng.random() < 0.02:
            scheduler.abort(rng.choice(requests))
        _finish_step(scheduler, scheduler.schedule(), num_accepted=rng.randrange(9), token_id=rng.randrange(50))
        scheduler.block_manager.check_integrity(request.block_table for request in requests)
        for request in scheduler.running:
            assert request.num_computed_tokens < request.num_tokens
            assert request.status is RequestStatus.RUNNING
        if not to_come and not scheduler.has_requests:
            break
    assert not scheduler.has_requests, "somebody was never served"
    for request in requests:
        assert request.finish_reason is FinishReason.ABORT or request.num_output_tokens == request.max_tokens
    assert scheduler.block_manager.num_free_blocks == scheduler.block_manager.num_blocks


def test_prompts_whose_logits_are_wanted_share_a_limit_of_their_own() -> None:
    """Rows of logits take memory; prompts that keep none are not held up behind them."""
    scheduler = Scheduler(SchedulerConfig(max_num_seqs=4), BlockManager(64, BLOCK_SIZE), max_num_prompt_logits=6)
    scheduler.add(_scoring("a", 9))
    scheduler.add(_scoring("b", 4))
    assert [(item.request.request_id, item.num_tokens) for item in scheduler.schedule().scheduled] == [("a", 6)]
    scheduler = Scheduler(SchedulerConfig(max_num_seqs=4), BlockManager(64, BLOCK_SIZE), max_num_prompt_logits=6)
    scheduler.add(_scoring("a", 4))
    scheduler.add(_scoring("b", 4))
    scheduler.add(_scoring("c", 4))
    assert [(item.request.request_id, item.num_tokens) for item in scheduler.schedule().scheduled] == [
        ("a", 4),
        ("b", 2),
    ]


def test_a_prompt_whose_logits_are_wanted_takes_nothing_from_the_prefix_cache() -> None:
    scheduler = _scheduler()
    for make in (_request, _request, _scoring):
        request = make("a", 12, max_tokens=1)
        scheduler.add(request)
        output = scheduler.schedule()
        taken = request.num_computed_tokens
        _finish_step(scheduler, output)
    assert taken == 0, "cached KV has no logits"


def test_a_prompt_that_fills_the_pool_is_computed_when_nothing_is_to_follow() -> None:
    scheduler = _scheduler(num_blocks=2)
    scheduler.add(_request("a", 8, max_tokens=0))
    assert len(scheduler.schedule()) == 1


def test_a_beginning_that_several_share_is_computed_once() -> None:
    """Choices of one request arrive together: the others wait for the first one's blocks, and then share them."""
    scheduler = _scheduler(max_num_seqs=4, max_num_batched_tokens=8)
    for name in "abc":
        scheduler.add(_request(name, 14))
    num_computed = 0
    steps = []
    while any(request.num_output_tokens == 0 for request in (*scheduler.running, *scheduler.waiting)):
        output = scheduler.schedule()
        steps.append([item.request.request_id for item in output.scheduled])
        num_computed += sum(item.num_tokens for item in output.scheduled if not item.request.num_output_tokens)
        _finish_step(scheduler, output)
    assert steps == [["a"], ["a"], ["a", "b", "c"]]
    assert num_computed == 14 + 2 + 2
    assert len({tuple(request.block_table[:3]) for request in scheduler.running}) == 1


def test_whoever_waits_for_a_shared_beginning_holds_up_nobody_else() -> None:
    scheduler = _scheduler(max_num_seqs=3, max_num_batched_tokens=8)
    for name, first in (("a", 1), ("b", 1), ("c", 50), ("d", 60)):
        scheduler.add(_request(name, 8 if name < "c" else 4, first=first))
    scheduler.add(_request("e", 4, first=70))
    _finish_step(scheduler, scheduler.schedule())
    assert [request.request_id for request in scheduler.running] == ["a"], "the budget is used up"
    output = scheduler.schedule()
    assert [item.request.request_id for item in output.scheduled] == ["a", "b", "c"], "b kept its seat before d"


def test_when_the_one_that_computes_goes_away_the_next_one_does_it() -> None:
    scheduler = _scheduler(max_num_seqs=4, max_num_batched_tokens=4)
    first, second = _request("a", 12), _request("b", 12)
    scheduler.add(first)
    scheduler.add(second)
    _finish_step(scheduler, scheduler.schedule())
    scheduler.abort(first)
    output = scheduler.schedule()
    assert [item.request.request_id for item in output.scheduled] == ["b"]
    assert second.num_computed_tokens == 4, "what was computed is not lost"


def _timed(name: str, *, deadline_s: float | None = None, queue_timeout_s: float | None = None) -> Request:
    return Request(
        name,
        [1, 2, 3],
        SamplingParams(),
        seed=0,
        max_tokens=8,
        deadline_s=deadline_s,
        queue_timeout_s=queue_timeout_s,
    )


def test_a_request_ends_when_its_time_is_over_wherever_it_stands() -> None:
    scheduler = _scheduler(max_num_seqs=2)
    start_s = time.monotonic()
    running, patient = _timed("running", deadline_s=start_s + 5), _timed("patient")
    waiting, queued = _timed("waiting", deadline_s=start_s + 7), _timed("queued", queue_timeout_s=6)
    queued.metrics.arrival_s = start_s
    for request in (running, patient, waiting, queued):
        scheduler.add(request)
    _finish_step(scheduler, scheduler.schedule())
    assert scheduler.expire(start_s + 4.9) == []
    ends = {s: [(one.request_id, type(error)) for one, error in scheduler.expire(start_s + s)] for s in (5.5, 6.5, 99)}
    assert ends == {
        5.5: [("running", DeadlineExceededError)],
        6.5: [("queued", QueueTimeoutError)],
        99: [("waiting", DeadlineExceededError)],
    }
    assert [request.request_id for request in scheduler.running] == ["patient"] and not scheduler.waiting
    scheduler.block_manager.check_integrity([patient.block_table])


def test_a_request_that_has_started_does_not_wait_in_the_queue_any_more() -> None:
    """Not even after a preemption: it would lose what it has."""
    scheduler = _scheduler()
    request = _timed("a", queue_timeout_s=1)
    scheduler.add(request)
    _finish_step(scheduler, scheduler.schedule())
    scheduler.preempt(request)
    assert scheduler.expire(request.metrics.arrival_s + 50) == []
