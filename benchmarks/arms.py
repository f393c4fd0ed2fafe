"""What is compared: ways to answer the same prompt, and the order in which they take turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from tqdm import tqdm

from benchmarks.rows import AUTO, PLAIN
from benchmarks.traces import Batch, Trace, answer_together
from benchmarks.transformers_generate import TransformersBaseline
from benchmarks.workloads import Prompt
from helix import Grammar, LLMEngine, SamplingParams
from helix.config import SpeculationMethod

_PLAIN_OR_AUTO = {"none": PLAIN, "auto": AUTO}
PREDICTED = "predicted"
"""A prediction goes with any method; as a method of its own it leaves to n-grams what it does not foresee."""


def methods() -> list[str]:
    """Return what this Helix can draft with, apart from choosing by itself."""
    return [*(name for name in get_args(SpeculationMethod) if name not in _PLAIN_OR_AUTO), PREDICTED]


class Arm(Protocol):
    """One way to answer."""

    @property
    def name(self) -> str:
        """For tables."""
        ...

    def answer(self, prompt: Prompt, max_tokens: int) -> Trace:
        """Answer one prompt, alone."""
        ...


@dataclass(frozen=True, slots=True)
class HelixArm:
    """An engine under one method; a fixed depth is drafted in every step, without a controller."""

    engine: LLMEngine
    method: str
    depth: int | None = None
    """Of auto the largest; None: the engine's."""

    @property
    def name(self) -> str:
        """For tables."""
        if self.method in _PLAIN_OR_AUTO:
            return _PLAIN_OR_AUTO[self.method]
        return self.method if self.depth is None else f"{self.method} {self.depth}"

    def params(self, prompt: Prompt, max_tokens: int) -> SamplingParams:
        """Return what the prompt is asked with; greedy, and equal for all arms but for how they speculate."""
        options: dict[str, Any] = {"temperature": 0, **prompt.sampling, "max_tokens": max_tokens}
        options["speculation_method"] = "ngram" if self.method == PREDICTED else self.method
        if self.depth is not None:
            options |= {"speculation_depth": self.depth, "speculation_adaptive": self.method == "auto"}
        if prompt.prediction and self.method in (PREDICTED, "auto"):
            options["prediction"] = prompt.prediction
        if prompt.json_schema is not None:
            options["grammar"] = Grammar.json_schema(prompt.json_schema)
        return SamplingParams(**options)

    def answer(self, prompt: Prompt, max_tokens: int) -> Trace:
        """Answer one prompt, alone."""
        return self.answer_all([prompt], max_tokens).traces[0]

    def answer_all(self, prompts: Sequence[Prompt], max_tokens: int) -> Batch:
        """Answer prompts together."""
        return answer_together(self.engine, prompts, [self.params(prompt, max_tokens) for prompt in prompts])


@dataclass(frozen=True, slots=True)
class TransformersArm:
    """transformers' own assisted generation; depth None leaves the number of draft tokens to the library."""

    baseline: TransformersBaseline
    assistance: str
    depth: int | None = None

    @property
    def name(self) -> str:
        """For tables."""
        return TRANSFORMERS_NAMES[self.assistance]

    def answer(self, prompt: Prompt, max_tokens: int) -> Trace:
        """Answer one prompt, alone."""
        return self.baseline.trace(prompt, max_tokens=max_tokens, assistance=self.assistance, depth=self.depth)


TRANSFORMERS_NAMES = {
    "none": "transformers",
    "draft": "transformers assisted",
    "prompt_lookup": "transformers lookup",
}


def fixed_arms(
    engine: LLMEngine, wanted: Sequence[str], draft_depths: Sequence[int], copy_depths: Sequence[int]
) -> list[HelixArm]:
    """Return each wanted method that this engine has at each depth that it allows."""
    known = dict.fromkeys(methods(), True)
    known |= {"draft": engine.worker.draft is not None, "mtp": engine.info.has_mtp}
    return [
        HelixArm(engine, method, depth)
        for method in wanted
        if known.get(method)
        for depth in (draft_depths if method in ("draft", "mtp") else copy_depths)
        if depth <= engine.info.max_speculation_depth
    ]


def take_turns(
    arms: Sequence[Arm],
    prompts: Sequence[Prompt],
    *,
    rounds: int,
    max_tokens: int,
    few: Sequence[Arm] = (),
    num_few: int = 0,
) -> dict[str, list[Trace | None]]:
    """Answer every prompt in every arm before the next prompt; the arm that begins changes with the prompt.

    Arms of few answer the first num_few prompts alone. Returns by arm one trace per round and prompt, in one order for
    all arms; None where the arm was not asked.
    """
    traces: dict[str, list[Trace | None]] = {arm.name: [] for arm in (*arms, *few)}
    for number in tqdm(range(rounds * len(prompts)), desc="one request", leave=False, disable=None):
        index = number % len(prompts)
        asked = [*arms, *(few if index < num_few else ())]
        for arm in few:
            if index >= num_few:
                traces[arm.name].append(None)
        turn = number % len(asked)
        for arm in (*asked[turn:], *asked[:turn]):
            traces[arm.name].append(arm.answer(prompts[index], max_tokens))
    return traces


def take_turns_together(
    arms: Sequence[HelixArm], prompts: Sequence[Prompt], *, rounds: int, max_tokens: int
) -> dict[str, list[Batch]]:
    """Answer all prompts at once in each arm; the arm that begins changes with the round."""
    batches: dict[str, list[Batch]] = {arm.name: [] for arm in arms}
    for number in range(rounds):
        turn = number % len(arms)
        for arm in (*arms[turn:], *arms[:turn]):
            batches[arm.name].append(arm.answer_all(prompts, max_tokens))
    return batches
