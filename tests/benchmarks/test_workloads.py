"""Benchmarks compare runs on the same prompts, so prompts must not change from run to run."""

from __future__ import annotations

import pytest

from benchmarks.workloads import MIN_ANSWER_LEN, WORKLOADS, draw_prompts, long_prompt
from helix import Tokenizer
from helix.demo import TARGET_DIR

pytestmark = pytest.mark.skipif(not TARGET_DIR.exists(), reason="the built-in model is not there")


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_pretrained(str(TARGET_DIR))


@pytest.mark.parametrize("workload", WORKLOADS)
def test_prompts_are_different_and_the_same_every_time(workload: str, tokenizer: Tokenizer) -> None:
    prompts = draw_prompts(workload, tokenizer, 8)
    ids = [prompt.token_ids for prompt in prompts]
    assert len(set(ids)) == 8
    assert ids == [prompt.token_ids for prompt in draw_prompts(workload, tokenizer, 8)]
    assert ids[:3] == [prompt.token_ids for prompt in draw_prompts(workload, tokenizer, 3)]


def test_every_workload_says_how_long_its_answers_are() -> None:
    assert MIN_ANSWER_LEN.keys() == WORKLOADS.keys()


def test_a_long_prompt_has_exactly_the_length_asked_for(tokenizer: Tokenizer) -> None:
    assert [len(long_prompt(tokenizer, n)) for n in (7, 100, 600)] == [7, 100, 600]
