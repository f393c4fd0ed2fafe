"""Which way to speculate pays, on this machine, with this model and these prompts."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from helix.config import SpeculationMethod
from helix.engine import LLMEngine
from helix.outputs import RequestMetrics, SpecDecodeStats
from helix.sampling_params import SamplingParams


@dataclass(frozen=True, slots=True)
class BenchArm:
    """One way to decode."""

    name: str
    depth: int | None = None
    """Draft tokens per step; None: the engine's choice."""
    method: SpeculationMethod | None = None
    is_adaptive: bool | None = None

    def params(self, max_tokens: int) -> SamplingParams:
        """Return greedy parameters that ask for it."""
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=0,
            speculation_depth=self.depth,
            speculation_method=self.method,
            speculation_adaptive=self.is_adaptive,
        )


PLAIN = BenchArm("plain", depth=0)
AUTO = BenchArm("auto")


@dataclass(slots=True)
class ArmResult:
    """What one arm reached over all prompts."""

    arm: BenchArm
    tokens_per_s: list[float] = field(default_factory=list)
    """Of each prompt, in order; nan where an answer was too short to tell."""
    ttft_s: list[float] = field(default_factory=list)
    spec: SpecDecodeStats = field(default_factory=SpecDecodeStats)
    answers: list[tuple[int, ...]] = field(default_factory=list)

    def speed_up(self, plain: ArmResult) -> float:
        """Return the geometric mean of the ratios to plain decoding, prompt by prompt; nan where none can be told."""
        ratios = [own / other for own, other in zip(self.tokens_per_s, plain.tokens_per_s, strict=True)]
        logs = [math.log(ratio) for ratio in ratios if ratio > 0]
        return math.exp(statistics.fmean(logs)) if logs else math.nan

    @property
    def median_tokens_per_s(self) -> float:
        """Median over the prompts; nan where none can be told."""
        known = [speed for speed in self.tokens_per_s if speed > 0]
        return statistics.median(known) if known else math.nan


def bench_arms(engine: LLMEngine) -> list[BenchArm]:
    """Return the ways to decode that an engine has: plain, its own choice, and fixed depths of each proposer."""
    deepest = engine.info.max_speculation_depth
    fixed: list[tuple[SpeculationMethod, tuple[int, ...]]] = [("suffix", (4, 8))]
    if engine.info.draft_model is not None:
        fixed.insert(0, ("draft", (2, 4, 6)))
    if engine.info.has_mtp:
        fixed.insert(0, ("mtp", (1, 2, 4)))
    arms = [
        BenchArm(f"{method}, {depth} ahead", depth, method, is_adaptive=False)
        for method, depths in fixed
        for depth in depths
        if depth <= deepest
    ]
    return [PLAIN, AUTO, *arms]


def run_bench(
    engine: LLMEngine,
    prompts: Sequence[Sequence[int]],
    *,
    max_tokens: int,
    arms: Sequence[BenchArm] | None = None,
    on_answer: Callable[[], object] = lambda: None,
) -> list[ArmResult]:
    """Answer every prompt by every arm, one at a time and interleaved, and return what each arm reached.

    No arm sees what another one wrote: each has a cache of its own. on_answer is called after every answer.

    Raises:
        InvalidRequestError: A prompt does not fit.
    """
    results = [ArmResult(arm) for arm in arms or bench_arms(engine)]
    _answer(engine, prompts[0], PLAIN.params(min(max_tokens, 8)), salt="warm up")
    for number, prompt in enumerate(prompts):
        turn = number % len(results)
        for result in (*results[turn:], *results[:turn]):  # nobody always goes first
            salt = f"{result.arm.name}/{number}"
            token_ids, metrics = _answer(engine, prompt, result.arm.params(max_tokens), salt=salt)
            result.answers.append(token_ids)
            result.tokens_per_s.append(metrics.tokens_per_s or math.nan)
            result.ttft_s.append(metrics.ttft_s or math.nan)
            result.spec.add(metrics.spec)
            on_answer()
    return results


def _answer(
    engine: LLMEngine, prompt: Sequence[int], params: SamplingParams, *, salt: str
) -> tuple[tuple[int, ...], RequestMetrics]:
    room = engine.info.max_model_len - len(prompt)
    if room > 0:
        params = replace(params, max_tokens=min(room, params.max_tokens or room))
    request = engine.make_request(prompt, params, cache_salt=salt)
    engine.add_request(request)
    while not request.is_finished:
        engine.step()
    return tuple(request.output_token_ids), request.metrics
