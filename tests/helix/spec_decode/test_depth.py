"""Depths follow from measured costs and past acceptance."""

from __future__ import annotations

import pytest

from helix.spec_decode.depth import Acceptance, Experience, PassCosts, plan


def test_costs_between_measured_rows_are_interpolated_and_beyond_them_continued() -> None:
    costs = PassCosts({1: 1.0, 4: 4.0, 8: 4.0, 16: 12.0})
    assert [costs.verification_s(rows) for rows in (1, 2, 4, 6, 12, 16, 20)] == [1, 2, 4, 4, 8, 12, 16]


def test_a_pass_never_gets_cheaper_beyond_what_was_measured() -> None:
    assert PassCosts({1: 2.0, 4: 1.0}).verification_s(100) == 1.0
    assert PassCosts({1: 1.0, 4: 2.0}).verification_s(7) == 3.0
    assert PassCosts({1: 2.0}).verification_s(100) == 2.0


def test_fewer_rows_never_cost_more() -> None:
    costs = PassCosts({1: 5.0, 2: 9.0, 4: 3.0, 8: 4.0})
    assert [costs.verification_s(rows) for rows in (1, 2, 3, 4, 8)] == [3, 3, 3, 3, 4]


def test_a_machine_that_was_busy_before_serving_is_not_taken_for_slow_at_many_rows() -> None:
    costs = PassCosts({1: 10.0, 6: 12.0})
    for _ in range(60):
        costs.observe_step(1, 1.0)
    assert costs.verification_s(1) == pytest.approx(1.0, rel=0.16)
    assert costs.verification_s(6) == pytest.approx(1.2, rel=0.16)


def test_what_was_observed_is_not_moved_by_other_rows() -> None:
    costs = PassCosts({1: 1.0, 6: 1.0})
    for _ in range(60):
        costs.observe_step(6, 2.0)
        costs.observe_step(1, 1.0)
    assert costs.verification_s(6) == pytest.approx(2.0, rel=0.16)
    assert costs.verification_s(1) == pytest.approx(1.0, rel=0.16)


def test_costs_follow_what_is_seen_and_hardly_a_single_pause() -> None:
    costs = PassCosts({1: 1.0, 8: 8.0}, draft_s=1.0)
    costs.observe_step(4, 4.0)
    costs.observe_step(4, 1000.0)
    assert costs.verification_s(4) < 5
    for _ in range(50):
        costs.observe_step(4, 4.0)
        costs.observe_step(4, 5.0)
        costs.observe_step(4, 1000.0)
    assert costs.verification_s(4) < 7
    for _ in range(50):
        costs.observe_step(4, 2.0)
        costs.observe_draft(0.1)
    assert costs.verification_s(4) == pytest.approx(2.0, rel=0.16)
    assert costs.draft_s == pytest.approx(0.1, rel=0.16)


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
    chosen = plan(PassCosts(target_s), acceptance=acceptance, max_draft_tokens=8, draft_s=draft_s)
    assert chosen.num_draft_tokens == depth
    if not depth:
        assert chosen.tokens_per_s == 1.0


def test_rows_of_other_requests_are_part_of_the_cost() -> None:
    costs = PassCosts({1: 1.0, 8: 1.0, 16: 9.0})
    assert plan(costs, acceptance=0.8, max_draft_tokens=8).num_draft_tokens == 7
    assert plan(costs, acceptance=0.8, max_draft_tokens=8, num_rows=4, num_requests=4).num_draft_tokens == 1


def test_acceptance_starts_as_assumed_learns_and_returns() -> None:
    acceptance = Acceptance(0.8)
    assert acceptance.probability == pytest.approx(0.8)
    for _ in range(20):
        acceptance.observe(4, 0)
    assert acceptance.probability < 0.3
    for _ in range(400):
        acceptance.pass_over()
    assert acceptance.probability == pytest.approx(0.8, abs=0.01)


def test_tokens_behind_the_first_rejection_are_not_counted_as_misses() -> None:
    deep, shallow = Acceptance(0.5), Acceptance(0.5)
    deep.observe(16, 1)
    shallow.observe(2, 1)
    assert deep.probability == shallow.probability


def test_experience_compares_a_draft_with_what_came() -> None:
    experience = Experience()
    guess = experience.acceptance("draft", 0)
    before = guess.probability
    experience.expect(guess, [5, 6, 7], 2)
    experience.learn([1, 2, 5, 6, 7, 8])
    right = guess.probability
    assert right > before
    experience.expect(guess, [5, 6, 7], 6)
    experience.learn([1, 2, 5, 6, 7, 8, 9])
    assert guess.probability < right


def test_proposers_and_lengths_of_match_are_judged_apart() -> None:
    experience = Experience()
    assert experience.acceptance("ngram", 1) is not experience.acceptance("ngram", 2)
    assert experience.acceptance("ngram", 2) is experience.acceptance("ngram", 3)
    assert experience.acceptance("ngram", 4) is experience.acceptance("ngram", 99)
    assert experience.acceptance("draft", 0) is not experience.acceptance("other", 0)
