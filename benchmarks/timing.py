"""Runs prompts through an engine and takes the time; plain and speculative runs alternate on one engine.

A ratio of two runs minutes apart mostly measures the machine. So every round runs each mode once on its own prompts,
in an order that turns with the round, and the ratio is taken within the round.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tqdm import tqdm

from benchmarks.workloads import Prompt
from helix import LLMEngine, RequestMetrics, SamplingParams, SpecDecodeStats
from helix.config import SpeculationMethod


@dataclass(frozen=True, slots=True)
class Mode:
    """How requests of a run speculate."""

    method: SpeculationMethod
    depth: int

    @property
    def name(self) -> str:
        """For tables."""
        return "plain" if self.method == "none" else f"{self.method} {self.depth}"

    def params(self, max_tokens: int) -> SamplingParams:
        """Greedy decoding, so that every mode must give the same tokens."""
        return SamplingParams(
            temperature=0, max_tokens=max_tokens, speculation_method=self.method, speculation_depth=self.depth
        )


PLAIN = Mode("none", 0)


@dataclass(slots=True)
class Run:
    """What came of the same prompts in one mode."""

    mode: Mode
    elapsed_s: float = 0.0
    """First request in to last answer out."""
    outputs: list[tuple[int, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    metrics: list[RequestMetrics] = field(default_factory=list)
    num_steps: int = 0
    peak_num_blocks: int = 0
    spec: SpecDecodeStats = field(default_factory=SpecDecodeStats)

    @property
    def num_tokens(self) -> int:
        """Tokens generated."""
        return sum(map(len, self.outputs))

    @property
    def tokens_per_s(self) -> float:
        """All requests together, prompts included."""
        return self.num_tokens / self.elapsed_s

    @property
    def stream_tokens_per_s(self) -> float:
        """Of one stream between its first and its last token."""
        decoding_s = sum((m.last_token_s or 0) - (m.first_token_s or 0) for m in self.metrics)
        return (self.num_tokens - len(self.outputs)) / decoding_s if decoding_s else float("nan")

    @property
    def ttft_s(self) -> float:
        """Median time to first token."""
        return median(m.ttft_s or 0.0 for m in self.metrics)


def run(engine: LLMEngine, prompts: Sequence[Prompt], mode: Mode, *, concurrency: int, max_tokens: int) -> Run:
    """Answer prompts with up to concurrency of them in flight; none finds another's prefix in the cache."""
    result = Run(mode)
    params = mode.params(max_tokens)
    waiting = [
        engine.make_request(prompt.token_ids, params, cache_salt=secrets.token_hex(8)) for prompt in reversed(prompts)
    ]
    order = [request.request_id for request in reversed(waiting)]
    token_ids: dict[str, list[int]] = {request_id: [] for request_id in order}
    texts: dict[str, str] = dict.fromkeys(order, "")
    metrics: dict[str, RequestMetrics] = {}
    num_steps = engine.stats().num_steps
    num_running = 0
    started_s = time.monotonic()
    while waiting or num_running:
        while waiting and num_running < concurrency:
            request = waiting.pop()
            request.metrics.arrival_s = time.monotonic()
            engine.add_request(request)
            num_running += 1
        for output in engine.step():
            token_ids[output.request_id] += output.token_ids
            texts[output.request_id] += output.text
            if output.is_finished:
                metrics[output.request_id] = output.metrics
                num_running -= 1
        result.peak_num_blocks = max(result.peak_num_blocks, engine.block_manager.num_used_blocks)
    result.elapsed_s = time.monotonic() - started_s
    result.num_steps = engine.stats().num_steps - num_steps
    result.outputs = [tuple(token_ids[request_id]) for request_id in order]
    result.texts = [texts[request_id] for request_id in order]
    result.metrics = [metrics[request_id] for request_id in order]
    result.spec = total_spec([m.spec for m in result.metrics])
    return result


