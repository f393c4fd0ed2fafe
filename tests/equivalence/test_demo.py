"""The promise at real weights, in the number format they are shipped in: helix-demo says the same with speculation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from safetensors import safe_open

from helix.config import CacheConfig, EngineConfig
from helix.demo import DRAFT_DIR, TARGET_DIR
from helix.engine import LLMEngine
from helix.request import Request
from helix.sampling_params import SamplingParams

QUESTIONS = [
    "What is speculative decoding?",
    "Count from 1 to 12.",
    'Change "total" to "amount" in this code:\n\ndef add(total, price):\n    total = total + price\n    return total',
    "Tell me a short story about a fox.",
    "Hello!",
    "Repeat: amber lantern, quiet river, amber lantern, quiet river",
]
SAMPLING: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0},
    "seeded": {"temperature": 0.9, "top_p": 0.95, "seed": 7},
    "seeded and penalised": {"temperature": 1.2, "frequency_penalty": 0.5, "repetition_penalty": 1.1, "seed": -1},
}
# Pinned: whether a draft pays is up to the machine.
SPECULATION: dict[str, dict[str, Any]] = {
    "off": {"speculation_depth": 0},
    "draft, depth 1": {"speculation_depth": 1, "speculation_method": "draft", "speculation_adaptive": False},
    "draft, depth 4": {"speculation_depth": 4, "speculation_method": "draft", "speculation_adaptive": False},
    "ngram": {"speculation_depth": 6, "speculation_method": "ngram", "speculation_adaptive": False},
    "suffix": {"speculation_depth": 6, "speculation_method": "suffix", "speculation_adaptive": False},
}
NUM_TOKENS = 24


@pytest.fixture(scope="module")
def engine() -> LLMEngine:
    return LLMEngine(EngineConfig(cache=CacheConfig(num_blocks=256)))


@pytest.fixture(scope="module")
def prompts(engine: LLMEngine) -> list[list[int]]:
    return [engine.tokenizer.apply_chat_template([{"role": "user", "content": text}]) for text in QUESTIONS]


def _finish(engine: LLMEngine, requests: list[Request]) -> list[tuple[int, ...]]:
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        engine.step()
    return [tuple(request.output_token_ids) for request in requests]


def _numbers() -> Iterator[str]:
    for folder in (TARGET_DIR, DRAFT_DIR):
        with safe_open(folder / "model.safetensors", framework="pt") as weights:
            yield from (weights.get_slice(name).get_dtype() for name in weights.keys())  # noqa: SIM118


def test_the_weights_are_narrow_and_served_as_they_are(engine: LLMEngine) -> None:
    assert set(_numbers()) <= {"BF16", "F16"}
    assert engine.config.model.dtype == "auto"


@pytest.mark.parametrize("sampling", SAMPLING.values(), ids=SAMPLING)
def test_the_same_tokens_whatever_guesses_alone_and_beside_others(
    engine: LLMEngine, prompts: list[list[int]], sampling: dict[str, Any]
) -> None:
    plain = SamplingParams(max_tokens=NUM_TOKENS, speculation_depth=0, **sampling)
    expected = [_finish(engine, [engine.make_request(prompt, plain)])[0] for prompt in prompts]
    assert len(set(expected)) == len(prompts)
    num_accepted = 0
    for name, changes in SPECULATION.items():
        params = replace(plain, **changes)
        together = [engine.make_request(prompt, params) for prompt in prompts]
        assert _finish(engine, together) == expected, name
        alone = engine.make_request(prompts[2], params)
        assert _finish(engine, [alone]) == [expected[2]], name
        num_accepted += sum(request.metrics.spec.num_accepted_tokens for request in [*together, alone])
    assert num_accepted > NUM_TOKENS


def test_the_same_tokens_when_every_request_guesses_its_own_way(engine: LLMEngine, prompts: list[list[int]]) -> None:
    plain = SamplingParams(max_tokens=NUM_TOKENS, speculation_depth=0, temperature=0.8, seed=3)
    expected = _finish(engine, [engine.make_request(prompt, plain) for prompt in prompts])
    ways = [*SPECULATION.values(), {"speculation_depth": 16, "speculation_method": "auto"}]
    for shift in (1, 3):
        rotated = ways[shift:] + ways[:shift]
        requests = [
            engine.make_request(prompt, replace(plain, **way)) for prompt, way in zip(prompts, rotated, strict=True)
        ]
        assert _finish(engine, requests) == expected
