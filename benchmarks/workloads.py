"""What the benchmarks ask: held-out chat, editing and code prompts of the built-in corpus.

None of these prompts occurs in the built-in model's training. Most of them have short answers; those of less than
MIN_ANSWER_LEN tokens are left out, because there is no decoding in them to measure. Prompts are drawn by a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from helix import Tokenizer
from helix.demo import facts, small_talk
from helix.demo.example import Example, Split
from helix.demo.tasks import FAMILIES

MIN_ANSWER_LEN = {"chat": 16, "editing": 32, "code": 16}
"""By workload; a text worth editing is longer than a greeting."""
SEED = 2026

_DRAW: dict[str, Callable[[random.Random, Split], Example]] = {
    "facts": facts.generate,
    "small_talk": small_talk.generate,
    **FAMILIES,
}
WORKLOADS = {
    "chat": ("facts", "small_talk", "stories"),
    "editing": ("editing",),
    "code": ("code",),
}
"""Families of the corpus that each workload draws from in turn."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question as the engine sees it."""

    token_ids: tuple[int, ...]
    is_correct: Callable[[str], bool]
    """Whether a text answers it rightly; meaningful for the built-in model alone."""
    prediction: tuple[int, ...] = ()
    """What the caller expects of the answer, as in OpenAI's `prediction`."""
    json_schema: Mapping[str, Any] | None = None
    """What the answer must obey, as in OpenAI's `response_format`."""
    sampling: Mapping[str, Any] = field(default_factory=dict)
    """Fields of SamplingParams that the prompt is asked with; greedy without any."""


def draw_prompts(workload: str, tokenizer: Tokenizer, num_prompts: int, *, seed: int = SEED) -> list[Prompt]:
    """Return the first num_prompts different prompts of a workload; more of them begin with the same ones."""
    prompts: dict[tuple[int, ...], Prompt] = {}
    for example in _examples(workload, seed):
        if len(tokenizer.encode(example.messages[-1].get("content") or "")) < MIN_ANSWER_LEN[workload]:
            continue
        token_ids = tuple(tokenizer.apply_chat_template(example.messages[:-1], tools=example.tools))
        prompts.setdefault(token_ids, Prompt(token_ids, example.is_correct))
        if len(prompts) == num_prompts:
            break
    return list(prompts.values())


def long_prompt(tokenizer: Tokenizer, num_tokens: int, *, seed: int = SEED) -> tuple[int, ...]:
    """Return the last num_tokens of a long conversation; for timing prefill, the answer means nothing."""
    messages = []
    token_ids: list[int] = []
    for example in _examples("chat", seed):
        messages += [message for message in example.messages if message["role"] != "system"]
        token_ids = tokenizer.apply_chat_template([*messages, {"role": "user", "content": "Thanks!"}])
        if len(token_ids) >= num_tokens:
            break
    return tuple(token_ids[-num_tokens:])


def _examples(workload: str, seed: int) -> Iterator[Example]:
    rng = random.Random(f"{seed}/{workload}")
    for family in cycle(WORKLOADS[workload]):
        yield _DRAW[family](rng, Split.HELD_OUT)
