"""What peers are asked: the prompts, how many tokens, and which figure counts."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

from benchmarks.peer_runners.protocol import PLAIN
from benchmarks.workloads import SEED, long_prompt
from helix import Tokenizer
from helix.demo.example import Split
from helix.demo.tasks import FAMILIES

Kind = Literal["decode", "batch", "ttft", "context", "speculation"]
KINDS: tuple[Kind, ...] = ("decode", "batch", "ttft", "context", "speculation")
TASKS = {"stories": "stories", "editing": "editing"}
"""Where speculation is measured: free text, which a draft model guesses, and text that is mostly copied."""


@dataclass(frozen=True, slots=True)
class Case:
    """Prompts that are answered together, or for speculation one after another."""

    kind: Kind
    name: str
    prompts: tuple[tuple[int, ...], ...]
    max_tokens: int

    @property
    def is_together(self) -> bool:
        """All prompts at once."""
        return self.kind == "batch"

    def modes(self, alone: Sequence[str], together: Sequence[str]) -> list[str]:
        """Return the modes that a peer is asked for, of those that it has for one prompt and for several."""
        available = together if self.is_together else alone
        if self.kind in ("batch", "speculation"):
            return list(available)
        return [mode for mode in available if mode == PLAIN]


def make_cases(
    tokenizer: Tokenizer,
    kinds: Sequence[str],
    *,
    batches: Sequence[int],
    prompt_lens: Sequence[int],
    context_lens: Sequence[int],
    num_tokens: int,
    num_prompts: int,
    max_len: int,
) -> list[Case]:
    """Return what is asked; prompts that a model of max_len tokens cannot hold are left out.

    Args:
        tokenizer: The model's.
        kinds: Of KINDS.
        batches: Sequences at once.
        prompt_lens: Of prompts whose first token is timed.
        context_lens: Of prompts behind which decoding is timed.
        num_tokens: Of an answer; a quarter of it behind long contexts and in batches.
        num_prompts: Of each task of speculation.
        max_len: Longest sequence.
    """
    few = max(2, num_tokens // 4)
    stories = list(islice(_prompts("stories", tokenizer, num_tokens), max((*batches, num_prompts))))
    editing = list(islice(_prompts("editing", tokenizer, num_tokens), num_prompts))
    cases = [Case("decode", "alone", (stories[0],), num_tokens)]
    cases += [Case("batch", f"{size} at once", tuple(stories[:size]), few) for size in batches]
    for length in prompt_lens:
        fitting = min(length, max_len - 1)
        if fitting > 0.95 * length:
            cases.append(Case("ttft", f"{length} tokens", (long_prompt(tokenizer, fitting),), 1))
    for length in context_lens:
        fitting = min(length, max_len - few)
        if fitting > 0.95 * length:
            cases.append(Case("context", f"behind {length}", (long_prompt(tokenizer, fitting),), few))
    for task, prompts in (("stories", stories[:num_prompts]), ("editing", editing)):
        cases.append(Case("speculation", task, tuple(prompts), num_tokens))
    return [case for case in cases if case.kind in kinds]


def _prompts(family: str, tokenizer: Tokenizer, min_answer_len: int) -> Iterator[tuple[int, ...]]:
    """Yield different held-out prompts whose right answer has at least so many tokens."""
    rng = random.Random(f"{SEED}/peers/{family}")
    seen: set[tuple[int, ...]] = set()
    for _ in cycle([None]):
        example = FAMILIES[family](rng, Split.HELD_OUT)
        if len(tokenizer.encode(example.messages[-1].get("content") or "")) < min_answer_len:
            continue
        prompt = tuple(tokenizer.apply_chat_template(example.messages[:-1], tools=example.tools))
        if prompt not in seen:
            seen.add(prompt)
            yield prompt
