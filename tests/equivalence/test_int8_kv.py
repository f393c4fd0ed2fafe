"""With a KV cache of 8 bits an answer still does not depend on how it was computed.

What rounding does to a token's keys and values is decided once, when they are written; speculation, sharing, preemption
and the company of others change nothing of it.
"""

from __future__ import annotations

import random

import pytest
import torch

from helix.config import Quantization
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, make_engine, run
from tests.models import random_mtp, tiny_llama

TARGET = tiny_llama()
GOOD_DRAFT = tiny_llama(scale=3.9)


def _requests(seed: int) -> tuple[list[list[int]], list[SamplingParams]]:
    """Prompts with common beginnings, some of them equal."""
    rng = random.Random(seed)
    stem = [rng.randrange(1, VOCAB_SIZE) for _ in range(24)]
    prompts = [stem[: rng.randrange(8, 25)] + [rng.randrange(1, VOCAB_SIZE) for _ in range(i % 3)] for i in range(12)]
    params = [SamplingParams(temperature=i % 2 * 0.8, seed=i, max_tokens=30, ignore_eos=True) for i in range(12)]
    return [*prompts, prompts[0], prompts[1]], [*params, *params[:2]]


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_answers_are_the_same_alone_and_drafted_shared_and_preempted(quantization: Quantization) -> None:
    prompts, params = _requests(0)
    alone = make_engine(
        TARGET, kv_cache_dtype="int8", quantization=quantization, speculation_depth=0, enable_prefix_caching=False
    )
    expected = [run(alone, [prompt], one)[0] for prompt, one in zip(prompts, params, strict=True)]
    together = make_engine(
        TARGET,
        GOOD_DRAFT,
        kv_cache_dtype="int8",
        quantization=quantization,
        num_blocks=24,
        scheduler={"max_num_seqs": 5, "max_num_batched_tokens": 24, "max_num_prefill_tokens_beside_decode": 9},
    )
    assert run(together, prompts, params) == expected
    stats = together.stats()
    assert stats.num_preemptions and stats.num_cached_tokens and stats.spec.num_accepted_tokens
    assert together.worker.draft is not None
    assert {runner.pool.dtype for runner in (together.worker.target, together.worker.draft)} == {torch.int8}


def test_a_draft_that_is_the_target_misses_nothing() -> None:
    engine = make_engine(TARGET, TARGET, kv_cache_dtype="int8", speculation_method="draft")
    params = SamplingParams(temperature=0, max_tokens=60, ignore_eos=True)
    run(engine, [[5, 6, 7], list(range(1, 40))], params)
    spec = engine.stats().spec.by_proposer["draft"]
    assert spec.num_accepted_tokens == spec.num_draft_tokens > 60


def test_heads_draft_over_a_cache_of_8_bits_and_change_nothing() -> None:
    prompts, params = _requests(1)
    plain = make_engine(TARGET, kv_cache_dtype="int8", speculation_depth=0)
    headed = make_engine(TARGET, mtp=random_mtp(TARGET), kv_cache_dtype="int8", speculation_method="mtp")
    assert run(headed, prompts, params) == run(plain, prompts, params)
    assert headed.stats().spec.num_draft_tokens
