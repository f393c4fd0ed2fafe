"""A prediction changes the speed and never the result, whether it is right, nearly right or junk."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from helix.engine import LLMEngine
from helix.outputs import SpecDecodeStats
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, make_engine, run
from tests.models import tiny_llama

TARGET = tiny_llama()
NUM_TOKENS = 36
PROMPTS = [[3, 9, 27], [5, 6, 7, 8] * 6, list(range(1, 30))]
PARAMETERS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "hot": {"temperature": 1.7},
    "filters": {"temperature": 0.9, "top_p": 0.9, "top_k": 30, "min_p": 0.01},
    "penalties": {"presence_penalty": 0.5, "frequency_penalty": 0.9, "repetition_penalty": 1.2},
    "logit_bias": {"logit_bias": {5: 6.0, 9: -100.0, 11: 3.5}, "logprobs": 3},
    "min_tokens": {"min_tokens": 20, "logit_bias": {0: 4.0}},
    "stop": {"stop_token_ids": (7, 21), "stop": ("Q1", "f"), "temperature": 0.7},
}


def _edited(output: Sequence[int]) -> list[int]:
    """Return output with a token replaced, some left out, some put in, and a passage moved to the end."""
    tokens = list(output)
    if len(tokens) > 30:
        tokens[4] = (tokens[4] + 1) % VOCAB_SIZE
        tokens[9:9] = [1, 2, 3]
        del tokens[20:23]
        tokens += tokens[24:28]
    return tokens[1:]


def _junk(output: Sequence[int]) -> list[int]:
    rng = random.Random(len(output))
    return [rng.randrange(VOCAB_SIZE) for _ in range(100)]


PREDICTIONS: dict[str, Callable[[Sequence[int]], list[int]]] = {
    "right": list,
    "edited": _edited,
    "junk": _junk,
}


SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"speculation_depth": 0},
    "always": {"speculation_adaptive": False},
    "beside a draft model": {"draft": tiny_llama(scale=3.9), "speculation_depth": 3},
    "beside n-grams": {"speculation_method": "ngram", "prediction_depth": 5},
}


@cache
def _engine(name: str) -> LLMEngine:
    """Return an engine that serves all tests: whatever others asked before must make no difference either."""
    return make_engine(TARGET, **SETTINGS[name])


def _answers(engine: str, params: Sequence[SamplingParams]) -> list[tuple[int, ...]]:
    return run(_engine(engine), PROMPTS, list(params))


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_seeded_answer_is_the_same_whatever_was_predicted(parameter: str) -> None:
    params = [SamplingParams(max_tokens=NUM_TOKENS, seed=seed, **PARAMETERS[parameter]) for seed in (0, -3, 99)]
    plain = _answers("plain", params)
    for kind, predict in PREDICTIONS.items():
        predicting = [
            replace(one, prediction=tuple(predict(answer))) for one, answer in zip(params, plain, strict=True)
        ]
        for engine in SETTINGS:
            assert _answers(engine, predicting) == plain, (kind, engine)


def _spec(prediction: Sequence[int], **changes: Any) -> SpecDecodeStats:
    params = SamplingParams(temperature=0, max_tokens=NUM_TOKENS, ignore_eos=True, prediction=tuple(prediction))
    (answer,) = _engine("always").generate(PROMPTS[:1], replace(params, **changes))
    return answer.metrics.spec


@pytest.fixture(scope="module")
def greedy() -> tuple[int, ...]:
    params = SamplingParams(temperature=0, max_tokens=NUM_TOKENS, ignore_eos=True)
    return run(_engine("plain"), PROMPTS[:1], params)[0]


def test_a_right_prediction_is_accepted_whole_beginning_with_the_first_token(greedy: tuple[int, ...]) -> None:
    spec = _spec(greedy)
    assert spec.num_steps == -(-NUM_TOKENS // 17)
    assert set(spec.by_proposer) == {"predicted"}
    assert spec.num_accepted_tokens == spec.num_draft_tokens == NUM_TOKENS - spec.num_steps


def test_a_depth_that_was_asked_for_is_the_deepest(greedy: tuple[int, ...]) -> None:
    for depth in (0, 1, 3):
        spec = _spec(greedy, speculation_depth=depth)
        assert max(spec.draft_tokens_per_position, default=-1) == depth - 1
        assert ("predicted" in spec.by_proposer) == (depth > 0)


def test_requests_with_and_without_predictions_share_a_batch_with_little_room() -> None:
    params = [SamplingParams(max_tokens=NUM_TOKENS, seed=seed, ignore_eos=True) for seed in (1, 2, 3)]
    plain = _answers("plain", params)
    mixed = [replace(params[0], prediction=plain[0]), params[1], replace(params[2], prediction=plain[0])]
    engine = make_engine(TARGET, scheduler={"max_num_batched_tokens": 24, "max_num_seqs": 3}, num_blocks=32)
    assert run(engine, PROMPTS, mixed) == plain
    assert engine.stats().spec.by_proposer["predicted"].num_accepted_tokens > NUM_TOKENS // 2
