"""Figures of quality are of the words that the model has to say, against the model as it is."""

from __future__ import annotations

import math

import pytest
import torch

from benchmarks.quality import compare, held_out, make_engine, read, write
from benchmarks.workloads import draw_prompts


def test_perplexity_is_that_of_the_words_said() -> None:
    logprobs = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]).log()
    said = torch.tensor([1, 2])
    result = compare(logprobs, said, logprobs)
    assert result["perplexity"] == pytest.approx(1 / math.sqrt(0.25 * 0.8))
    assert (result["divergence"], result["same_first_choice"]) == (0, 1)


def test_divergence_and_first_choices_are_against_what_is_expected() -> None:
    expected = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log()
    result = compare(torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log(), torch.tensor([0, 0]), expected)
    assert result["divergence"] == pytest.approx((0.5 * math.log(2) + 0.5 * math.log(2 / 3)) / 2)
    assert result["same_first_choice"] == 0.5


def test_eight_bits_hardly_change_the_built_in_model() -> None:
    """Tokens of users are read and not counted."""
    conversations = held_out(4)
    engine = make_engine("none", "auto")
    expected, said = read(engine, conversations)
    assert len(said) == sum(sum(c.is_learned) for c in conversations) < sum(len(c.token_ids) for c in conversations)
    rounded = make_engine("int8", "auto")
    logprobs, same = read(rounded, conversations)
    assert torch.equal(said, same)
    plain, quantised = compare(expected, said, expected), compare(logprobs, said, expected)
    assert 0 < quantised["divergence"] < 0.02
    cached = compare(read(make_engine("none", "auto", "int8"), conversations)[0], said, expected)
    assert 0 < cached["divergence"] < 0.01
    assert cached["perplexity"] == pytest.approx(plain["perplexity"], rel=0.02)
    assert quantised["perplexity"] == pytest.approx(plain["perplexity"], rel=0.05)
    answers, right = write(rounded, draw_prompts("chat", rounded.tokenizer, 2))
    assert len(answers) == 2
    assert right >= 0.5
