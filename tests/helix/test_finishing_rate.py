"""Who is refused is told a time at which there is likely to be a place."""

from __future__ import annotations

import pytest

from helix.finishing_rate import FinishingRate


class _Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def _ended(clock: _Clock, *, num: int, every_s: float) -> FinishingRate:
    rate = FinishingRate(clock)
    for _ in range(num):
        rate.observe()
        clock.now_s += every_s
    return rate


def test_nothing_is_told_of_a_rate_before_two_have_ended() -> None:
    rate = _ended(_Clock(), num=1, every_s=1)
    assert rate.per_s is None
    assert rate.wait_s() == 1.0


@pytest.mark.parametrize("every_s", [0.1, 2.0])
def test_a_place_takes_as_long_as_the_mean_between_two_ends(every_s: float) -> None:
    rate = _ended(_Clock(), num=20, every_s=every_s)
    assert rate.wait_s() == pytest.approx(every_s, rel=0.1)
    assert rate.wait_s(5) == pytest.approx(5 * every_s, rel=0.1)


def test_a_rate_that_collapses_is_not_told_any_more() -> None:
    clock = _Clock()
    rate = _ended(clock, num=20, every_s=0.1)
    before = rate.wait_s()
    clock.now_s += 20
    assert rate.wait_s() > 5 * before
    clock.now_s += 100
    assert rate.per_s is None, "that was long ago"


def test_those_who_are_refused_come_back_one_behind_the_other() -> None:
    clock = _Clock()
    rate = _ended(clock, num=20, every_s=1)
    first, second, third = (rate.retry_after_s() for _ in range(3))
    assert second - first == pytest.approx(first, rel=0.01)
    assert third - second == pytest.approx(first, rel=0.01)
    for _ in range(200):
        assert rate.retry_after_s() <= 60, "nobody is sent away for longer"
