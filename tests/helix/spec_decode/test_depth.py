"""Depths follow from measured costs and past acceptance."""

from __future__ import annotations

import itertools
import random

import pytest

from helix.spec_decode.costs import Load, PassCosts
from helix.spec_decode.depth import LEAST_GAIN, Candidate, plan, survival


def _model(acceptance: float, num_tokens: int, token_s: float, catch_up_s: float = 0.0) -> Candidate:
    return Candidate(
        survival=survival([acceptance] * num_tokens),
        context_len=0,
        first_s=token_s,
        next_s=token_s,
        catch_up_s=catch_up_s,
    )


@pytest.mark.parametrize(
    ("acceptance", "target_s", "draft_s", "depth"),
    [
        (1.0, {1: 1.0, 17: 1.0}, 0.0, 8),
        (0.0, {1: 1.0, 17: 1.0}, 0.01, 0),
        (0.9, {1: 1.0, 17: 17.0}, 0.0, 0),
        (0.5, {1: 1.0, 17: 1.0}, 0.2, 1),
        (0.9, {1: 1.0, 5: 1.0, 6: 3.0, 17: 3.0}, 0.01, 4),
    ],
)
def test_the_depth_of_most_tokens_per_second_is_chosen(
    acceptance: float, target_s: dict[int, float], draft_s: float, depth: int
) -> None:
    chosen = plan(PassCosts(target_s), [_model(acceptance, 8, draft_s)], load=Load(1), num_tokens=1)
    assert chosen.depths == [depth]
    if not depth:
        assert chosen.tokens_per_s == 1.0


def test_catching_up_is_part_of_the_price() -> None:
    costs = PassCosts({1: 1.0, 17: 1.0})
    near = plan(costs, [_model(0.6, 8, 0.1)], load=Load(1), num_tokens=1)
    far = plan(costs, [_model(0.6, 8, 0.1, catch_up_s=3.0)], load=Load(1), num_tokens=1)
    assert near.depths[0] > 0
    assert far.depths == [0]


def test_each_request_pays_for_its_own_catching_up() -> None:
    """Drafting together costs no more than for one, computing two prompts costs twice as much."""
    costs = PassCosts({1: 1.0, 17: 1.0})
    for catch_up_s, depths in ((0.0, [2, 2]), (0.3, [2, 2]), (0.9, [0, 0])):
        requests = [_model(0.8, 2, 0.1, catch_up_s) for _ in range(2)]
        chosen = plan(costs, requests, load=Load(2), num_tokens=2)
        assert chosen.depths == depths
        num_tokens = 2 + sum(0.8**place for depth in depths for place in range(1, depth + 1))
        step_s = 1.0 + 0.1 * max(depths) + catch_up_s * sum(depth > 0 for depth in depths)
        assert chosen.tokens_per_s == pytest.approx(num_tokens / step_s)


def test_a_draft_that_is_made_already_costs_no_time() -> None:
    costs = PassCosts({1: 1.0, 17: 1.0})
    made = Candidate(survival=survival([0.1] * 4), context_len=0)
    assert plan(costs, [made], load=Load(1), num_tokens=1).depths == [4]


def test_long_contexts_make_rows_dearer() -> None:
    costs = PassCosts({1: 1.0, 17: 1.2}, 0.0005)
    depths = [
        plan(
            costs,
            [Candidate(survival=survival([0.7] * 16), context_len=length)],
            load=Load(1, length),
            num_tokens=1,
        ).depths[0]
        for length in (10, 500, 4000)
    ]
    assert depths[0] > depths[1] > depths[2]


def test_rows_go_to_those_who_are_likelier_to_use_them() -> None:
    costs = PassCosts({1: 1.0, 8: 1.0, 9: 50.0})
    candidates = [Candidate(survival=survival([p] * 8), context_len=0) for p in (0.95, 0.2, 0.6)]
    good, bad, middling = plan(costs, candidates, load=Load(3), num_tokens=3).depths
    assert good + bad + middling == 5
    assert good > middling >= bad


def test_the_plan_for_a_batch_is_the_best_of_all() -> None:
    """Against every combination of depths."""
    rng = random.Random(3)
    for _ in range(40):
        times = list(itertools.accumulate([1.0] + [rng.choice([0.0, 0.05, 0.4, 1.0]) for _ in range(11)]))
        costs = PassCosts(dict(enumerate(times, start=1)))
        candidates = [
            Candidate(survival=survival([rng.uniform(0.2, 1) for _ in range(3)]), context_len=0) for _ in range(3)
        ]
        best = max(
            (3 + sum(sum(c.survival[:d]) for c, d in zip(candidates, depths, strict=True)))
            / costs.seconds(Load(3 + sum(depths)))
            for depths in itertools.product(range(4), repeat=3)
        )
        plain = 3 / costs.seconds(Load(3))
        best = best if best > LEAST_GAIN * plain else plain
        assert plan(costs, candidates, load=Load(3), num_tokens=3).tokens_per_s == pytest.approx(best)


@pytest.mark.parametrize(
    ("target_s", "num_tokens", "passes"),
    [
        ({1: 1.0, 2: 1.03, 4: 1.08, 6: 1.15, 8: 1.43, 13: 2.19, 17: 2.81}, 16, ([15, 1], [16])),
        ({1: 1.0, 8: 1.4, 9: 1.7, 17: 6.0}, 9, ([8, 1], [9])),
        ({1: 1.0, 8: 1.4, 9: 1.7, 17: 6.0}, 14, ([8, 6], [8, 6])),
    ],
)
def test_a_cut_that_leaves_a_few_tokens_before_the_end_counts_the_pass_they_take(
    target_s: dict[int, float], num_tokens: int, passes: tuple[list[int], list[int]]
) -> None:
    costs = PassCosts(target_s)
    for ending, expected in zip((0.0, 0.9), passes, strict=True):
        num_left, taken = num_tokens, []
        while num_left:
            draft = Candidate(survival=survival([0.99] * (num_left - 1)), context_len=0, ending=ending)
            (depth,) = plan(costs, [draft], load=Load(1), num_tokens=1).depths
            taken.append(depth + 1)
            num_left -= depth + 1
        assert taken == expected


@pytest.mark.parametrize(("acceptance", "depths"), [(0.01, [0]), (0.03, [1])])
@pytest.mark.parametrize("num_requests", [1, 2])
def test_drafts_that_hardly_promise_more_than_plain_decoding_are_left_out(
    acceptance: float, depths: list[int], num_requests: int
) -> None:
    """What they promise is an estimate, and what they cost is not all of it."""
    costs = PassCosts({1: 1.0, 17: 1.0})
    candidates = [Candidate(survival=[acceptance], context_len=0) for _ in range(num_requests)]
    chosen = plan(costs, candidates, load=Load(num_requests), num_tokens=num_requests)
    assert chosen.depths == depths * num_requests
    assert chosen.tokens_per_s == pytest.approx(num_requests * (1 + acceptance * depths[0]))
