"""A request ends exactly where its tokens say."""

from __future__ import annotations

from typing import Any

from helix.outputs import FinishReason
from helix.request import Request
from helix.sampling_params import SamplingParams


def _request(max_tokens: int = 5, **params: Any) -> Request:
    return Request("r", [1, 2], SamplingParams(**params), seed=0, eos_token_ids=frozenset({9}), max_tokens=max_tokens)


def test_end_of_sequence_finishes_and_names_no_stop() -> None:
    request = _request()
    assert request.commit_token(3)
    assert not request.commit_token(9)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, None)


def test_a_stop_token_is_named() -> None:
    request = _request(stop_token_ids=(4,))
    assert not request.commit_token(4)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, 4)


def test_ignore_eos_goes_on() -> None:
    assert _request(ignore_eos=True).commit_token(9)


def test_no_stop_token_counts_before_min_tokens() -> None:
    request = _request(min_tokens=2)
    assert request.commit_token(9)
    assert request.commit_token(9)
    assert not request.commit_token(9)


def test_max_tokens_finishes_with_length_and_a_stop_in_the_same_token_wins() -> None:
    request = _request(max_tokens=1)
    assert not request.commit_token(3)
    assert request.finish_reason is FinishReason.LENGTH
    request.finish(FinishReason.STOP, "word")
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, "word")
    request.finish(FinishReason.ABORT)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, "word")
