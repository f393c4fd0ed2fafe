"""Every sampling parameter with every proposer: the same answer as without speculation, and drafts really were made.

`python -m tests.equivalence.test_matrix` prints what the README shows.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from helix.engine import LLMEngine
from helix.sampling_params import SamplingParams
from helix.structured.grammar import Grammar
from tests.engines import make_engine
from tests.grammars import END, TOKENS, TextTokenizer
from tests.models import random_mtp, tiny_llama

TOKENIZER = TextTokenizer()
TARGET = tiny_llama(vocab_size=len(TOKENS) + 3)
DRAFT = tiny_llama(vocab_size=len(TOKENS) + 1, scale=3.9)
OTHER_DRAFT = tiny_llama(vocab_size=len(TOKENS), seed=1, hidden_size=16, num_hidden_layers=1)
NUM_TOKENS = 24
FORCING = Grammar.regex("([A-C]XYZ ?[D-F]WVU)+")
"""Behind each letter that is chosen, three have no alternative."""
FREE = Grammar.regex("[a-z ]{30,60}")

PARAMETERS: dict[str, dict[str, Any]] = {
    "temperature 0": {"temperature": 0},
    "temperature": {"temperature": 1.6},
    "top_p": {"top_p": 0.7},
    "top_k": {"top_k": 5},
    "min_p": {"min_p": 0.1},
    "presence_penalty": {"presence_penalty": 1.5},
    "frequency_penalty": {"frequency_penalty": 1.2},
    "repetition_penalty": {"repetition_penalty": 1.4},
    "logit_bias": {"logit_bias": {30: 6.0, 31: -100.0, 32: 3.5}},
    "logprobs": {"logprobs": 4},
    "stop": {"stop": ("b", "Y", "7", "q")},
    "stop_token_ids": {"stop_token_ids": tuple(range(24, 32))},
    "min_tokens": {"min_tokens": 20, "logit_bias": {END: 9.0}},
    "max_tokens": {"max_tokens": 9},
    "response_format": {"grammar": FREE},
    "all together": {
        "temperature": 0.9,
        "top_p": 0.9,
        "top_k": 60,
        "min_p": 0.005,
        "presence_penalty": 0.5,
        "frequency_penalty": 0.4,
        "repetition_penalty": 1.1,
        "logit_bias": {33: 2.0},
        "min_tokens": 5,
        "logprobs": 2,
        "grammar": FREE,
    },
}


@dataclass(frozen=True)
class Case:
    """How a proposer is brought to draft."""

    name: str
    """Its own, as it stands in the answer's report."""
    settings: dict[str, Any]
    changes: Callable[[SamplingParams, tuple[int, ...]], SamplingParams] = lambda params, _: params
    """What a request of it needs, given the plain answer; it must change the speed alone."""


PROPOSERS = {
    "draft model": Case("draft", {"draft": DRAFT, "speculation_method": "draft"}),
    "weak draft model": Case("draft", {"draft": OTHER_DRAFT, "speculation_method": "draft"}),
    "heads": Case("mtp", {"mtp": random_mtp(TARGET), "speculation_method": "mtp"}),
    "suffix": Case("suffix", {"speculation_method": "suffix"}),
    "n-gram": Case("ngram", {"speculation_method": "ngram"}),
    "prediction": Case(
        "predicted",
        {"speculation_method": "grammar"},
        lambda params, answer: replace(params, prediction=(*answer[:5], 40, *answer[6:])),
    ),
    "grammar": Case("grammar", {"speculation_method": "grammar"}),
}


def _prompts() -> list[list[int]]:
    rng = random.Random(11)
    prompts = [[rng.randrange(3, len(TOKENS) - 2) for _ in range(length)] for length in (3, 17)]
    return [*prompts, TOKENIZER.encode("one two three one two three one two")]


def _params(parameter: str, proposer: str) -> list[SamplingParams]:
    changes = PARAMETERS[parameter]
    if proposer == "grammar":
        changes = changes | {"grammar": FORCING}
    return [SamplingParams(**({"max_tokens": NUM_TOKENS, "seed": seed} | changes)) for seed in (0, -3, 2**62)]


@cache
def _engine(proposer: str | None) -> LLMEngine:
    if proposer is None:
        return make_engine(TARGET, tokenizer=TOKENIZER, speculation_depth=0)
    settings = dict(PROPOSERS[proposer].settings)
    return make_engine(TARGET, settings.pop("draft", None), tokenizer=TOKENIZER, speculation_depth=5, **settings)


def _answers(engine: LLMEngine, params: list[SamplingParams]) -> tuple[list[Any], set[str]]:
    """Return everything about the answers but times, and who drafted."""
    requests = [engine.make_request(prompt, one) for prompt, one in zip(_prompts(), params, strict=True)]
    texts = {request.request_id: "" for request in requests}
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        for output in engine.step():
            texts[output.request_id] += output.text
    answers = [
        (
            tuple(request.output_token_ids),
            texts[request.request_id],
            request.finish_reason,
            request.stop_reason,
            [(entry.token_id, round(entry.logprob, 3), [i for i, _ in entry.top]) for entry in request.output_logprobs],
        )
        for request in requests
    ]
    drafted = {name for request in requests for name in request.metrics.spec.by_proposer}
    return answers, drafted


@pytest.mark.parametrize("proposer", PROPOSERS)
@pytest.mark.parametrize("parameter", PARAMETERS)
def test_a_parameter_means_the_same_whoever_drafts(parameter: str, proposer: str) -> None:
    params = _params(parameter, proposer)
    plain, _ = _answers(_engine(None), params)
    case = PROPOSERS[proposer]
    changed = [case.changes(one, answer[0]) for one, answer in zip(params, plain, strict=True)]
    answers, drafted = _answers(_engine(proposer), changed)
    assert answers == plain
    assert case.name in drafted, "nothing was drafted, so nothing was tried"


def matrix() -> str:
    """Return the cells above as a table in Markdown."""
    header = " | ".join(name if " " in name else f"`{name}`" for name in PARAMETERS)
    lines = [f"| | {header} |", "| --- |" + " :-: |" * len(PARAMETERS)]
    return "\n".join([*lines, *(f"| {name} |" + " = |" * len(PARAMETERS) for name in PROPOSERS)])


def test_the_readme_shows_this_matrix() -> None:
    readme = Path(__file__).parents[2] / "README.md"
    assert matrix() in readme.read_text(encoding="utf-8")


if __name__ == "__main__":
    print(matrix())
