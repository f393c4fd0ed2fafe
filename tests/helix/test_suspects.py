"""Halving finds who makes steps fail, whoever it is, and blames nobody else."""

from __future__ import annotations

import pytest

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.suspects import MAX_BLAMED_IN_A_ROW, Suspects


def _requests(num: int) -> list[Request]:
    return [Request(f"r{i}", [i + 1, 2], SamplingParams(), seed=0, max_tokens=4) for i in range(num)]


def _hunt(suspects: Suspects, requests: list[Request], culprits: set[int]) -> tuple[list[Request], int]:
    """Run steps until one passes with everybody left in it; return who was blamed and the number of steps."""
    left, blamed, num_steps = list(requests), [], 0
    while True:
        batch = suspects.trial or left
        num_steps += 1
        if any(requests.index(request) in culprits for request in batch):
            culprit = suspects.failed(batch)
            if culprit is not None:
                blamed.append(culprit)
                left.remove(culprit)
        else:
            is_everybody = batch == left
            suspects.passed(batch)
            if is_everybody and not suspects.trial:
                return blamed, num_steps
        assert num_steps < 200, "it never ends"


@pytest.mark.parametrize("num", [1, 2, 5, 16])
def test_whoever_it_is_is_found_and_nobody_else(num: int) -> None:
    for culprit in range(num):
        requests = _requests(num)
        blamed, num_steps = _hunt(Suspects(), requests, {culprit})
        assert blamed == [requests[culprit]]
        assert num_steps <= 2 + 2 * num.bit_length()


def test_two_at_fault_are_both_found() -> None:
    requests = _requests(16)
    blamed, _ = _hunt(Suspects(), requests, {3, 14})
    assert set(blamed) == {requests[3], requests[14]}


def test_a_failure_that_does_not_come_again_is_nobodys_fault() -> None:
    suspects, requests = Suspects(), _requests(4)
    assert suspects.failed(requests) is None
    while trial := suspects.trial:
        suspects.passed(trial)
    assert suspects.failed(requests[:1]) is None, "the first failure of a single request proves nothing"
    suspects.passed(requests[:1])
    assert not suspects.is_blamed(requests[0].prompt_token_ids, requests[0].params)


def test_who_was_blamed_is_known_when_it_comes_again_and_only_then() -> None:
    suspects, (request,) = Suspects(), _requests(1)
    assert [suspects.failed([request]) for _ in range(2)] == [None, request]
    assert suspects.is_blamed([1, 2], SamplingParams())
    assert not suspects.is_blamed([1, 3], SamplingParams())
    assert not suspects.is_blamed([1, 2], SamplingParams(temperature=0.5))


def test_when_everybody_fails_it_is_nobody_of_them() -> None:
    suspects = Suspects()
    for request in _requests(MAX_BLAMED_IN_A_ROW):
        assert not suspects.is_systemic
        suspects.failed([request])
        assert suspects.failed([request]) is request
    assert suspects.is_systemic
    suspects.acquit()
    assert not suspects.is_systemic
    assert not suspects.is_blamed([1, 2], SamplingParams())


def test_a_good_step_between_them_makes_the_blame_stick() -> None:
    suspects, requests = Suspects(), _requests(9)
    for request in requests[:8]:
        suspects.failed([request])
        assert suspects.failed([request]) is request
        suspects.passed(requests[8:])
        assert not suspects.is_systemic
    suspects.acquit()
    assert suspects.is_blamed(requests[0].prompt_token_ids, requests[0].params)


def test_a_suspect_that_goes_away_holds_nobody_up() -> None:
    suspects, requests = Suspects(), _requests(2)
    suspects.failed(requests)
    for request in requests:
        request.status = type(request.status).FINISHED
    assert suspects.trial == []
