"""The synchronous engine: what it refuses, what it reports, how texts end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from transformers import PreTrainedTokenizerFast

from helix.engine import LLMEngine
from helix.errors import ContextLengthExceededError, InvalidRequestError
from helix.outputs import DecodeStep, FinishReason
from helix.sampling_params import SamplingParams
from helix.structured.grammar import Grammar
from helix.text.tokenizer import Tokenizer
from tests.engines import VOCAB_SIZE, make_engine
from tests.grammars import TOKENS, TextTokenizer
from tests.helix.text.conftest import sentencepiece, wordpiece
from tests.models import tiny_llama

MODEL = tiny_llama()


@pytest.mark.parametrize(
    ("prompt", "params", "field"),
    [
        ([], {}, "prompt"),
        ([VOCAB_SIZE], {}, "prompt"),
        ([-1], {}, "prompt"),
        ([1], {"logit_bias": {VOCAB_SIZE: 1.0}}, "logit_bias"),
        ([1], {"stop_token_ids": (VOCAB_SIZE,)}, "stop_token_ids"),
        ([1], {"prediction": (3, VOCAB_SIZE)}, "prediction"),
        ([1], {"speculation_depth": 17}, "speculation_depth"),
        ([1], {"speculation_method": "draft"}, "speculation_method"),
        ([1], {"speculation_method": "mtp"}, "speculation_method"),
    ],
)
def test_a_request_that_cannot_be_served_names_its_field(prompt: list[int], params: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        make_engine(MODEL).make_request(prompt, SamplingParams(**params))
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("engine", "asked", "depths"),
    [
        ({}, {}, (5, 16)),
        ({"speculation_depth": 7, "prediction_depth": 3}, {}, (7, 3)),
        ({"max_speculation_depth": 8}, {}, (5, 8)),
        ({}, {"speculation_depth": 3}, (3, 3)),
        ({}, {"speculation_depth": 0}, (0, 0)),
        ({}, {"speculation_method": "none"}, (0, 0)),
        ({}, {"speculation_method": "ngram"}, (5, 16)),
        ({"speculation_depth": 0}, {}, (0, 0)),
        ({"speculation_depth": 0}, {"speculation_depth": 9}, (9, 9)),
        ({"speculation_method": "none"}, {}, (0, 0)),
        ({}, {"prediction": ()}, (5, 0)),
    ],
)
def test_a_prediction_has_its_own_depth_unless_the_request_asks_for_one_or_speculation_is_off(
    engine: dict[str, Any], asked: dict[str, Any], depths: tuple[int, int]
) -> None:
    request = make_engine(MODEL, **engine).make_request([1], SamplingParams(**({"prediction": (2, 3)} | asked)))
    assert (request.speculation_depth, request.prediction_depth) == depths


def test_a_context_too_long_says_both_numbers() -> None:
    engine = make_engine(MODEL, num_blocks=8)
    assert engine.info.max_model_len == 32
    with pytest.raises(ContextLengthExceededError, match=r"32 tokens.*40 tokens \(30 in the prompt, 10 in the"):
        engine.make_request([1] * 30, SamplingParams(max_tokens=10))
    with pytest.raises(ContextLengthExceededError):
        engine.make_request([1] * 32, SamplingParams())


def test_generate_takes_a_text_ids_or_a_list_and_answers_in_order() -> None:
    engine = make_engine(MODEL)
    params = SamplingParams(temperature=0, max_tokens=5, ignore_eos=True)
    text = engine.tokenizer.decode([5, 6, 7])
    (one,) = engine.generate(text, params)
    (same,) = engine.generate([5, 6, 7], params)
    prompts: list[str | list[int]] = [text, [9, 8]]
    both = engine.generate(prompts, params)
    assert one.token_ids == same.token_ids == both[0].token_ids
    assert both[1].prompt_token_ids == (9, 8)
    assert one.text == engine.tokenizer.decode(one.token_ids)
    assert one.finish_reason is FinishReason.LENGTH
    mixed: list[Any] = [5, [9, 8]]
    with pytest.raises(InvalidRequestError, match="beside"):
        engine.generate(mixed, params)


def test_generate_takes_more_prompts_than_the_queue_holds() -> None:
    engine = make_engine(MODEL, scheduler={"max_num_seqs": 2, "max_num_waiting": 1})
    prompts = [[1 + i] for i in range(10)]
    params = SamplingParams(temperature=0, max_tokens=4)
    answers = engine.generate(prompts, params)
    assert [answer.prompt_token_ids for answer in answers] == [(1 + i,) for i in range(10)]
    assert [answer.token_ids for answer in answers] == [
        make_engine(MODEL).generate([prompt], params)[0].token_ids for prompt in prompts
    ]


def test_without_parameters_the_models_own_apply() -> None:
    own = SamplingParams(temperature=0, max_tokens=5, ignore_eos=True)
    engine = make_engine(MODEL)
    engine = LLMEngine(engine.config, worker=replace(engine.worker, default_sampling_params=own))
    (silent,), (asked,) = engine.generate([[1, 2, 3]]), engine.generate([[1, 2, 3]], own)
    assert silent.token_ids == asked.token_ids


@pytest.mark.parametrize("include", [False, True])
def test_a_stop_string_is_cut_out_unless_asked_for(include: bool) -> None:
    engine = make_engine(MODEL)
    (whole,) = engine.generate([[1, 2, 3]], SamplingParams(temperature=0, max_tokens=12, ignore_eos=True))
    stop = whole.text[4:6]
    end = whole.text.index(stop)
    params = SamplingParams(
        temperature=0, max_tokens=12, ignore_eos=True, stop=(stop,), include_stop_str_in_output=include
    )
    (cut,) = engine.generate([[1, 2, 3]], params)
    assert cut.text == whole.text[: end + len(stop) if include else end]
    assert (cut.finish_reason, cut.stop_reason) == (FinishReason.STOP, stop)


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("prompt", ["<s>", "h", "<s>the he", "he "])
@pytest.mark.parametrize("build", [sentencepiece, wordpiece])
def test_a_completion_is_what_its_tokens_add_to_the_decoded_prompt(
    build: Callable[[], Backend], prompt: str, skip: bool
) -> None:
    """Without the prompt SentencePiece's decoder takes the space of the first word for its own."""
    tokenizer = Tokenizer(PreTrainedTokenizerFast(tokenizer_object=build()))
    engine = make_engine(tiny_llama(vocab_size=tokenizer.vocab_size), tokenizer=tokenizer)
    prompt_token_ids = tokenizer.encode(prompt)
    word = tokenizer.encode("he")[0]
    params = SamplingParams(
        temperature=0, max_tokens=3, logit_bias={word: 100}, skip_special_tokens=skip, ignore_eos=True
    )
    (answer,) = engine.generate([prompt_token_ids], params)
    assert word in answer.token_ids
    before, both = (
        tokenizer.decode([*prompt_token_ids, *ids], skip_special_tokens=skip) for ids in ((), answer.token_ids)
    )
    assert answer.text == both.removeprefix(before)