def interleave(
    engine: LLMEngine,
    prompts: Sequence[Prompt],
    modes: Sequence[Mode],
    *,
    rounds: int,
    concurrency: int,
    max_tokens: int,
    label: str = "",
) -> dict[Mode, list[Run]]:
    """Split prompts over the rounds and run every mode on each part; the first mode changes with the round."""
    size = -(-len(prompts) // rounds)
    for mode in modes:  # whatever is built on first use is built before the clock runs
        run(engine, prompts[:1], mode, concurrency=1, max_tokens=min(8, max_tokens))
    runs: dict[Mode, list[Run]] = {mode: [] for mode in modes}
    bar = tqdm(total=rounds * len(modes), desc=label, leave=False, disable=None)
    for i in range(rounds):
        part = prompts[i * size : (i + 1) * size]
        turn = i % len(modes)
        for mode in (*modes[turn:], *modes[:turn]):
            runs[mode].append(run(engine, part, mode, concurrency=concurrency, max_tokens=max_tokens))
            bar.update()
    bar.close()
    return runs


@dataclass(frozen=True, slots=True)
class Comparison:
    """One mode's rounds beside the plain ones; every figure is over all rounds, ratios are medians of rounds."""

    mode: str
    ttft_ms: float
    stream_tokens_per_s: float
    tokens_per_s: float
    stream_speedup: float
    """Decoding alone: tokens per second between first and last token of a stream."""
    stream_speedup_min: float
    """Of the worst round."""
    stream_speedup_max: float
    total_speedup: float
    """Prompts included, all requests together."""
    acceptance_rate: float | None
    """Accepted over drafted tokens."""
    token_acceptance: float | None
    """Probability that a draft token is accepted when those before it are; the a of Leviathan et al."""
    mean_accepted_length: float | None
    """Tokens per target pass."""
    drafted_share: float
    """Of the target passes, those that verified drafts."""
    peak_kv_bytes: int
    num_tokens: int
    num_prompts: int
    num_equal: int
    """Prompts whose tokens are exactly those of plain decoding."""
    num_right: int
    """Prompts answered rightly by the corpus generator's own check."""


def compare(engine: LLMEngine, prompts: Sequence[Prompt], runs: dict[Mode, list[Run]]) -> list[Comparison]:
    """Set every mode beside the plain one, which must be among them."""
    block_bytes = engine.info.kv_cache_bytes / engine.info.num_blocks
    plain = runs[PLAIN]
    plain_outputs = [output for one in plain for output in one.outputs]
    comparisons = []
    for mode, rounds in runs.items():
        stream = [one.stream_tokens_per_s / base.stream_tokens_per_s for one, base in zip(rounds, plain, strict=True)]
        total = [one.tokens_per_s / base.tokens_per_s for one, base in zip(rounds, plain, strict=True)]
        spec = total_spec([one.spec for one in rounds])
        outputs = [output for one in rounds for output in one.outputs]
        texts = [text for one in rounds for text in one.texts]
        comparisons.append(
            Comparison(
                mode=mode.name,
                ttft_ms=1e3 * median(m.ttft_s or 0.0 for one in rounds for m in one.metrics),
                stream_tokens_per_s=median(one.stream_tokens_per_s for one in rounds),
                tokens_per_s=median(one.tokens_per_s for one in rounds),
                stream_speedup=median(stream),
                stream_speedup_min=min(stream),
                stream_speedup_max=max(stream),
                total_speedup=median(total),
                acceptance_rate=spec.acceptance_rate,
                token_acceptance=token_acceptance(spec),
                mean_accepted_length=spec.mean_accepted_length,
                drafted_share=spec.num_drafts / spec.num_steps if spec.num_steps else 0.0,
                peak_kv_bytes=int(block_bytes * max(one.peak_num_blocks for one in rounds)),
                num_tokens=sum(map(len, outputs)),
                num_prompts=len(outputs),
                num_equal=sum(a == b for a, b in zip(outputs, plain_outputs, strict=True)),
                num_right=sum(prompt.is_correct(text) for prompt, text in zip(prompts, texts, strict=True)),
            )
        )
    return comparisons


def total_spec(parts: Sequence[SpecDecodeStats]) -> SpecDecodeStats:
    """Add counts up."""
    total = SpecDecodeStats()
    for part in parts:
        total.add(part)
    return total


def token_acceptance(spec: SpecDecodeStats) -> float | None:
    """Return accepted tokens over those that were decided on: the accepted ones and the first refused of each draft."""
    drafted, accepted = spec.draft_tokens_per_position, spec.accepted_tokens_per_position
    num_decided = sum(min(num, accepted[i - 1] if i else num) for i, num in drafted.items())
    return spec.num_accepted_tokens / num_decided if num_decided else None
