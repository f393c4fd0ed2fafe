"""Costs follow what was measured, and then what is seen."""

from __future__ import annotations

import random

import pytest

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from helix.spec_decode.costs import Load, PassCosts, plain_load, verification_load
from helix.spec_decode.proposer import Draft


def _seconds(costs: PassCosts, num_rows: int) -> float:
    return costs.seconds(Load(num_rows))


def test_costs_between_measured_rows_are_interpolated_and_beyond_them_continued() -> None:
    costs = PassCosts({1: 1.0, 4: 4.0, 8: 4.0, 16: 12.0})
    assert [_seconds(costs, rows) for rows in (1, 2, 4, 6, 12, 16, 20)] == [1, 2, 4, 4, 8, 12, 16]


def test_a_pass_never_gets_cheaper_beyond_what_was_measured() -> None:
    assert _seconds(PassCosts({1: 2.0, 4: 1.0}), 100) == 1.0
    assert _seconds(PassCosts({1: 1.0, 4: 2.0}), 7) == pytest.approx(3.0)
    assert _seconds(PassCosts({1: 2.0}), 100) == 2.0


def test_fewer_rows_never_cost_more() -> None:
    costs = PassCosts({1: 5.0, 2: 9.0, 4: 3.0, 8: 4.0})
    assert [_seconds(costs, rows) for rows in (1, 2, 3, 4, 8)] == [3, 3, 3, 3, 4]


def test_every_row_pays_for_the_tokens_it_attends_to() -> None:
    costs = PassCosts({1: 1.0, 4: 1.0}, 0.001)
    assert costs.seconds(Load(1, 500)) == pytest.approx(1.5)
    assert costs.seconds(Load(1, 500).plus(2, 500)) == pytest.approx(2.5)


def test_a_long_context_is_not_taken_for_slow_rows() -> None:
    costs = PassCosts({1: 1.0, 4: 1.0}, 0.001)
    for _ in range(50):
        costs.observe(Load(2, 2000), 3.0)
    assert _seconds(costs, 2) == pytest.approx(1.0, rel=0.01)


def test_a_machine_that_was_busy_before_serving_is_not_taken_for_slow_at_many_rows() -> None:
    costs = PassCosts({1: 10.0, 6: 12.0})
    for _ in range(60):
        costs.observe(Load(1), 1.0)
    assert _seconds(costs, 1) == pytest.approx(1.0, rel=0.1)
    assert _seconds(costs, 6) == pytest.approx(1.2, rel=0.16)


def test_what_was_observed_is_not_moved_by_other_rows() -> None:
    costs = PassCosts({1: 1.0, 6: 1.0})
    for _ in range(60):
        costs.observe(Load(6), 2.0)
        costs.observe(Load(1), 1.0)
    assert _seconds(costs, 6) == pytest.approx(2.0, rel=0.1)
    assert _seconds(costs, 1) == pytest.approx(1.0, rel=0.1)


def test_costs_follow_what_is_seen_and_hardly_a_single_pause() -> None:
    costs = PassCosts({1: 1.0, 8: 8.0})
    costs.observe(Load(4), 4.0)
    costs.observe(Load(4), 1000.0)
    assert _seconds(costs, 4) < 5
    for _ in range(50):
        costs.observe(Load(4), 4.0)
        costs.observe(Load(4), 5.0)
        costs.observe(Load(4), 1000.0)
    assert _seconds(costs, 4) < 7
    for _ in range(50):
        costs.observe(Load(4), 2.0)
    assert _seconds(costs, 4) == pytest.approx(2.0, rel=0.1)


def test_the_load_of_a_step_counts_prompt_chunks_and_drafts() -> None:
    decoding = Request("a", [1, 2, 3, 4], SamplingParams(), seed=0, max_tokens=9)
    decoding.num_computed_tokens = 3
    prompt = Request("b", list(range(10)), SamplingParams(), seed=0, max_tokens=9)
    scheduled = [ScheduledRequest(decoding, 1, 3), ScheduledRequest(prompt, 8)]
    assert plain_load(scheduled) == Load(9, 1 * 4 + 8 * 8)
    assert verification_load(scheduled, {"a": Draft([5, 6], "ngram")}) == Load(11, 3 * 4 + 8 * 8)


def test_whatever_is_seen_costs_are_positive_and_never_fall_with_more_rows() -> None:
    """Two passes that were seen once, the longer one on a slower machine, would continue to below zero."""
    rng = random.Random(1)
    costs = PassCosts({rows: 1 + 0.1 * rows for rows in (*range(1, 17), 24, 32)}, 0.001)
    for _ in range(400):
        machine = rng.choice([0.01, 1.0, 100.0])
        costs.observe(Load(rng.choice([1, 4, 5, 17, 33, 36, 60]), 10), machine * rng.lognormvariate(0, 0.5))
        seconds = [_seconds(costs, rows) for rows in range(1, 200)]
        assert 0 < seconds[0] <= seconds[-1]
        assert seconds == sorted(seconds)


def test_a_number_of_rows_not_seen_for_long_follows_the_machine() -> None:
    """Else drafts would be judged by what they cost on the machine of an hour ago."""
    costs = PassCosts({1: 1.0, 8: 2.0, 16: 4.0})
    for speed in (1.0, 3.0, 0.5):
        for _ in range(100):
            costs.observe(Load(1), speed)
        costs.observe(Load(8), 2 * speed)
    for _ in range(100):
        costs.observe(Load(1), 2.0)
    assert _seconds(costs, 8) == pytest.approx(4.0, rel=0.15)
    assert _seconds(costs, 16) == pytest.approx(8.0, rel=0.15)


def test_another_model_follows_the_machine() -> None:
    """A draft model that nobody asks would seem slow for ever where the machine was once."""
    target, draft = PassCosts({1: 1.0, 8: 2.0}), PassCosts({1: 0.1})
    for speed in (5.0, 1.0):
        for _ in range(100):
            change = target.observe(Load(4), 1.4 * speed)
            draft.follow(change)
            if speed > 1:
                draft.observe(Load(1), 0.1 * speed)
    assert _seconds(draft, 1) == pytest.approx(0.1, rel=0.1)


def test_many_rows_are_asked_for_at_once() -> None:
    costs = PassCosts({1: 1.0, 4: 4.0, 8: 4.0}, 0.5)
    assert costs.of_rows(3, 4) == pytest.approx([_seconds(costs, rows) for rows in range(3, 8)])
    assert costs.of_rows(7, 5) == pytest.approx([_seconds(costs, rows) for rows in range(7, 13)])
    assert _seconds(costs, 100) == pytest.approx(4.0)
