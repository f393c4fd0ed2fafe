"""The log probabilities of a prompt are those of the model's own attention, however the prompt is computed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from helix.engine import LLMEngine
from helix.outputs import TokenLogprob
from helix.request import Request
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, check_integrity, make_engine
from tests.models import tiny_llama

MODEL = tiny_llama()
SCORED = SamplingParams(temperature=0, max_tokens=0, prompt_logprobs=2)


def _prompts(num: int = 5, seed: int = 0) -> list[list[int]]:
    rng = random.Random(seed)
    return [[rng.randrange(1, VOCAB_SIZE) for _ in range(rng.randrange(2, 50))] for _ in range(num)]


def _dense(prompt: Sequence[int]) -> list[TokenLogprob]:
    with torch.inference_mode():
        logits = MODEL(input_ids=torch.tensor([prompt]), use_cache=False).logits[0, :-1, :VOCAB_SIZE]
    best = logits.log_softmax(-1).topk(2)
    logprobs = logits.log_softmax(-1)
    return [
        TokenLogprob(
            token_id,
            float(logprobs[row, token_id]),
            tuple(zip(best.indices[row].tolist(), best.values[row].tolist(), strict=True)),
        )
        for row, token_id in enumerate(prompt[1:])
    ]


def _score(engine: LLMEngine, prompts: Sequence[Sequence[int]], params: SamplingParams = SCORED) -> list[Request]:
    requests = [engine.make_request(prompt, params) for prompt in prompts]
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        engine.step()
        check_integrity(engine)
    return requests


def _assert_close(found: Sequence[TokenLogprob], expected: Sequence[TokenLogprob]) -> None:
    assert [one.token_id for one in found] == [one.token_id for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert math.isclose(one.logprob, other.logprob, abs_tol=2e-3)
        assert [token_id for token_id, _ in one.top] == [token_id for token_id, _ in other.top]


SCHEDULERS: dict[str, dict[str, Any]] = {
    "whole": {},
    "in chunks": {"max_num_seqs": 4, "max_num_batched_tokens": 7, "max_num_prefill_tokens_beside_decode": 3},
    "alone": {"max_num_seqs": 1},
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("max_tokens", [0, 1, 9])
def test_they_are_those_of_a_dense_pass(scheduler: str, max_tokens: int) -> None:
    engine = make_engine(MODEL, MODEL, scheduler=SCHEDULERS[scheduler])
    params = SamplingParams(temperature=0, max_tokens=max_tokens, prompt_logprobs=2, ignore_eos=True)
    for prompt, request in zip(_prompts(), _score(engine, _prompts(), params), strict=True):
        _assert_close(request.prompt_logprobs, _dense(prompt))
        assert request.num_output_tokens == max_tokens


def test_a_limit_on_the_rows_of_a_step_changes_nothing_but_the_steps() -> None:
    engine = make_engine(MODEL)
    engine.scheduler.max_num_prompt_logits = 5
    for prompt, request in zip(_prompts(), _score(engine, _prompts()), strict=True):
        _assert_close(request.prompt_logprobs, _dense(prompt))
    assert engine.stats().num_steps >= sum(map(len, _prompts())) // 5


def test_a_prompt_that_the_prefix_cache_holds_is_scored_again() -> None:
    engine = make_engine(MODEL)
    prompt = _prompts(1, seed=3)[0] * 2
    for _ in range(2):
        (request,) = _score(engine, [prompt])
        _assert_close(request.prompt_logprobs, _dense(prompt))
        assert request.metrics.num_cached_tokens == 0
    plain = engine.make_request(prompt, SamplingParams(max_tokens=1))
    engine.add_request(plain)
    engine.step()
    assert plain.metrics.num_cached_tokens > 0, "what scoring computed serves others"


def test_a_preempted_prompt_is_scored_once() -> None:
    prompts = _prompts(6, seed=4)
    engine = make_engine(
        MODEL, num_blocks=16, scheduler={"max_num_batched_tokens": 16, "max_num_prefill_tokens_beside_decode": 4}
    )
    params = SamplingParams(temperature=0, max_tokens=12, prompt_logprobs=2, ignore_eos=True)
    for prompt, request in zip(prompts, _score(engine, prompts, params), strict=True):
        _assert_close(request.prompt_logprobs, _dense(prompt))
    assert engine.stats().num_preemptions > 0, "the pool was meant to be too small"


def test_a_prompt_is_scored_beside_streams_without_changing_them() -> None:
    streaming = SamplingParams(temperature=0.9, seed=5, max_tokens=20, ignore_eos=True)
    alone = _score(make_engine(MODEL), [[1, 2, 3]], streaming)[0].output_token_ids
    engine = make_engine(MODEL, scheduler={"max_num_prefill_tokens_beside_decode": 4})
    stream = engine.make_request([1, 2, 3], streaming)
    engine.add_request(stream)
    engine.step()
    for prompt, request in zip(_prompts(), _score(engine, _prompts()), strict=True):
        _assert_close(request.prompt_logprobs, _dense(prompt))
    assert stream.output_token_ids == alone


def test_a_prompt_may_fill_the_whole_context_when_nothing_is_generated() -> None:
    engine = make_engine(MODEL, num_blocks=4)
    prompt = [1 + i for i in range(16)]
    assert engine.info.max_model_len == len(prompt)
    (request,) = _score(engine, [prompt])
    _assert_close(request.prompt_logprobs, _dense(prompt))


def test_a_prompt_of_one_token_has_nothing_to_score() -> None:
    (answer,) = make_engine(MODEL).generate([[5]], SCORED)
    assert (answer.prompt_logprobs, answer.token_ids, answer.text, answer.finish_reason) == ((), (), "", "length")
