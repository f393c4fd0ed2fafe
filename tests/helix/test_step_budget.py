"""A step that does not fit gets smaller, and large again when there is room."""

from __future__ import annotations

from helix.step_budget import StepBudget


def _num_good_until(budget: StepBudget, limit: int) -> int:
    num = 0
    while budget.limit < limit:
        budget.passed()
        num += 1
    return num


def test_each_failure_halves_what_was_too_much_down_to_one_token() -> None:
    budget = StepBudget(512)
    limits = []
    num_tokens = 100
    while budget.shrink(num_tokens):
        limits.append(budget.limit)
        num_tokens = budget.limit
    assert limits == [50, 25, 12, 6, 3, 1]
    assert budget.limit == 1


def test_good_steps_bring_the_tokens_back_and_no_more() -> None:
    budget = StepBudget(512)
    budget.shrink(512)
    assert _num_good_until(budget, 512) > 0
    budget.passed()
    assert budget.limit == 512


def test_a_size_that_never_fits_is_tried_more_and_more_seldom() -> None:
    budget = StepBudget(512)
    waits = []
    for _ in range(12):
        budget.shrink(512)
        waits.append(_num_good_until(budget, 512))
    assert waits[:4] == sorted(set(waits[:4])), "longer each time"
    assert waits[-1] == waits[-2], "to a limit"
