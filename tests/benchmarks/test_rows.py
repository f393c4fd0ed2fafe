"""Ratios are taken pair by pair, and what was not measured does not count."""

from __future__ import annotations

import pytest

from benchmarks.rows import Row, batch_rows, best, fixed_rows, ratio_of, single_rows
from benchmarks.traces import Batch, Trace
from benchmarks.workloads import Prompt
from helix import SpecDecodeStats

PROMPTS = [Prompt((i,), lambda text: text == "right") for i in range(3)]


def trace(rate: float, *, token_ids: tuple[int, ...] = (1, 2, 3), text: str = "") -> Trace:
    return Trace(list(token_ids), text, elapsed_s=2 / rate, num_timed_tokens=2)


def speculative(depths: list[int], accepted: list[int]) -> Trace:
    spec = SpecDecodeStats()
    for depth, num in zip(depths, accepted, strict=True):
        spec.observe([("draft", depth)] if depth else [], num_accepted_tokens=num, num_emitted=num + 1)
    return Trace([1], elapsed_s=1.0, num_timed_tokens=10, depths=depths, spec=spec)


def test_the_speed_up_is_the_median_of_the_ratios_and_not_the_ratio_of_the_medians() -> None:
    plain, auto = single_rows(
        "chat",
        PROMPTS,
        {"plain": [trace(10), trace(20), trace(100)], "auto": [trace(30), trace(40), trace(100)]},
    )
    assert auto.ratios == pytest.approx([3, 2, 1])
    assert (auto.speedup, auto.tokens_per_s) == pytest.approx((2, 40))
    assert auto.spread == pytest.approx((1, 3))
    assert (plain.speedup, plain.task, plain.concurrency) == (1, "chat", 1)


def test_an_arm_without_a_turn_is_compared_where_it_had_one() -> None:
    plain, auto, other = single_rows(
        "chat",
        PROMPTS,
        {
            "plain": [trace(10), trace(10), trace(10)],
            "auto": [trace(10), trace(90), trace(90)],
            "transformers assisted": [trace(5), None, None],
        },
    )
    assert other.ratios == [pytest.approx(0.5), None, None]
    assert other.num_answers == 1
    assert ratio_of(auto, other) == pytest.approx(2)
    assert ratio_of(plain, plain) == 1


def test_equal_and_right_answers_are_counted_by_pair() -> None:
    plain = [trace(1, text="right"), trace(1), trace(1)]
    other = [trace(1, text="right"), trace(1, token_ids=(1, 2)), trace(1, text="right")]
    row = single_rows("chat", PROMPTS, {"plain": plain, "auto": other})[1]
    assert (row.num_equal, row.num_right, row.num_answers, row.num_tokens) == (2, 2, 3, 8)


def test_acceptance_is_of_the_drafts_that_reached_a_position() -> None:
    traces = [speculative([3, 0, 3], [1, 0, 2]), speculative([3], [3])]
    row = single_rows("chat", PROMPTS[:2], {"plain": [trace(10), trace(10)], "draft 3": traces})[1]
    assert row.acceptance_per_position == pytest.approx([1, 2 / 3, 1 / 3])
    assert row.acceptance_rate == pytest.approx(6 / 9)
    assert row.token_acceptance == pytest.approx(6 / 8)
    assert row.mean_accepted_length == pytest.approx(10 / 4)
    assert row.drafted_share == pytest.approx(3 / 4)
    assert row.accepted_by_proposer == {"draft": 6}


def test_depths_are_means_of_the_answers_that_lasted_as_long() -> None:
    traces = [speculative([3, 0, 1], [1, 0, 1]), speculative([2], [2])]
    row = single_rows("chat", PROMPTS[:2], {"plain": [trace(10), trace(10)], "auto": traces})[1]
    assert row.depths == [2.5, 0, 1]


def test_together_a_round_is_the_pair() -> None:
    plain = [Batch([trace(1)] * 3, 2.0, 40), Batch([trace(1)] * 3, 1.0, 40)]
    auto = [Batch([trace(1)] * 3, 1.0, 40), Batch([trace(1)] * 3, 1.0, 60)]
    row = batch_rows("chat", PROMPTS, {"plain": plain, "auto": auto})[1]
    assert row.ratios == pytest.approx([2, 1.5])
    assert (row.concurrency, row.num_answers) == (3, 6)


def test_the_best_fixed_depth_is_one_of_a_method_with_a_depth() -> None:
    rows = [row("auto", 9.0), row("draft 4", 2.0), row("ngram 8", 3.0), row("transformers lookup", 5.0)]
    assert [one.arm for one in fixed_rows(rows)] == ["draft 4", "ngram 8"]
    found = best(fixed_rows(rows))
    assert found is not None and found.arm == "ngram 8"
    assert best([]) is None


def row(arm: str, speedup: float) -> Row:
    return Row(
        task="chat", arm=arm, concurrency=1, tokens_per_s=1.0, speedup=speedup, ratios=[speedup], num_tokens=1,
        num_answers=1, num_equal=1, num_right=1,
    )  # fmt: skip
