"""The predicted ceiling is the paper's formula with measured costs."""

from __future__ import annotations

import pytest

from benchmarks.costs import CostTable, expected_length, measure_costs
from tests.engines import make_engine
from tests.models import tiny_llama

COSTS = CostTable(96, {1: 0.1, 2: 0.1, 4: 0.14}, 0.005)


def test_the_expected_length_is_leviathans() -> None:
    assert expected_length(0.5, 3) == pytest.approx((1 - 0.5**4) / (1 - 0.5))
    assert expected_length(1.0, 4) == 5
    assert expected_length(0.7, 0) == 1


def test_costs_between_and_beyond_the_measured_rows_follow_the_slope() -> None:
    assert [COSTS.relative(m) for m in (1, 2, 3, 4)] == pytest.approx([1, 1, 1.2, 1.4])
    assert COSTS.relative(6) == pytest.approx(1.8)


def test_more_rows_never_seem_cheaper_than_the_last_measured_ones() -> None:
    assert CostTable(96, {1: 0.1, 4: 0.3, 5: 0.2}, None).relative(20) == pytest.approx(3)


def test_the_ceiling_pays_for_drafting_and_verifying() -> None:
    assert COSTS.draft_cost == pytest.approx(0.05)
    assert COSTS.ceiling(0.5, 3, is_free=False) == pytest.approx(1.875 / (1.4 + 3 * 0.05))
    assert COSTS.ceiling(0.5, 3, is_free=True) == pytest.approx(1.875 / 1.4)
    assert COSTS.ceiling(0.5, 3, is_free=True, drafted_share=0) == 1


def test_measuring_leaves_the_engine_as_it_was() -> None:
    target = tiny_llama()
    engine = make_engine(target, target)
    costs = measure_costs(engine, rows=(1, 2, 4), context_len=12, repeats=2)
    assert set(costs.target_s) == {1, 2, 4}
    assert costs.draft_s is not None and all(seconds > 0 for seconds in (costs.draft_s, *costs.target_s.values()))
    assert engine.block_manager.num_used_blocks == 0