def test_metrics_are_complete_and_in_order() -> None:
    engine = make_engine(MODEL, MODEL, speculation_depth=3)
    (answer,) = engine.generate([[1, 2, 3]], SamplingParams(temperature=0, max_tokens=20, ignore_eos=True))
    metrics = answer.metrics
    assert metrics.scheduled_s is not None
    assert metrics.first_token_s is not None
    assert metrics.last_token_s is not None
    assert metrics.arrival_s <= metrics.scheduled_s <= metrics.first_token_s <= metrics.last_token_s
    assert metrics.num_generated_tokens == 20
    assert len(metrics.inter_token_s) == 19
    assert sum(metrics.inter_token_s) == pytest.approx(metrics.last_token_s - metrics.first_token_s)
    assert metrics.spec.num_emitted_tokens == 20


def test_a_pool_with_nothing_cached_grows_no_garbage() -> None:
    engine = make_engine(MODEL)
    for _ in range(3):
        engine.generate([[1, 2, 3]] * 5, SamplingParams(max_tokens=9))
    stats = engine.stats()
    assert (stats.num_running, stats.num_waiting, stats.num_free_blocks) == (0, 0, stats.num_blocks)
    assert stats.num_finished == 15


def test_a_grammar_is_compiled_when_the_request_is_made_and_can_be_before() -> None:
    engine = make_engine(tiny_llama(vocab_size=len(TOKENS)), tokenizer=TextTokenizer())
    for bad in (Grammar.regex("("), Grammar.json_schema({"not": {}})):
        with pytest.raises(InvalidRequestError) as early:
            engine.compile_grammar(bad)
        with pytest.raises(InvalidRequestError) as late:
            engine.make_request([5], SamplingParams(grammar=bad))
        assert early.value.param == late.value.param == "grammar"
    good = Grammar.choice(["ab", "12"])
    engine.compile_grammar(good)
    first, second = (engine.make_request([5], SamplingParams(grammar=good)).grammar for _ in range(2))
    assert first is not None and first is not second


