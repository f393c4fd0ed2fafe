"""What speculation may cost where it brings nothing."""

from __future__ import annotations

import pytest

from helix.spec_decode.guard import GUARD_PAUSE, GUARD_WINDOW, AskingBudget, Guard


def test_the_guard_stops_what_does_not_pay_and_lets_it_try_again() -> None:
    guard = Guard()
    verdicts = [guard.observe(1.1, 1.0) for _ in range(GUARD_WINDOW)]
    assert verdicts[:-1] == [None] * (GUARD_WINDOW - 1)
    assert verdicts[-1] == pytest.approx(1 / 1.1)
    assert guard.is_off
    for _ in range(GUARD_PAUSE):
        assert guard.is_off
        guard.observe(1.0, 1.0)
    assert not guard.is_off


def test_the_guard_leaves_alone_what_pays_and_forgives_pauses_of_the_machine() -> None:
    guard = Guard()
    for step in range(10 * GUARD_WINDOW):
        assert guard.observe(1000.0 if step % 40 == 7 else 0.8, 1.0) is None
    assert not guard.is_off


@pytest.mark.parametrize(("asking_s", "fewest", "most"), [(0.0, 1000, 1000), (0.02, 1000, 1000), (0.3, 90, 120)])
def test_asking_in_vain_takes_a_small_share_of_the_time(asking_s: float, fewest: int, most: int) -> None:
    budget = AskingBudget()
    num_asked = 0
    for _ in range(1000):
        if budget.allows:
            budget.observe(asking_s, in_vain=True)
            num_asked += 1
        budget.earn(1.0)
    assert fewest <= num_asked <= most


def test_whoever_gets_answers_goes_on_asking() -> None:
    budget = AskingBudget()
    for _ in range(50):
        if budget.allows:
            budget.observe(0.5, in_vain=True)
        budget.earn(1.0)
    while not budget.allows:
        budget.earn(1.0)
    budget.observe(9.0, in_vain=False)
    num_asked = 0
    while budget.allows:
        budget.observe(0.5, in_vain=True)
        num_asked += 1
    assert num_asked >= 7
