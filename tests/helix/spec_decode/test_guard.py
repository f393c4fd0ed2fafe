"""What speculation may cost where it brings nothing."""

from __future__ import annotations

import random

import pytest

from helix.spec_decode.guard import FIRST_CREDIT, NEXT_CREDIT, SHARE, Guard, Pace, UsualTime


def _run(guard: Guard, num_steps: int, drafted_s: float, plain_s: float = 1.0) -> list[bool]:
    """Draft in every step that allows it, a step of drafts taking drafted_s; returns in which ones."""
    drafted = []
    for _ in range(num_steps):
        drafted.append(not guard.is_off)
        guard.observe(plain_s if guard.is_off else drafted_s, plain_s, step_s=1.0)
    return drafted


def test_the_guard_stops_what_does_not_pay_and_lets_it_try_again() -> None:
    guard = Guard()
    drafted = _run(guard, 2000, 1.5)
    first_pause = drafted.index(False)
    assert FIRST_CREDIT / 0.5 <= first_pause <= 3 * FIRST_CREDIT / 0.5
    assert any(drafted[first_pause + int(NEXT_CREDIT / SHARE) :])


@pytest.mark.parametrize("drafted_s", [1.02, 1.1, 1.3, 2.0, 4.0])
def test_what_does_not_pay_takes_a_small_share_of_the_time(drafted_s: float) -> None:
    drafted = _run(Guard(), 10_000, drafted_s)
    lost = (drafted_s - 1) * sum(drafted)
    assert lost <= 4 * FIRST_CREDIT + 2 * SHARE * len(drafted)


def test_a_step_is_said_to_stop_it_once() -> None:
    guard = Guard()
    assert sum(guard.observe(1.5, 1.0, step_s=1.0) for _ in range(50)) == 1


def test_the_guard_leaves_alone_what_pays_and_forgives_pauses_of_the_machine() -> None:
    guard = Guard()
    for step in range(1000):
        guard.observe(1000.0 if step % 100 == 77 else 0.7, 1.0, step_s=1.0)
        assert not guard.is_off


def test_what_a_first_pass_costs_may_be_won_back() -> None:
    """A draft model reads the whole prompt first; judged by that step alone it would never get to guess."""
    guard = Guard()
    assert not guard.observe(9.0, 2.0, step_s=1.0)
    for _ in range(100):
        assert not guard.observe(1.2, 2.0, step_s=1.0)


def test_what_wins_now_and_loses_now_goes_on_if_it_wins_on_the_whole() -> None:
    rng, guard = random.Random(1), Guard()
    drafted = [not guard.is_off for _ in range(5000) if not guard.observe(rng.uniform(0.2, 1.6), 1.0, step_s=1.0)]
    assert sum(drafted) > 0.95 * len(drafted)


def test_questions_that_take_next_to_nothing_are_asked_in_every_step() -> None:
    assert all(_run(Guard(), 5000, 1 + 0.9 * SHARE))


def test_every_hundredth_step_is_done_the_other_way() -> None:
    pace = Pace()
    allowed = []
    for _ in range(300):
        allowed.append(pace.allows)
        pace.note(has_drafts=pace.allows)
    assert allowed.count(False) == 3
    for _ in range(100):
        assert not pace.is_probing
        pace.note(has_drafts=False)
    assert pace.is_probing


def test_a_pause_of_the_machine_is_told_from_what_something_usually_takes() -> None:
    usual = UsualTime()
    assert [usual.excess(seconds) for seconds in (1.0, 1.5, 50.0)] == [0, 0, pytest.approx(48, abs=0.2)]
    for _ in range(100):
        usual.excess(6.0)
    assert usual.excess(6.0) == 0, "and what has become slower is not taken for one for ever"
