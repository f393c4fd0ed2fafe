"""Every way to decode says the same, and none gains by what another one wrote."""

from __future__ import annotations

import math

import pytest

from helix.bench import AUTO, PLAIN, ArmResult, bench_arms, run_bench
from tests.engines import make_engine
from tests.models import repeating_llama, tiny_llama


def test_all_arms_say_the_same_and_a_depth_is_kept() -> None:
    engine = make_engine(repeating_llama(), tiny_llama(seed=1))
    arms = bench_arms(engine)
    assert [arm.name for arm in arms[:3]] == ["plain", "auto", "draft, 2 ahead"]
    results = run_bench(engine, [[1, 2, 3], [4, 5, 6, 7]], max_tokens=20, arms=arms)
    assert [result.arm for result in results] == arms
    assert len({tuple(result.answers) for result in results}) == 1
    plain, _, drafted = results[:3]
    assert plain.spec.num_draft_tokens == 0
    assert drafted.spec.draft_tokens_per_position.keys() == {0, 1}
    assert engine.block_manager.num_free_blocks == engine.info.num_blocks


def test_what_one_arm_wrote_helps_no_other() -> None:
    """Both draft from earlier outputs, and must find none."""
    engine = make_engine(tiny_llama(seed=3))
    suffix = [arm for arm in bench_arms(engine) if arm.method == "suffix"]
    first, second = run_bench(engine, [[1, 2, 3]] * 2, max_tokens=16, arms=[suffix[0], suffix[0]])
    assert first.answers == second.answers
    assert first.answers[0] == first.answers[1]
    assert first.spec.num_draft_tokens == second.spec.num_draft_tokens


def test_the_speed_up_is_the_mean_of_the_prompts_ratios() -> None:
    plain = ArmResult(PLAIN, tokens_per_s=[10.0, 40.0, math.nan])
    auto = ArmResult(AUTO, tokens_per_s=[20.0, 20.0, 30.0])
    assert auto.speed_up(plain) == pytest.approx(1.0)
    assert plain.median_tokens_per_s == 25.0
    assert math.isnan(ArmResult(AUTO).speed_up(ArmResult(PLAIN)))
