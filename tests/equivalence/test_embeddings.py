"""An embedding is the mean of the model's own last hidden states, however the prompt is computed and beside whom."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from helix.engine import LLMEngine
from helix.outputs import RequestOutput
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, check_integrity, make_engine
from tests.models import tiny_llama

MODEL = tiny_llama()
EMBED = SamplingParams(max_tokens=0, pooling="mean")


def _prompts(num: int = 5, seed: int = 0) -> list[list[int]]:
    rng = random.Random(seed)
    return [[rng.randrange(1, VOCAB_SIZE) for _ in range(rng.randrange(1, 50))] for _ in range(num)]


def _dense(prompt: Sequence[int]) -> list[float]:
    with torch.inference_mode():
        output = MODEL(input_ids=torch.tensor([prompt]), output_hidden_states=True, use_cache=False)
    mean = output.hidden_states[-1][0].mean(0)
    values: list[float] = (mean / mean.norm()).tolist()
    return values


def _embed(engine: LLMEngine, prompts: Sequence[Sequence[int]]) -> list[Any]:
    requests = [engine.make_request(prompt, EMBED) for prompt in prompts]
    embeddings: dict[str, Any] = {}
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        for output in engine.step():
            embeddings.setdefault(output.request_id, output.embedding)
        check_integrity(engine)
    return [embeddings[request.request_id] for request in requests]


@pytest.mark.parametrize(
    "scheduler",
    [
        {},
        {"max_num_seqs": 4, "max_num_batched_tokens": 7, "max_num_prefill_tokens_beside_decode": 3},
        {"max_num_seqs": 1},
    ],
    ids=["whole", "in chunks", "alone"],
)
def test_it_is_that_of_a_dense_pass(scheduler: dict[str, Any]) -> None:
    engine = make_engine(MODEL, scheduler=scheduler)
    for prompt, found in zip(_prompts(), _embed(engine, _prompts()), strict=True):
        assert found == pytest.approx(_dense(prompt), abs=1e-4)
        assert len(found) == engine.info.hidden_size


def test_a_cached_prompt_is_pooled_again() -> None:
    engine = make_engine(MODEL)
    (prompt,) = _prompts(1, seed=9)
    prompt = prompt * 2
    for _ in range(2):
        assert _embed(engine, [prompt])[0] == pytest.approx(_dense(prompt), abs=1e-4)


def test_a_preempted_prompt_is_pooled_once() -> None:
    engine = make_engine(
        MODEL, num_blocks=16, scheduler={"max_num_batched_tokens": 16, "max_num_prefill_tokens_beside_decode": 4}
    )
    streaming = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True)
    for prompt in ([1, 2, 3], [4, 5, 6]):
        engine.add_request(engine.make_request(prompt, streaming))
    prompts = _prompts(4, seed=4)
    for prompt, found in zip(prompts, _embed(engine, prompts), strict=True):
        assert found == pytest.approx(_dense(prompt), abs=1e-4)
    assert engine.stats().num_preemptions > 0, "the pool was meant to be too small"


def test_streams_beside_it_are_what_they_are_alone() -> None:
    params = SamplingParams(temperature=0.9, seed=5, max_tokens=20, ignore_eos=True)
    alone = make_engine(MODEL, MODEL).generate([[1, 2, 3]], params)[0]
    engine = make_engine(MODEL, MODEL, scheduler={"max_num_prefill_tokens_beside_decode": 4})
    stream = engine.make_request([1, 2, 3], params)
    engine.add_request(stream)
    outputs: list[RequestOutput] = engine.step()
    for prompt, found in zip(_prompts(), _embed(engine, _prompts()), strict=True):
        assert found == pytest.approx(_dense(prompt), abs=1e-4)
    assert tuple(stream.output_token_ids) == alone.token_ids
    assert outputs[0].embedding is None
