"""Paging, batching, chunking, preemption and prefix reuse change where numbers lie, never which tokens come out."""

from __future__ import annotations

import random

import pytest

from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, dense_greedy, make_engine, run
from tests.models import tiny_llama

MODEL = tiny_llama()
GREEDY = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True)
SAMPLED = SamplingParams(temperature=0.9, top_p=0.95, max_tokens=24, seed=7, ignore_eos=True)


def _prompts(num: int, seed: int = 0, max_len: int = 40) -> list[list[int]]:
    rng = random.Random(seed)
    return [[rng.randrange(1, VOCAB_SIZE) for _ in range(rng.randrange(1, max_len))] for _ in range(num)]


def test_paged_equals_dense() -> None:
    prompts = _prompts(6)
    expected = [dense_greedy(MODEL, prompt, 24) for prompt in prompts]
    params = SamplingParams(temperature=0, max_tokens=24)
    assert run(make_engine(MODEL, speculation_depth=0), prompts, params) == expected


def test_paged_equals_transformers_generate() -> None:
    import copy

    import torch

    model = copy.deepcopy(MODEL)
    prompt = _prompts(1, seed=5)[0]
    expected = model.generate(  # type: ignore[operator]
        torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=None, pad_token_id=0
    )[0, len(prompt) :].tolist()
    assert run(make_engine(MODEL, speculation_depth=0), [prompt], GREEDY) == [tuple(expected)]


@pytest.mark.parametrize("params", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("depth", [0, 3])
def test_batched_equals_alone(params: SamplingParams, depth: int) -> None:
    prompts = _prompts(8, seed=1)
    alone = [run(make_engine(MODEL, speculation_depth=depth), [prompt], params)[0] for prompt in prompts]
    assert run(make_engine(MODEL, speculation_depth=depth), prompts, params) == alone


@pytest.mark.parametrize("params", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_a_prompt_computed_in_chunks_equals_one_computed_whole(params: SamplingParams) -> None:
    prompts = _prompts(5, seed=2, max_len=60)
    whole = run(make_engine(MODEL, scheduler={"max_num_batched_tokens": 2048}), prompts, params)
    chunked = make_engine(
        MODEL, scheduler={"max_num_seqs": 4, "max_num_batched_tokens": 7, "max_num_prefill_tokens_beside_decode": 3}
    )
    assert run(chunked, prompts, params) == whole


@pytest.mark.parametrize("params", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("depth", [0, 4])
def test_preempted_equals_undisturbed(params: SamplingParams, depth: int) -> None:
    prompts = _prompts(6, seed=3)
    undisturbed = run(make_engine(MODEL, MODEL, speculation_depth=depth), prompts, params)
    cramped = make_engine(MODEL, MODEL, num_blocks=20, speculation_depth=depth)
    assert run(cramped, prompts, params) == undisturbed
    assert cramped.stats().num_preemptions > 0, "the pool was meant to be too small"


@pytest.mark.parametrize("params", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
def test_what_was_swapped_out_is_swapped_in_and_not_computed_again(params: SamplingParams) -> None:
    """Here the host's memory is the same memory; what a GPU does differs by where a tensor lies."""
    prompts = _prompts(6, seed=3)
    undisturbed = run(make_engine(MODEL, MODEL, speculation_depth=4), prompts, params)
    num_hit_tokens = []
    for swap_space_gib in (0.0, 0.001):
        cramped = make_engine(MODEL, MODEL, num_blocks=20, speculation_depth=4, swap_space_gib=swap_space_gib)
        for _ in range(2):
            assert run(cramped, prompts, params) == undisturbed
        assert cramped.stats().num_preemptions > 0, "the pool was meant to be too small"
        num_hit_tokens.append(cramped.stats().num_prefix_hit_tokens)
    assert cramped.stats().num_swapped_in_blocks > 20
    assert num_hit_tokens[1] > 1.4 * num_hit_tokens[0]


@pytest.mark.parametrize("depth", [0, 4])
def test_a_prefix_from_the_cache_equals_one_computed_cold(depth: int) -> None:
    shared = _prompts(1, seed=4, max_len=60)[0] * 3
    prompts = [shared, [*shared, 5], shared[:8], shared]
    cold = [
        run(make_engine(MODEL, MODEL, enable_prefix_caching=False, speculation_depth=depth), [prompt], SAMPLED)[0]
        for prompt in prompts
    ]
    engine = make_engine(MODEL, MODEL, speculation_depth=depth)
    assert [run(engine, [prompt], SAMPLED)[0] for prompt in prompts] == cold
    assert engine.stats().num_cached_tokens > len(shared)


def test_a_prompt_that_is_cached_to_its_last_token_is_copied_not_overwritten() -> None:
    prompt = list(range(1, 17))  # four full blocks
    engine = make_engine(MODEL, speculation_depth=0)
    first = run(engine, [prompt], GREEDY)
    request = engine.make_request(prompt, GREEDY)
    other = engine.make_request(prompt, GREEDY)
    engine.add_request(request)
    engine.add_request(other)
    engine.step()
    assert request.metrics.num_cached_tokens == len(prompt) - 1
    assert request.block_table[:3] == other.block_table[:3], "full blocks are shared"
    assert request.block_table[3] != other.block_table[3], "the block being written is not"
    while engine.has_requests:
        engine.step()
    assert [tuple(request.output_token_ids), tuple(other.output_token_ids)] == first * 2


def test_aborting_at_any_step_frees_everything_and_disturbs_nobody() -> None:
    prompts = _prompts(4, seed=6)
    expected = run(make_engine(MODEL, MODEL), prompts, SAMPLED)
    for num_steps in range(6):
        engine = make_engine(MODEL, MODEL)
        requests = [engine.make_request(prompt, SAMPLED) for prompt in prompts]
        for request in requests:
            engine.add_request(request)
        for _ in range(num_steps):
            engine.step()
        engine.abort(requests[1].request_id)
        while engine.has_requests:
            engine.step()
        assert [tuple(r.output_token_ids) for i, r in enumerate(requests) if i != 1] == [
            tokens for i, tokens in enumerate(expected) if i != 1
        ]
        assert engine.stats().num_free_blocks == engine.block_manager.num_blocks


def test_a_long_prompt_does_not_stall_a_running_stream() -> None:
    engine = make_engine(
        MODEL, scheduler={"max_num_batched_tokens": 64, "max_num_prefill_tokens_beside_decode": 8}, speculation_depth=0
    )
    stream = engine.make_request([1, 2, 3], GREEDY)
    engine.add_request(stream)
    engine.step()
    engine.add_request(engine.make_request([1 + i % 60 for i in range(120)], GREEDY))
    for num_tokens in range(2, 12):
        engine.step()
        assert stream.num_output_tokens == num_tokens, "every step brings the stream a token"
