"""Errors say who has to act, and a text that is too long names both numbers."""

from __future__ import annotations

import pytest

from helix.errors import ContextLengthExceededError, EngineBusyError, HelixError, InvalidRequestError


@pytest.mark.parametrize(("max_tokens", "total", "param"), [(None, 120, "messages"), (30, 150, "max_tokens")])
def test_a_text_that_is_too_long_names_both_numbers(max_tokens: int | None, total: int, param: str) -> None:
    error = ContextLengthExceededError(num_prompt_tokens=120, max_model_len=100, max_tokens=max_tokens)
    assert "maximum context length is 100 tokens" in str(error)
    assert f"you requested {total} tokens" in str(error)
    assert error.param == param
    assert isinstance(error, InvalidRequestError) and isinstance(error, HelixError)


def test_a_full_engine_says_when_to_come_again() -> None:
    assert EngineBusyError("full").retry_after_s == 1.0
    assert EngineBusyError("full", retry_after_s=7).retry_after_s == 7
