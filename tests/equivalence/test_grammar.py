"""A grammar holds for every token, and speculation changes none of them: whatever proposes, however deep."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from helix.outputs import FinishReason
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts
from helix.structured.grammar import Grammar
from tests.engines import complete, make_engine, run
from tests.grammars import END, TOKENS, TextTokenizer, begin
from tests.models import tiny_llama
from tests.toy_lm import JunkProposer, ModelProposer, OracleProposer, Propose, RepeatProposer, ToyLM, speculate
from tests.toy_lm import decode_plainly as decode_alone

VOCAB_SIZE = len(TOKENS)
TOKENIZER = TextTokenizer()
TARGET = tiny_llama(vocab_size=VOCAB_SIZE + 3)
DRAFTS = {
    "no draft model": None,
    "draft is the target": TARGET,
    "good draft": tiny_llama(vocab_size=VOCAB_SIZE + 3, scale=3.9),
    "bad draft": tiny_llama(vocab_size=VOCAB_SIZE, seed=1, hidden_size=16, num_hidden_layers=1),
}
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 6},
        "tags": {"type": "array", "items": {"enum": ["ab", "abc", "ca"]}, "maxItems": 3},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "ok": {"type": ["boolean", "null"]},
    },
    "required": ["name", "tags", "age", "ok"],
    "additionalProperties": False,
}
GRAMMARS = [
    Grammar.json_schema(PERSON),
    Grammar.json_schema({"type": "array", "items": {"enum": ["name", "na", "ab", True, None, 12]}, "maxItems": 6}),
    Grammar.regex("[a-c]{4,9}( [0-9]+){0,2}"),
    Grammar.lark('start: list\nlist: "[" (item ("," item)*)? "]"\nitem: list | /[1-9][0-9]?/'),
    None,
]
PARAMETERS: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "temperature": {"temperature": 1.0},
    "hot": {"temperature": 2.0},
    "truncated": {"top_p": 0.8, "top_k": 20, "min_p": 0.01},
    "penalised": {"presence_penalty": 1.0, "frequency_penalty": 0.3, "repetition_penalty": 1.2},
    "biased": {"logit_bias": {END: 50.0, TOKENIZER.encode("]")[0]: 3.0, TOKENIZER.encode("name")[0]: -100.0}},
    "logprobs": {"logprobs": 3},
    "min_tokens": {"min_tokens": 14, "stop_token_ids": (TOKENIZER.encode("]")[0],)},
    "ignore_eos": {"ignore_eos": True},
    "stop": {"stop": ("a", ": 1")},
    "short": {"max_tokens": 7},
}
PROMPTS = [[5, 9, 11], [30, 31] * 6, [7] * 13, [40, 41, 42], [50, 60]]


def params(seed: int, **changes: Any) -> list[SamplingParams]:
    """One per prompt, each with its own grammar."""
    return [
        SamplingParams(**({"max_tokens": 60, "seed": seed + number, "grammar": grammar} | changes))
        for number, grammar in enumerate(GRAMMARS)
    ]


def answers(engine: Any, asked: list[SamplingParams]) -> list[Any]:
    return complete(engine, PROMPTS, asked)


def engine_of(draft: str | None = None, **settings: Any) -> Any:
    return make_engine(TARGET, None if draft is None else DRAFTS[draft], tokenizer=TOKENIZER, **settings)


def check_sentence(text: str, grammar: Grammar | None) -> None:
    """Assert that a whole answer is one."""
    if grammar is None:
        return
    if grammar.kind == "regex":
        assert 4 <= len(text.split(" ")[0]) <= 9 and set(text.split(" ")[0]) <= set("abc")
        return
    value = json.loads(text)
    if grammar is GRAMMARS[0]:
        assert list(value) == PERSON["required"]
        assert len(value["name"]) <= 6 and 0 <= value["age"] <= 120 and value["ok"] in (True, False, None)
    elif grammar is GRAMMARS[1]:
        assert all(item in ("name", "na", "ab", True, None, 12) for item in value)


@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_seeded_answer_is_the_same_with_speculation_on_off_and_at_any_depth(parameter: str) -> None:
    asked = params(4, **PARAMETERS[parameter])
    plain = answers(engine_of(speculation_depth=0), asked)
    for draft, depth in zip(DRAFTS, (9, 1, 4, 6), strict=True):
        engine = engine_of(draft, speculation_depth=depth)
        assert answers(engine, asked) == plain, f"{draft}, depth {depth}"
        assert "grammar" in engine.stats().spec.by_proposer


@pytest.mark.parametrize("method", ["grammar", "ngram", "draft", "auto"])
def test_every_method_gives_the_same_answer_and_preemption_too(method: str) -> None:
    asked = [replace(one, max_tokens=40, grammar=GRAMMARS[0]) for one in params(11)]
    plain = answers(engine_of(speculation_depth=0), asked)
    engine = engine_of("good draft", speculation_depth=5, speculation_method=method, num_blocks=14)
    assert answers(engine, asked) == plain
    assert engine.stats().num_preemptions > 0


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("speculation", [{"speculation_depth": 0}, {"speculation_depth": 4}])
def test_an_answer_that_is_not_cut_is_a_sentence(seed: int | None, speculation: dict[str, Any]) -> None:
    num_whole = 0
    for rule in ("auto", "rejection"):
        engine = engine_of("good draft", acceptance_rule=rule, **speculation)
        for temperature in (0.0, 1.0, 3.0):
            asked = [replace(one, seed=seed, temperature=temperature, max_tokens=80) for one in params(0)]
            for (token_ids, text, reason, _, _), one in zip(answers(engine, asked), asked, strict=True):
                assert text == TOKENIZER.decode(token_ids)
                if reason is FinishReason.STOP:
                    num_whole += one.grammar is not None
                    check_sentence(text, one.grammar)
                else:
                    assert reason is FinishReason.LENGTH and len(token_ids) == 80
    assert num_whole >= 10


def test_the_answer_stops_where_the_grammar_ends_with_its_last_text() -> None:
    asked = replace(params(1)[0], grammar=Grammar.choice(['{"name": true}']))
    ((token_ids, text, reason, stop_reason, _),) = answers_of(engine_of(), [asked])
    assert text == '{"name": true}' == TOKENIZER.decode(token_ids)
    assert (reason, stop_reason) == (FinishReason.STOP, None)
    assert END not in token_ids


def answers_of(engine: Any, asked: list[SamplingParams]) -> list[Any]:
    """Answers to the first prompts."""
    texts = engine.generate(PROMPTS[: len(asked)], asked[0])
    return [(one.token_ids, one.text, one.finish_reason, one.stop_reason, one.logprobs) for one in texts]


def test_an_answer_that_is_cut_says_so() -> None:
    engine = engine_of("good draft", speculation_depth=5)
    for max_tokens in range(1, 12):
        (one,) = answers_of(engine, [replace(params(1)[0], max_tokens=max_tokens)])
        assert len(one[0]) == max_tokens and one[2] is FinishReason.LENGTH
    whole = Grammar.choice(["ab", "12"])
    (one,) = answers_of(engine, [replace(params(1)[0], grammar=whole, max_tokens=1)])
    assert one[2] is FinishReason.STOP, "the end of the grammar beats the length"


def test_a_stop_string_in_the_last_token_is_the_reason() -> None:
    asked = replace(params(1)[0], grammar=Grammar.choice(["12name"]), stop=("me",))
    ((_, text, reason, stop_reason, _),) = answers_of(engine_of(), [asked])
    assert (text, reason, stop_reason) == ("12na", FinishReason.STOP, "me")


def test_min_tokens_hold_the_end_back_as_long_as_there_is_anything_else() -> None:
    digits = replace(params(1)[0], grammar=Grammar.regex("[0-9]+"), logit_bias={END: 100.0}, temperature=0)
    ((token_ids, *_),) = answers_of(engine_of(), [digits])
    assert len(token_ids) == 2, "the end comes as soon as it may"
    for depth in (0, 4):
        ((token_ids, *_),) = answers_of(engine_of(speculation_depth=depth), [replace(digits, min_tokens=9)])
        assert len(token_ids) == 10 and token_ids[-1] == END
    short = replace(digits, grammar=Grammar.regex("[0-9]{2}"), min_tokens=9)
    ((token_ids, text, reason, *_),) = answers_of(engine_of(), [short])
    assert len(text) == 2 and reason is FinishReason.STOP


def test_logprobs_are_the_models_own() -> None:
    """Before the mask, as before penalties and temperature: a forced token has no probability of 1."""
    (one,) = answers_of(engine_of(speculation_depth=4), [replace(params(1)[0], logprobs=2)])
    assert len(one[4]) == len(one[0])
    assert min(entry.logprob for entry in one[4]) < -2
    assert any(entry.token_id not in dict(entry.top) for entry in one[4])


def test_forced_tokens_are_accepted_always() -> None:
    engine = engine_of(speculation_depth=9, speculation_method="grammar")
    for seed in range(5):
        answers(engine, params(seed, temperature=1.5))
    drafted = engine.stats().spec.by_proposer["grammar"]
    assert drafted.num_draft_tokens == drafted.num_accepted_tokens > 50


def test_requests_with_and_without_a_grammar_do_not_touch_each_other() -> None:
    alone = [
        engine_of(speculation_depth=0).generate([prompt], one)[0].token_ids
        for prompt, one in zip(PROMPTS, params(3), strict=True)
    ]
    assert run(engine_of("bad draft", speculation_depth=4), PROMPTS, params(3)) == alone


class Nonsense:
    """Drafts at random, ids outside the vocabulary included."""

    name = "ngram"

    def __init__(self) -> None:
        self.random = random.Random(0)

    def propose(self, asked: Any) -> Drafts:
        return {item.request_id: Draft(self._tokens(item), self.name) for item in asked}

    def _tokens(self, item: DraftRequest) -> list[int]:
        return [self.random.randrange(VOCAB_SIZE) for _ in range(self.random.randint(1, item.max_draft_tokens))]

    def forget(self, request: Request) -> None: ...


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_junk_behind_forced_tokens_changes_nothing(temperature: float) -> None:
    asked = params(2, temperature=temperature)
    plain = answers(engine_of(speculation_depth=0), asked)
    engine = engine_of(speculation_depth=7)
    engine.proposer.copying[1] = Nonsense()
    assert answers(engine, asked) == plain


LM = ToyLM(VOCAB_SIZE, seed=5)
DRAFT_LM = ToyLM(VOCAB_SIZE, seed=6)


def toy_request(number: int, grammar: Grammar | None, **changes: Any) -> Request:
    one = SamplingParams(max_tokens=40, seed=number, grammar=grammar, **changes)
    state = None if grammar is None else begin(grammar)
    return Request(
        str(number), [3, 4, 5], one, seed=number, eos_token_ids=frozenset({END}), max_tokens=40, grammar=state
    )


@pytest.mark.parametrize("changes", [{"temperature": 0}, {}, {"logprobs": 2, "min_tokens": 9, "top_p": 0.9}])
def test_drafts_of_every_kind_and_length_change_nothing(changes: dict[str, Any]) -> None:
    """Tokens, logprobs and reasons; junk has ids outside the vocabulary, and oracles draft on behind the end."""
    sampler = Sampler(VOCAB_SIZE)
    requests = [toy_request(number, GRAMMARS[number % 4], **changes) for number in range(8)]
    plain = [decode_alone(LM, request, sampler) for request in requests]
    kinds: list[list[Propose]] = [
        [JunkProposer(VOCAB_SIZE, seed) for seed in range(8)],
        [OracleProposer(request.output_token_ids, VOCAB_SIZE, 0) for request in plain],
        [OracleProposer(request.output_token_ids, VOCAB_SIZE, 1) for request in plain],
        [RepeatProposer() for _ in range(8)],
        [ModelProposer(DRAFT_LM, sampler, is_coupled=True) for _ in range(8)],
        [ModelProposer(LM, sampler, is_coupled=True) for _ in range(8)],
        [ModelProposer(DRAFT_LM, sampler, is_coupled=False, is_greedy=True) for _ in range(8)],
    ]
    for number, propose in enumerate(kinds):
        finished = speculate(LM, requests, sampler, propose, depths=random.Random(number))
        for one, expected in zip(finished, plain, strict=True):
            assert one.output_token_ids == expected.output_token_ids
            assert (one.finish_reason, one.stop_reason) == (expected.finish_reason, expected.stop_reason)
            assert one.output_logprobs == expected.output_logprobs
    for request in plain:
        if request.finish_reason is FinishReason.STOP:
            check_sentence(TOKENIZER.decode(request.output_token_ids), request.params.grammar)


def test_rejection_keeps_the_law_of_the_masked_target() -> None:
    """The first token of 4,000 draws against the target's masked softmax; six standard deviations may be missed."""
    num_draws, grammar = 4_000, Grammar.regex("[a-e]x?")
    sampler = Sampler(VOCAB_SIZE, acceptance_rule="rejection")
    requests = [
        Request(str(i), [3, 4], SamplingParams(grammar=grammar), seed=i, max_tokens=5, grammar=begin(grammar))
        for i in range(num_draws)
    ]
    target, draft = (lm([3, 4]).float().unsqueeze(0) for lm in (LM, DRAFT_LM))
    drawn = sampler.draw(draft.expand(num_draws, -1), requests, [[] for _ in requests], coupled=[False] * num_draws)
    assert drawn.probs is not None
    drafts = [Draft([token_id], "draft", drawn.probs[i : i + 1]) for i, token_id in enumerate(drawn.token_ids)]
    verified = sampler.verify(target.expand(2 * num_draws, -1), requests, drafts)
    allowed = [i for i in range(VOCAB_SIZE) if TOKENS[i] in {b"a", b"b", b"c", b"d", b"e"}]
    law = target[0, allowed].softmax(-1)
    counts = torch.tensor([sum(one.token_ids[0] == i for one in verified) for i in allowed])
    assert counts.sum() == num_draws
    assert (counts / num_draws - law).abs().le(6 * (law * (1 - law) / num_draws).sqrt()).all()
    assert sum(one.num_accepted_tokens for one in verified) < num_draws, "something was rejected"
