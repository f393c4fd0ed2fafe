"""A draft of another vocabulary changes no token, keeps its books, and is accepted where it says the same."""

from __future__ import annotations

import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from transformers import PreTrainedTokenizerFast

from helix.engine import LLMEngine
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.translated_draft import TranslatedDraftProposer
from helix.text.tokenizer import Tokenizer
from tests.engines import check_integrity, make_engine
from tests.equivalence.test_kv_contents import Ledger
from tests.helix.text.conftest import gpt2, llama3, sentencepiece
from tests.models import tiny_llama
from tests.vocabularies import CIRCLE, circle_model, circle_tokenizer

PAIRS = circle_tokenizer(2), circle_tokenizer(3, eos="</s>")
TARGET = circle_model(PAIRS[0])
NUM_TOKENS = 40


def _engine(*, with_draft: bool = True, **settings: Any) -> LLMEngine:
    draft: dict[str, Any] = {}
    if with_draft:
        draft = {"draft": circle_model(PAIRS[1], seed=1), "draft_tokenizer": PAIRS[1], "speculation_method": "draft"}
    return make_engine(TARGET, tokenizer=PAIRS[0], **draft, **settings)


def _proposer(engine: LLMEngine) -> TranslatedDraftProposer:
    (proposer,) = engine.proposer.models
    assert isinstance(proposer, TranslatedDraftProposer)
    return proposer


def _check_draft(proposer: TranslatedDraftProposer, ledger: Ledger) -> None:
    """Assert that the draft's books balance and that its slots hold what its transcripts say."""
    sequences = proposer.sequences.values()
    proposer.block_manager.check_integrity(sequence.block_table for sequence in sequences)
    for sequence in sequences:
        known = SimpleNamespace(token_ids=sequence.transcript.token_ids, block_table=sequence.block_table)
        ledger.check(cast(Request, known), sequence.num_computed_tokens)


def _run(engine: LLMEngine, prompts: Sequence[str], params: Sequence[SamplingParams]) -> list[list[int]]:
    """Complete prompts in one batch, checking both pools after every step."""
    requests = [
        engine.make_request(engine.tokenizer.encode(prompt), each) for prompt, each in zip(prompts, params, strict=True)
    ]
    for request in requests:
        engine.add_request(request)
    proposer = _proposer(engine) if engine.proposer.models else None
    ledger = None if proposer is None else Ledger(proposer.runner)
    while engine.has_requests:
        engine.step()
        check_integrity(engine)
        if proposer is not None and ledger is not None:
            _check_draft(proposer, ledger)
    assert engine.stats().num_free_blocks == engine.block_manager.num_blocks, "blocks leaked"
    if proposer is not None:
        assert proposer.block_manager.num_used_blocks == 0, "blocks of the draft leaked"
        assert not proposer.sequences
    return [request.output_token_ids for request in requests]


def _prompts(num: int) -> list[str]:
    rng = random.Random(5)
    text = CIRCLE * 6
    return [text[(start := rng.randrange(37)) : start + rng.randrange(3, 120)] for _ in range(num)]


def _params(num: int, **changes: Any) -> list[SamplingParams]:
    return [SamplingParams(max_tokens=NUM_TOKENS, seed=seed, **changes) for seed in range(num)]


@pytest.mark.parametrize(
    "changes",
    [
        {"temperature": 0},
        {"temperature": 0.8},
        {"temperature": 1.5, "top_p": 0.9},
        {"frequency_penalty": 0.7, "logit_bias": {5: 6.0}, "min_tokens": 20},
        {"logprobs": 3, "stop_token_ids": (7, 21)},
    ],
)
def test_a_seeded_answer_is_the_same_with_and_without_a_draft_of_another_vocabulary(changes: dict[str, Any]) -> None:
    prompts, params = _prompts(6), _params(6, **changes)
    plain = _run(_engine(with_draft=False, speculation_depth=0), prompts, params)
    for depth, enable_prefix_caching in ((1, True), (5, False)):
        engine = _engine(speculation_depth=depth, enable_prefix_caching=enable_prefix_caching)
        assert _run(engine, prompts, params) == plain
        assert engine.stats().spec.num_accepted_tokens > 0


def test_a_draft_that_says_the_same_is_accepted() -> None:
    """Three characters a token draft for two a token, and the last piece of the circle is shorter in both."""
    engine = _engine(speculation_depth=5)
    _run(engine, _prompts(4), _params(4, temperature=0, ignore_eos=True))
    spec = engine.stats().spec
    assert spec.num_accepted_tokens == spec.num_draft_tokens
    assert spec.mean_accepted_length is not None and spec.mean_accepted_length > 3


