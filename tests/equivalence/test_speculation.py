"""Speculation changes the speed and never the result, whatever proposes, however deep, under every parameter."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from helix.outputs import FinishReason
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, complete, make_engine, run
from tests.models import tiny_llama

TARGET = tiny_llama()
DRAFTS = {
    "no draft model": None,
    "draft is the target": TARGET,
    "good draft": tiny_llama(scale=3.9),  # the same weights, slightly scaled
    "bad draft": tiny_llama(seed=1, hidden_size=16, num_hidden_layers=1),
}
PARAMETERS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "temperature": {"temperature": 0.8},
    "hot": {"temperature": 1.7},
    "top_p": {"top_p": 0.7},
    "top_k": {"top_k": 5},
    "min_p": {"min_p": 0.1},
    "presence": {"presence_penalty": 1.5},
    "frequency": {"frequency_penalty": 1.2, "temperature": 0},
    "repetition": {"repetition_penalty": 1.4},
    "logit_bias": {"logit_bias": {5: 6.0, 9: -100.0, 11: 3.5}},
    "logprobs": {"logprobs": 4},
    "min_tokens": {"min_tokens": 20, "logit_bias": {0: 4.0}},
    "stop_token_ids": {"stop_token_ids": (7, 21, 33)},
    "everything": {
        "temperature": 0.9,
        "top_p": 0.9,
        "top_k": 30,
        "min_p": 0.01,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.4,
        "repetition_penalty": 1.1,
        "logit_bias": {3: 2.0},
        "min_tokens": 5,
        "logprobs": 2,
    },
}
NUM_TOKENS = 32


def _prompts() -> list[list[int]]:
    rng = random.Random(11)
    prompts = [[rng.randrange(1, VOCAB_SIZE) for _ in range(length)] for length in (3, 17, 30)]
    return [*prompts, [5, 6, 7, 8] * 6]  # the last one invites n-gram drafts


def _answers(engine: Any, params: list[SamplingParams]) -> list[Any]:
    return complete(engine, _prompts(), params)


def _seeded(**changes: Any) -> list[SamplingParams]:
    return [SamplingParams(max_tokens=NUM_TOKENS, seed=seed, **changes) for seed in (0, -3, 2**62, 99)]


@pytest.mark.parametrize("parameter", PARAMETERS)
@pytest.mark.parametrize("draft", DRAFTS)
def test_a_seeded_answer_is_the_same_with_speculation_on_off_and_at_any_depth(parameter: str, draft: str) -> None:
    params = _seeded(**PARAMETERS[parameter])
    plain = _answers(make_engine(TARGET, speculation_depth=0), params)
    for depth in (1, 4, 7):
        engine = make_engine(TARGET, DRAFTS[draft], speculation_depth=depth)
        assert _answers(engine, params) == plain, f"depth {depth}"


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_what_earlier_requests_left_to_be_copied_changes_no_token(parameter: str) -> None:
    """The second time whole answers are copied out of the pool, the third time with another seed's among them."""
    params = _seeded(**PARAMETERS[parameter])
    others = [replace(one, seed=7) for one in params]
    plain = _answers(make_engine(TARGET, speculation_depth=0), params)
    engine = make_engine(TARGET, speculation_depth=5, speculation_method="suffix", speculation_adaptive=False)
    assert _answers(engine, params) == plain
    num_accepted = engine.stats().spec.num_accepted_tokens
    assert _answers(engine, params) == plain
    assert engine.stats().spec.num_accepted_tokens > num_accepted + NUM_TOKENS
    _answers(engine, others)
    assert _answers(engine, params) == plain


@pytest.mark.parametrize("stop", [("A",), ("Q1", "f"), ("zz", "C", "D")])
def test_a_stop_string_inside_an_accepted_run_cuts_it_where_plain_decoding_stops(stop: tuple[str, ...]) -> None:
    params = _seeded(stop=stop, temperature=0.7)
    plain = _answers(make_engine(TARGET, speculation_depth=0), params)
    assert any(answer[2] is FinishReason.STOP and answer[3] in stop for answer in plain), "no stop was tried"
    assert _answers(make_engine(TARGET, TARGET, speculation_depth=6), params) == plain


def test_requests_with_different_depths_and_methods_share_a_batch() -> None:
    params = _seeded(temperature=0.8)
    plain = _answers(make_engine(TARGET, speculation_depth=0), params)
    mixed = [
        replace(params[0], speculation_depth=0),
        replace(params[1], speculation_depth=7, speculation_method="draft"),
        replace(params[2], speculation_depth=2, speculation_method="ngram"),
        replace(params[3], speculation_depth=6, speculation_method="suffix"),
    ]
    engine = make_engine(TARGET, DRAFTS["good draft"], speculation_depth=4)
    assert _answers(engine, mixed) == plain


@pytest.mark.parametrize("rule", ["match", "rejection"])
@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_draft_that_is_the_target_is_accepted_whole(rule: str, temperature: float) -> None:
    """Fails when draft and target see different KV, positions or distributions."""
    engine = make_engine(
        TARGET, TARGET, speculation_depth=5, speculation_method="draft", acceptance_rule=rule, num_blocks=512
    )
    params = [SamplingParams(temperature=temperature, max_tokens=60, ignore_eos=True, seed=s) for s in range(4)]
    run(engine, _prompts(), params)
    spec = engine.stats().spec
    assert spec.num_draft_tokens > 100
    assert spec.num_accepted_tokens == spec.num_draft_tokens