@pytest.mark.parametrize("depth", [0, 4])
def test_a_grammar_that_leads_nowhere_ends_its_request_and_no_other(depth: int) -> None:
    """Its vocabulary cannot spell Greek, which shows behind forty letters."""
    engine = make_engine(tiny_llama(vocab_size=len(TOKENS)), tokenizer=TextTokenizer(), speculation_depth=depth)
    grammars = [Grammar.regex("[ab]{40}(\u03b1|\u03b2)"), Grammar.regex("[ab]{40}")]
    failed, whole = (
        engine.generate([[5, 6]], SamplingParams(temperature=0, grammar=grammar))[0] for grammar in grammars
    )
    assert failed.finish_reason is FinishReason.ABORT
    assert "no token" in str(failed.stop_reason)
    assert whole.finish_reason is FinishReason.STOP
    assert failed.text == whole.text, "the token behind the dead end is not shown"
    assert engine.stats().num_free_blocks == engine.stats().num_blocks


def test_without_a_token_to_generate_the_prompt_is_computed_and_that_is_all() -> None:
    engine = make_engine(MODEL)
    request = engine.make_request([1, 2, 3], SamplingParams(max_tokens=0, prompt_logprobs=1))
    engine.add_request(request)
    (output,) = engine.step()
    assert (output.text, output.token_ids, output.finish_reason) == ("", (), FinishReason.LENGTH)
    assert output.prompt_logprobs is not None
    assert [entry.token_id for entry in output.prompt_logprobs] == [2, 3]
    assert (output.metrics.num_generated_tokens, output.metrics.first_token_s) == (0, None)
    assert not engine.has_requests


def test_prompt_logprobs_come_with_the_first_output_alone() -> None:
    engine = make_engine(MODEL, speculation_depth=0)
    engine.add_request(engine.make_request([1, 2, 3], SamplingParams(max_tokens=3, prompt_logprobs=0, ignore_eos=True)))
    first, *others = [engine.step()[0] for _ in range(3)]
    assert first.prompt_logprobs is not None and len(first.prompt_logprobs) == 2
    assert [output.prompt_logprobs for output in others] == [None, None]


def test_the_steps_of_a_request_add_up_to_its_tokens_and_its_counts() -> None:
    engine = make_engine(MODEL, MODEL)
    params = SamplingParams(max_tokens=30, seed=5, ignore_eos=True, reports_steps=True)
    request = engine.make_request([1, 2, 3, 1, 2, 3], params)
    engine.add_request(request)
    engine.add_request(engine.make_request([4, 5], replace(params, reports_steps=False)))
    steps: list[DecodeStep] = []
    while engine.has_requests:
        for output in engine.step():
            assert bool(output.steps) is (output.request_id == request.request_id)
            steps += output.steps
    assert [token_id for step in steps for token_id in step.token_ids] == request.output_token_ids
    spec = request.metrics.spec
    assert len(steps) == spec.num_steps
    assert sum(step.num_accepted_tokens for step in steps) == spec.num_accepted_tokens > 0
    drafted = [draft for step in steps for draft in step.drafts]
    assert sum(len(draft.token_ids) for draft in drafted) == spec.num_draft_tokens
    assert {draft.proposer for draft in drafted} == set(spec.by_proposer)
