"""Heads change the speed and never the result, and their KV is what the target's hidden states make of the tokens."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from helix.config import CacheConfig, EngineConfig, SpeculationMethod, SpeculativeConfig
from helix.engine import LLMEngine
from helix.model.batch import Span
from helix.sampling_params import SamplingParams
from helix.spec_decode.costs import Load, PassCosts
from tests.engines import VOCAB_SIZE, check_integrity, complete, make_engine, run
from tests.models import knowing_mtp, random_mtp, repeating_llama, tiny_llama

TARGET, REPEATING = tiny_llama(), repeating_llama()
PAIRS: dict[str, Any] = {
    "a random head": (TARGET, random_mtp(TARGET)),
    "a head that knows": (REPEATING, knowing_mtp(REPEATING)),
    "a head that often knows": (REPEATING, random_mtp(REPEATING, scale=1.0) | {
        name: weight for name, weight in knowing_mtp(REPEATING).items() if "mlp" not in name
    }),
}  # fmt: skip
PARAMETERS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "sampled": {"temperature": 0.9},
    "everything": {
        "temperature": 0.9,
        "top_p": 0.9,
        "top_k": 30,
        "presence_penalty": 0.5,
        "repetition_penalty": 1.1,
        "logit_bias": {3: 2.0},
        "min_tokens": 5,
        "logprobs": 2,
    },
}


def _prompts() -> list[list[int]]:
    rng = random.Random(11)
    prompts = [[rng.randrange(1, VOCAB_SIZE) for _ in range(length)] for length in (3, 17, 30)]
    return [*prompts, prompts[2][:24]]  # whose blocks the prefix cache shares


def _seeded(**changes: Any) -> list[SamplingParams]:
    return [SamplingParams(max_tokens=32, seed=seed, **changes) for seed in (0, -3, 2**62, 99)]


def _engine(pair: str, **settings: Any) -> LLMEngine:
    target, mtp = PAIRS[pair]
    return make_engine(target, mtp=mtp, **({"speculation_method": "mtp"} | settings))


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("pair", PAIRS)
def test_a_seeded_answer_is_the_same_with_heads_and_without_and_at_any_depth(parameter: str, pair: str) -> None:
    params = _seeded(**PARAMETERS[parameter])
    plain = complete(make_engine(PAIRS[pair][0], speculation_depth=0), _prompts(), params)
    for depth in (1, 6):
        engine = _engine(pair, speculation_depth=depth)
        assert complete(engine, _prompts(), params) == plain, f"depth {depth}"
        assert set(engine.stats().spec.by_proposer) == {"mtp"}


@pytest.mark.parametrize("settings", [{"speculation_method": "auto"}, {"speculation_adaptive": True}])
def test_heads_beside_other_proposers_and_with_depths_that_adapt_change_no_token(settings: dict[str, Any]) -> None:
    params = _seeded(temperature=0.7)
    plain = complete(make_engine(REPEATING, speculation_depth=0), _prompts(), params)
    engine = _engine("a head that often knows", **settings)
    for _ in range(3):
        assert complete(engine, _prompts(), params) == plain


@pytest.mark.parametrize("pair", PAIRS)
def test_an_answer_is_the_same_alone_in_a_batch_preempted_and_from_the_prefix_cache(pair: str) -> None:
    params = _seeded(temperature=0.8, ignore_eos=True)
    alone = [run(_engine(pair), [prompt], one)[0] for prompt, one in zip(_prompts(), params, strict=True)]
    engine = _engine(pair)
    assert run(engine, _prompts(), params) == alone
    assert run(engine, _prompts(), params) == alone
    assert engine.block_manager.num_prefix_hit_tokens > 0
    assert run(_engine(pair, enable_prefix_caching=False), _prompts(), params) == alone
    cramped = _engine(pair, num_blocks=26)
    assert run(cramped, _prompts(), params) == alone
    assert cramped.stats().num_preemptions > 0
    swapping = _engine(pair, num_blocks=26, swap_space_gib=0.001)
    for _ in range(2):
        assert run(swapping, _prompts(), params) == alone
    assert swapping.stats().num_swapped_in_blocks > 0


@pytest.mark.parametrize("rule", ["match", "rejection"])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_head_that_knows_is_accepted_whole(rule: str, temperature: float) -> None:
    """Fails where a head reads another token's embedding, or is asked about another position."""
    engine = _engine("a head that knows", acceptance_rule=rule, num_blocks=512)
    run(engine, _prompts(), [replace(one, temperature=temperature, ignore_eos=True) for one in _seeded()])
    spec = engine.stats().spec
    assert spec.num_accepted_tokens == spec.num_draft_tokens > 90