def test_a_request_without_seed_under_rejection_still_ends_well_formed() -> None:
    engine = make_engine(TARGET, DRAFTS["bad draft"], speculation_depth=4, speculation_method="draft")
    params = SamplingParams(temperature=1.0, max_tokens=40, ignore_eos=True, logprobs=1)
    requests = [engine.make_request(prompt, params) for prompt in _prompts()]
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        engine.step()
    for request in requests:
        assert request.num_output_tokens == 40
        assert [entry.token_id for entry in request.output_logprobs] == request.output_token_ids
        assert all(entry.logprob < 0 for entry in request.output_logprobs)


def test_max_tokens_and_the_end_of_context_are_never_overshot() -> None:
    for max_tokens in range(1, 9):
        engine = make_engine(TARGET, TARGET, speculation_depth=7)
        params = SamplingParams(temperature=0, max_tokens=max_tokens, ignore_eos=True)
        assert [len(tokens) for tokens in run(engine, [[1, 2, 3]], params)] == [max_tokens]
    engine = make_engine(TARGET, TARGET, speculation_depth=7, num_blocks=8)  # room for 32 tokens
    assert [len(t) for t in run(engine, [[1] * 20], SamplingParams(temperature=0, ignore_eos=True))] == [12]


def test_speculation_is_counted_where_it_happens() -> None:
    engine = make_engine(TARGET, TARGET, speculation_depth=3, speculation_method="draft")
    request = engine.make_request([1, 2, 3], SamplingParams(temperature=0, max_tokens=41, ignore_eos=True))
    engine.add_request(request)
    while engine.has_requests:
        engine.step()
    spec = request.metrics.spec
    # One plain first token, then ten steps of three accepted drafts and one bonus token.
    assert (spec.num_steps, spec.num_drafts, spec.num_draft_tokens, spec.num_accepted_tokens) == (11, 10, 30, 30)
    assert spec.num_emitted_tokens == 41
    assert dict(spec.accepted_tokens_per_position) == {0: 10, 1: 10, 2: 10}
    assert set(spec.by_proposer) == {"draft"}


@pytest.mark.parametrize("draft_vocab_size", [62, 64, 66, 80])
def test_padding_of_either_vocabulary_is_never_drawn_and_changes_nothing(draft_vocab_size: int) -> None:
    """The models pad their embeddings differently, and padding has logits too, which here would often win.

    A draft may even have fewer rows than there are tokens; it stops where one that it does not know is committed.
    """
    target = tiny_llama(vocab_size=72, scale=6.0)
    draft = tiny_llama(vocab_size=draft_vocab_size, seed=1, scale=6.0)
    params = _seeded(temperature=1.3, ignore_eos=True)
    plain = _answers(make_engine(target, speculation_depth=0), params)
    for rule in ("match", "rejection"):
        engine = make_engine(
            target, draft, speculation_depth=4, speculation_method="draft", acceptance_rule=rule, num_blocks=128
        )
        answers = _answers(engine, params)
        assert all(token_id < VOCAB_SIZE for answer in answers for token_id in answer[0])
        assert (answers == plain) == (rule == "match")
        assert engine.stats().spec.num_accepted_tokens


@pytest.mark.parametrize("rule", ["match", "rejection"])
def test_requests_without_seed_are_sampled_and_each_by_itself(rule: str) -> None:
    """Neither greedily, as verification without probabilities would, nor with noise that batch mates share."""
    engine = make_engine(TARGET, TARGET, speculation_depth=4, acceptance_rule=rule)
    params = SamplingParams(temperature=1.0, max_tokens=12, ignore_eos=True)
    answers = run(engine, [[5, 6, 7]] * 8, params) + run(engine, [[5, 6, 7]] * 8, params)
    assert len(set(answers)) == 16
    assert len({answer[0] for answer in answers}) > 2, "the first token is drawn too"


@pytest.mark.parametrize("end", ["stop token", "stop string", "length"])
def test_tokens_behind_the_end_of_an_accepted_run_are_neither_shown_nor_counted(end: str) -> None:
    params = SamplingParams(temperature=1.5, seed=4, max_tokens=30, ignore_eos=True, logprobs=0)
    (whole,) = make_engine(TARGET, speculation_depth=0).generate([[1, 2, 3]], params)
    lengths = [n for n in range(3, 16) if whole.token_ids[n - 1] not in whole.token_ids[: n - 1]]
    assert len(lengths) > 3, "the answer repeats itself"
    for length in lengths:
        last = whole.token_ids[length - 1]
        ends: dict[str, dict[str, Any]] = {
            "stop token": {"stop_token_ids": (last,)},
            "stop string": {"stop": (whole.text[length - 1],)},
            "length": {"max_tokens": length},
        }
        engine = make_engine(TARGET, TARGET, speculation_depth=6, speculation_method="draft")
        (cut,) = engine.generate([[1, 2, 3]], replace(params, **ends[end]))
        assert cut.token_ids == whole.token_ids[:length]
        assert cut.logprobs is not None and len(cut.logprobs) == length
        assert cut.metrics.num_generated_tokens == cut.metrics.spec.num_emitted_tokens == length
        assert len(cut.metrics.inter_token_s) == length - 1
        assert cut.finish_reason is (FinishReason.LENGTH if end == "length" else FinishReason.STOP)


@pytest.mark.parametrize("draft", DRAFTS)
def test_a_depth_that_adapts_changes_no_token(draft: str) -> None:
    """Whether and how deep to draft follows the clock here, so that hardly two runs draft alike."""
    params = _seeded(temperature=0.9, presence_penalty=0.5, logprobs=2)
    plain = _answers(make_engine(TARGET, speculation_depth=0), params)
    engine = make_engine(TARGET, DRAFTS[draft], speculation_depth=7, speculation_adaptive=True)
    for _ in range(4):
        assert _answers(engine, params) == plain