def test_where_depths_adapt_nothing_changes_either() -> None:
    prompts, params = _prompts(4), _params(4, temperature=0.8)
    plain = _run(_engine(with_draft=False, speculation_depth=0), prompts, params)
    engine = _engine(speculation_depth=5, speculation_adaptive=True)
    assert _run(engine, prompts, params) == plain


def test_requests_without_a_seed_are_verified_by_the_match_rule_and_end_well_formed() -> None:
    """Drafts are certain, so no distribution of the draft's enters the result."""
    engine = _engine(speculation_depth=4, acceptance_rule="rejection")
    params = [SamplingParams(max_tokens=NUM_TOKENS, temperature=1.0, ignore_eos=True)] * 4
    assert [len(tokens) for tokens in _run(engine, _prompts(4), params)] == [NUM_TOKENS] * 4
    assert engine.stats().spec.num_accepted_tokens > 0


@pytest.mark.parametrize("num_blocks", [32, 48])
def test_preemption_and_a_full_pool_change_nothing_and_leak_nothing(num_blocks: int) -> None:
    prompts, params = _prompts(8), _params(8, temperature=0.7, ignore_eos=True)
    plain = _run(_engine(with_draft=False, speculation_depth=0), prompts, params)
    engine = _engine(speculation_depth=5, num_blocks=num_blocks, scheduler={"max_num_batched_tokens": 24})
    assert _run(engine, prompts, params) == plain
    assert engine.stats().num_preemptions > 0
    assert engine.stats().spec.num_accepted_tokens > 0


def test_aborted_requests_leave_no_blocks_of_the_draft() -> None:
    engine = _engine(speculation_depth=4)
    requests = [engine.make_request(engine.tokenizer.encode(prompt), _params(1)[0]) for prompt in _prompts(4)]
    for request in requests:
        engine.add_request(request)
    for _ in range(4):
        engine.step()
    assert _proposer(engine).block_manager.num_used_blocks > 0
    for request in requests:
        engine.abort(request.request_id)
    assert _proposer(engine).block_manager.num_used_blocks == 0


@pytest.mark.parametrize("draft_backend", [sentencepiece, llama3])
def test_random_text_with_broken_characters_changes_nothing_either(draft_backend: Any) -> None:
    """What a random model writes has half characters, markers and ends of sequence anywhere."""
    tokenizer, draft_tokenizer = (
        Tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend())) for backend in (gpt2, draft_backend)
    )
    target = tiny_llama(vocab_size=tokenizer.vocab_size + 7)
    draft = tiny_llama(vocab_size=draft_tokenizer.vocab_size + 3, seed=1)
    prompts, params = ["the time is 12:30", "a", "«naïve» 你好 " * 9], _params(3, temperature=0.9)
    plain = _run(make_engine(target, tokenizer=tokenizer, speculation_depth=0), prompts, params)
    engine = make_engine(
        target, draft, tokenizer=tokenizer, draft_tokenizer=draft_tokenizer, speculation_method="draft"
    )
    assert _run(engine, prompts, params) == plain
    assert engine.stats().spec.num_draft_tokens > 0


def test_a_second_request_reuses_what_the_draft_computed_for_the_first() -> None:
    engine = _engine(speculation_depth=3)
    prompt = engine.tokenizer.encode((CIRCLE * 8)[: 37 * 7])
    answers = [engine.generate([prompt], SamplingParams(max_tokens=8, temperature=0))[0].token_ids for _ in range(2)]
    assert answers[0] == answers[1]
    assert _proposer(engine).block_manager.num_prefix_hit_tokens > 37


def test_a_draft_with_a_shorter_context_drafts_until_it_ends() -> None:
    short = circle_model(PAIRS[1], seed=1)
    short.config.max_position_embeddings = 32  # type: ignore[union-attr]
    engine = make_engine(TARGET, short, tokenizer=PAIRS[0], draft_tokenizer=PAIRS[1], speculation_method="draft")
    assert engine.info.max_model_len == 512
    params = _params(1, temperature=0, ignore_eos=True)
    (answer,) = _run(engine, [CIRCLE[:30]], params)
    assert 0 < engine.stats().spec.num_draft_tokens <= NUM_TOKENS // 2
    assert [answer] == _run(_engine(with_draft=False, speculation_depth=0), [CIRCLE[:30]], params)
