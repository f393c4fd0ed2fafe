"""Adversarial text is adversarial: neither the draft model nor copying gets it right."""

from __future__ import annotations

import pytest

from benchmarks import adversarial
from benchmarks.adversarial import NUM_WORDS, draw_word_salad
from benchmarks.arms import HelixArm
from benchmarks.claims import MOST_ACCEPTED_ADVERSARIAL
from benchmarks.workloads import Prompt
from helix import LLMEngine


@pytest.fixture(scope="module")
def engine() -> LLMEngine:
    return LLMEngine()


@pytest.fixture(scope="module")
def prompts(engine: LLMEngine) -> list[Prompt]:
    return draw_word_salad(engine, 10)


@pytest.mark.parametrize(("method", "depth"), [("draft", 2), ("draft", 6), ("ngram", 4), ("ngram", 16)])
def test_nearly_every_draft_is_wrong_and_there_are_drafts(
    engine: LLMEngine, prompts: list[Prompt], method: str, depth: int
) -> None:
    traces = [HelixArm(engine, method, depth).answer(prompt, 48) for prompt in prompts]
    specs = [trace.spec for trace in traces if trace.spec is not None]
    num_drafted = sum(spec.num_draft_tokens for spec in specs)
    assert num_drafted > 48 * len(prompts)
    assert sum(spec.num_accepted_tokens for spec in specs) / num_drafted < MOST_ACCEPTED_ADVERSARIAL


def test_speculation_does_not_change_the_salad(engine: LLMEngine, prompts: list[Prompt]) -> None:
    plain, auto = (HelixArm(engine, method).answer(prompts[0], 32) for method in ("none", "auto"))
    assert plain.token_ids == auto.token_ids
    assert len(set(plain.token_ids)) > 8, "a loop is no salad"


def test_prompts_are_different_words_and_the_same_every_time(engine: LLMEngine, prompts: list[Prompt]) -> None:
    again = draw_word_salad(engine, 2)
    assert [prompt.token_ids for prompt in again] == [prompt.token_ids for prompt in prompts[:2]]
    assert len({prompt.token_ids for prompt in prompts}) == len(prompts)
    assert all(len(prompt.token_ids) == len(set(prompt.token_ids)) == 2 * NUM_WORDS for prompt in prompts)
    assert len({prompt.sampling["seed"] for prompt in prompts}) == len(prompts)


def test_nothing_is_left_in_the_engine(engine: LLMEngine, prompts: list[Prompt]) -> None:
    assert prompts and engine.block_manager.num_used_blocks == 0


def test_a_vocabulary_without_words_has_no_salad(engine: LLMEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adversarial, "NUM_WORDS", 5000)
    with pytest.raises(ValueError, match="takes 20000 words"):
        draw_word_salad(engine, 1)