def test_a_request_without_seed_under_rejection_ends_well_formed() -> None:
    engine = _engine("a random head", acceptance_rule="rejection")
    params = SamplingParams(temperature=1.0, max_tokens=40, ignore_eos=True)
    assert [len(tokens) for tokens in run(engine, _prompts(), params)] == [40] * 4
    assert 0 < engine.stats().spec.num_accepted_tokens < engine.stats().spec.num_draft_tokens


@pytest.mark.parametrize("pair", ["a random head", "a head that often knows"])
@pytest.mark.parametrize("num_blocks", [26, 256])
def test_after_every_step_the_heads_kv_is_that_of_the_tokens_and_the_targets_states(pair: str, num_blocks: int) -> None:
    """Of drafts, of rejected tokens or of another request, it would never show in a text, only in drafts that miss."""
    engine = _engine(pair, num_blocks=num_blocks)
    params = _seeded(temperature=0.9, ignore_eos=True)
    expected = _kv_of_whole_texts(pair, [list(p) for p in _prompts()], params)
    num_checked = 0
    for _ in range(2):  # the second time much of it comes from the prefix cache
        requests = [engine.make_request(prompt, one) for prompt, one in zip(_prompts(), params, strict=True)]
        for request in requests:
            engine.add_request(request)
        while engine.has_requests:
            engine.step()
            check_integrity(engine)
            for request in engine.scheduler.running:
                num_tokens, whole = request.num_mtp_computed_tokens, expected[requests.index(request)]
                slots = [request.block_table[p // 4] * 4 + p % 4 for p in range(num_tokens)]
                assert engine.worker.mtp is not None
                assert torch.allclose(engine.worker.mtp.pool.keys[0][slots], whole[:num_tokens], atol=1e-4)
                num_checked += num_tokens
    assert num_checked > 1000


def _kv_of_whole_texts(pair: str, prompts: list[list[int]], params: list[SamplingParams]) -> list[torch.Tensor]:
    """Return the head's keys of each whole text, computed in one pass by an engine that never drafts."""
    keys = []
    for prompt, one in zip(prompts, params, strict=True):
        engine = _engine(pair, speculation_depth=0)
        text = [*prompt, *run(engine, [prompt], one)[0]]
        table = range(-(-len(text) // 4))
        engine.worker.target.forward([Span(table, 0, text, 0)])
        assert engine.worker.mtp is not None
        engine.worker.mtp.forward([Span(table, 0, text, 0)])
        keys.append(engine.worker.mtp.pool.keys[0][: len(text)].clone())
    return keys


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("is_adaptive", [False, True])
def test_heads_and_a_draft_model_in_one_batch_change_no_token_and_are_counted_apart(
    parameter: str, is_adaptive: bool
) -> None:
    """In a pool so small that requests are preempted, and again with prefixes that only one of the two has computed."""
    params = _seeded(**PARAMETERS[parameter], ignore_eos=True)
    plain = run(make_engine(TARGET, speculation_depth=0), _prompts(), params)
    engine = _with_both(num_blocks=26, speculation_adaptive=is_adaptive)
    methods: list[SpeculationMethod | None] = ["draft", "mtp", None, "suffix", "mtp", "draft", None]
    for turn in range(4):
        mixed = [replace(one, speculation_method=methods[turn + i]) for i, one in enumerate(params)]
        assert run(engine, _prompts(), mixed) == plain
    stats = engine.stats()
    assert stats.num_preemptions and engine.block_manager.num_prefix_hit_tokens
    if not is_adaptive:  # else what pays is up to the clock
        assert {"draft", "mtp"} <= set(stats.spec.by_proposer)


@pytest.mark.parametrize("method", ["draft", "mtp"])
def test_where_heads_and_a_draft_model_are_loaded_a_request_gets_the_one_that_it_names(method: Any) -> None:
    engine = _with_both(speculation_adaptive=True)
    params = [replace(one, speculation_method=method, speculation_adaptive=False) for one in _seeded()]
    run(engine, _prompts(), params)
    assert set(engine.stats().spec.by_proposer) == {method}


def test_a_request_may_change_between_heads_and_draft_model_and_both_still_know_its_text() -> None:
    """Both know what the target says next, so that one guess that misses shows KV of other tokens than the text's."""
    params = replace(_seeded()[0], temperature=0, ignore_eos=True, max_tokens=60)
    engine = make_engine(REPEATING, REPEATING, mtp=knowing_mtp(REPEATING), num_blocks=64)
    request = engine.make_request(_prompts()[1], params)
    engine.add_request(request)
    methods = random.Random(0)
    while engine.has_requests:
        request.params = replace(params, speculation_method=methods.choice(["draft", "mtp", "none"]))
        engine.step()
        check_integrity(engine)
    by_proposer = request.metrics.spec.by_proposer
    assert set(by_proposer) == {"draft", "mtp"}
    for stats in by_proposer.values():
        assert stats.num_accepted_tokens == stats.num_draft_tokens > 5


def test_adaptive_requests_choose_the_one_that_is_right_though_it_costs_more() -> None:
    """The draft model knows the target's mind and a random head never does."""
    engine = _with_both(speculation_adaptive=True, speculation_method="auto", num_blocks=512)
    assert engine.proposer.costs is not None and set(engine.proposer.draft_costs) == {"draft", "mtp"}
    engine.proposer.costs = _SettledCosts({1: 1.0, 32: 1.1})
    engine.proposer.draft_costs = {"draft": _SettledCosts({1: 0.1}), "mtp": _SettledCosts({1: 0.05})}
    params = [replace(one, max_tokens=200, ignore_eos=True) for one in _seeded(temperature=0.9)]
    run(engine, _prompts(), params)
    by_proposer = engine.stats().spec.by_proposer
    assert by_proposer["draft"].num_draft_tokens > 5 * by_proposer["mtp"].num_draft_tokens > 0


def _with_both(**settings: Any) -> LLMEngine:
    """Return an engine whose draft model is the target itself and whose head guesses at random."""
    return make_engine(TARGET, TARGET, mtp=random_mtp(TARGET), **settings)


class _SettledCosts(PassCosts):
    """Costs that do not learn what passes of models this small really take."""

    def observe(self, load: Load, seconds: float) -> float:
        return 0.0


def test_the_built_in_head_drafts_and_changes_no_token() -> None:
    settings = SpeculativeConfig(speculation_method="mtp", speculation_depth=3, speculation_adaptive=False)
    engine = LLMEngine(EngineConfig(cache=CacheConfig(num_blocks=64), speculative=settings))
    params = SamplingParams(temperature=0.7, seed=5, max_tokens=24, ignore_eos=True)
    prompts = ["What is speculative decoding?", "Count from one to ten."]
    drafted = engine.generate(prompts, params)
    plain = engine.generate(prompts, replace(params, speculation_method="none"))
    assert [one.token_ids for one in drafted] == [one.token_ids for one in plain]
    assert set(engine.stats().spec.by_proposer) == {"mtp"}
