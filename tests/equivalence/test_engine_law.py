"""Answers without seeds have the target's law: counted through whole engines, by statistics that wrong laws fail.

Under the rejection rule no two answers need be equal to plain decoding's. So a model of three tokens answers thousands
of times, and the first tokens of its answers are compared with the law that its weights give them in float64.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor

from helix.engine import LLMEngine
from helix.sampling.sampler import Drawn, Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.choice import Choice
from helix.spec_decode.proposer import Draft
from tests.engines import LetterTokenizer, make_engine
from tests.models import random_mtp, tiny_llama

FALSE_ALARM = 1e-9
NUM_ANSWERS = 3_000
NUM_TOKENS, NUM_COUNTED = 3, 3
PROMPT = [1, 2]
TARGET, DRAFT = tiny_llama(scale=5.0), tiny_llama(scale=5.0, seed=3)
PARAMS = SamplingParams(temperature=0.9, presence_penalty=0.4, top_p=0.97, max_tokens=4, ignore_eos=True)


class ThreeTokens(LetterTokenizer):
    """The other rows of the models are padding and never drawn."""

    vocab_size = NUM_TOKENS


def make_both() -> LLMEngine:
    """Return an engine with a draft model and heads."""
    return make_engine(
        TARGET,
        DRAFT,
        mtp=random_mtp(TARGET, scale=5.0),
        tokenizer=ThreeTokens(),
        num_blocks=2048,
        enable_prefix_caching=False,
        scheduler={"max_num_seqs": 500, "max_num_batched_tokens": 4096, "max_num_waiting": NUM_ANSWERS},
        speculation_depth=3,
    )


def law_of_plain_decoding() -> Tensor:  # [NUM_TOKENS ** NUM_COUNTED] float64
    """Return the probability of every beginning, from the model's own attention and without the sampler."""
    model: Any = copy.deepcopy(TARGET).double()
    law = []
    for tokens in product(range(NUM_TOKENS), repeat=NUM_COUNTED):
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([[*PROMPT, *tokens]]), use_cache=False).logits[0, :, :NUM_TOKENS]
        probability = torch.ones((), dtype=torch.float64)
        for place, token_id in enumerate(tokens):
            probability = probability * next_token(logits[len(PROMPT) + place - 1], tokens[:place])[token_id]
        law.append(probability)
    return torch.stack(law)


def next_token(logits: Tensor, before: Iterable[int]) -> Tensor:  # [NUM_TOKENS] float64
    """Return the law of one token under PARAMS."""
    logits = logits.clone()
    logits[list(set(before))] -= PARAMS.presence_penalty
    law = (logits / PARAMS.temperature).softmax(-1)
    order = law.argsort(descending=True)
    is_kept = law[order].cumsum(-1) - law[order] < PARAMS.top_p
    law[order[~is_kept]] = 0
    return law / law.sum()


def cell(tokens: Sequence[int], stop: int | None) -> int:
    """Return the number of a beginning; what would stand behind the stop token makes no difference."""
    said = tokens if stop not in tokens else tokens[: tokens.index(stop) + 1]
    return int("".join(map(str, said)).ljust(NUM_COUNTED, "0"), NUM_TOKENS)


def p_value(engine: LLMEngine, *, stop: int | None = None) -> float:
    """Return that of chi-square over the beginnings that can occur; those too rare to be counted are counted as one.

    With a stop token the beginnings are those of answers that it ends.
    """
    params = PARAMS if stop is None else replace(PARAMS, stop_token_ids=(stop,))
    methods = itertools.cycle([replace(params, speculation_method="draft"), replace(params, speculation_method="mtp")])
    requests = [engine.make_request(PROMPT, params) for params in itertools.islice(methods, NUM_ANSWERS)]
    for number, request in enumerate(requests):
        request.seed = number * 7919 + 1  # each is free to take any: fixed ones give the same verdict in every run
        engine.add_request(request)
    while engine.has_requests:
        engine.step()
    begun: list[Sequence[int]] = [request.output_token_ids[:NUM_COUNTED] for request in requests]
    counts, expected = torch.zeros(2, NUM_TOKENS**NUM_COUNTED, dtype=torch.float64)
    for tokens in begun:
        counts[cell(tokens, stop)] += 1
    law = law_of_plain_decoding()
    for place, tokens in enumerate(product(range(NUM_TOKENS), repeat=NUM_COUNTED)):
        expected[cell(tokens, stop)] += law[place] * NUM_ANSWERS
    is_rare = expected < 30
    assert not counts[expected == 0].any()
    counts, expected = (
        torch.cat([values[~is_rare], values[is_rare].sum().unsqueeze(0)]) for values in (counts, expected)
    )
    counts, expected = counts[expected > 0], expected[expected > 0]
    statistic = ((counts - expected) ** 2 / expected).sum()
    degrees = torch.tensor((len(counts) - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(degrees, statistic / 2))


def test_answers_have_the_law_of_the_target() -> None:
    """3,000 answers of a batch that mixes draft model and heads, in about 25 cells; the seeds are fixed.

    The critical value is 102 at 25 degrees of freedom; a noncentrality of 125 exceeds it in 99 of 100 runs. That is a
    chi-square distance of 0.042 between laws, reached by every bias whose total variation is 0.1 or more. Smaller ones
    are for the enumeration and for the statistics of the sampler alone to find.
    """
    engine = make_both()
    assert p_value(engine) > FALSE_ALARM
    by_proposer = engine.stats().spec.by_proposer
    assert set(by_proposer) == {"draft", "mtp"}
    for stats in by_proposer.values():
        assert 0.2 < stats.num_accepted_tokens / stats.num_draft_tokens < 0.8, "both outcomes are tried"


class Sharper(Sampler):
    """Says of its drafts that they were drawn at a lower temperature."""

    def draw(self, *args: Any, **kwargs: Any) -> Drawn:
        drawn = super().draw(*args, **kwargs)
        assert drawn.probs is not None
        probs = drawn.probs**3
        return drawn._replace(probs=probs / probs.sum(-1, keepdim=True))


def test_the_statistics_notice_draft_probs_of_another_temperature() -> None:
    engine = make_both()
    for model in engine.proposer.models:
        model.sampler = Sharper(NUM_TOKENS)  # type: ignore[attr-defined]
    assert p_value(engine) < FALSE_ALARM


STOP = 1
"""One that both models say."""


def test_answers_that_a_stop_token_ends_have_the_law_of_the_target() -> None:
    """A draft goes no further than the stop token, so where it ends depends on what was drawn for it."""
    assert p_value(make_both(), stop=STOP) > FALSE_ALARM


def test_the_statistics_notice_a_drawn_stop_token_that_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn has to be judged: left to the target, it would be said only where the target says it as well."""
    whole = Choice.result

    def without_end(choice: Choice) -> Draft | None:
        draft = whole(choice)
        if draft is None or not draft.ends_answer:
            return draft
        return draft.cut(len(draft.token_ids) - 1) if len(draft.token_ids) > 1 else None

    monkeypatch.setattr(Choice, "result", without_end)
    assert p_value(make_both(), stop=STOP) < FALSE_ALARM
