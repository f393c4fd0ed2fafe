"""Whoever asks for much waits for those who ask for little, and nobody for ever."""

from __future__ import annotations

import pytest

from helix.config import SchedulerConfig
from helix.kv_cache.block_manager import BlockManager
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import Scheduler
from helix.waiting_queue import WaitingQueue


def _request(name: str, tenant: str | None = None, num_tokens: int = 4, first: int = 1) -> Request:
    prompt = list(range(first, first + num_tokens))
    return Request(name, prompt, SamplingParams(), seed=0, max_tokens=1, tenant=tenant)


def _names(queue: WaitingQueue) -> list[str]:
    return [request.request_id for request in queue]


def test_one_tenant_is_served_in_the_order_of_arrival() -> None:
    queue = WaitingQueue()
    for name in "abc":
        queue.append(_request(name))
    queue.appendleft(_request("preempted"))
    assert _names(queue) == ["preempted", "a", "b", "c"]
    assert len(queue) == 4


def test_a_tenant_with_one_request_does_not_stand_behind_a_hundred_of_another() -> None:
    """With one line for all, 'late' would start last."""
    scheduler = Scheduler(SchedulerConfig(max_num_seqs=2), BlockManager(256, 4, enable_prefix_caching=False))
    for number in range(100):
        scheduler.add(_request(f"greedy-{number}", "greedy"))
    scheduler.add(_request("late", "modest"))
    started = [item.request.request_id for item in scheduler.schedule().scheduled]
    assert started == ["greedy-0", "late"]


def test_turns_are_counted_in_tokens_and_not_in_requests() -> None:
    scheduler = Scheduler(
        SchedulerConfig(max_num_seqs=1, max_num_batched_tokens=64), BlockManager(256, 4, enable_prefix_caching=False)
    )
    for number in range(3):
        scheduler.add(_request(f"long-{number}", "long", 30))
    for number in range(9):
        scheduler.add(_request(f"short-{number}", "short", 9))
    order = []
    while scheduler.has_requests:
        (item,) = scheduler.schedule().scheduled
        order.append(item.request.request_id.split("-")[0])
        item.request.commit_token(1)
        scheduler.update(item, 0)
    assert order[:5] == ["long", *["short"] * 4], "31 tokens against 4 times 10"
    assert order.count("short") == 9 and order.count("long") == 3


def test_nobody_saves_up_service_by_staying_away() -> None:
    queue = WaitingQueue()
    busy = _request("busy", "busy")
    queue.append(busy)
    queue.charge(busy, 1000)
    queue.append(_request("fresh-1", "fresh"))
    queue.append(_request("fresh-2", "fresh"))
    first = next(queue.candidates())
    assert first is busy, "the newcomer starts level, behind who came first"
    queue.charge(busy, 1)
    assert next(queue.candidates()).request_id == "fresh-1"


def test_what_is_passed_over_and_what_is_taken_may_be_mixed() -> None:
    queue = WaitingQueue()
    for name, tenant in (("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")):
        queue.append(_request(name, tenant))
    seen = []
    for request in queue.candidates():
        seen.append(request.request_id)
        if request.request_id in "bc":
            queue.remove(request)
    assert sorted(seen) == ["a", "b", "c", "d"]
    assert sorted(_names(queue)) == ["a", "d"]
    assert len(queue) == 2
    with pytest.raises(ValueError, match="not"):
        queue.remove(_request("stranger", "z"))
