"""Log probabilities of given tokens, in slices of rows that fit the memory."""

from __future__ import annotations

import pytest
import torch

from helix.sampling import logprobs
from helix.sampling.logprobs import token_logprobs


def test_each_row_has_its_own_token_and_as_many_alternatives_as_it_asks_for() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0], [5.0, -5.0, 0.0]])
    first, second = token_logprobs(logits, [0, 1], [2, 0])
    expected = logits.log_softmax(-1)
    assert (first.token_id, second.token_id) == (0, 1)
    assert first.logprob == pytest.approx(float(expected[0, 0]))
    assert second.logprob == pytest.approx(float(expected[1, 1]))
    assert [token_id for token_id, _ in first.top] == [2, 1]
    assert first.top[0][1] == pytest.approx(float(expected[0, 2]))
    assert second.top == ()


def test_slices_say_the_same_as_the_whole() -> None:
    """More rows than fit a slice: the last slice is a short one."""
    width = logprobs.MAX_ELEMENTS_AT_ONCE // 3
    logits = torch.zeros(7, width)
    logits[torch.arange(7), torch.arange(7)] = 20.0
    entries = token_logprobs(logits, list(range(7)), [1] * 7)
    assert [entry.top[0][0] for entry in entries] == list(range(7))
    assert [entry.logprob for entry in entries] == pytest.approx([entries[0].logprob] * 7)


def test_half_precision_is_worked_out_in_float32() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.5]])
    (half,) = token_logprobs(logits.bfloat16(), [1], [0])
    (full,) = token_logprobs(logits, [1], [0])
    assert half.logprob == full.logprob


def test_rows_and_tokens_must_agree() -> None:
    with pytest.raises(ValueError, match="2 rows"):
        token_logprobs(torch.zeros(2, 3), [0], [0])
