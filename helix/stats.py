"""Counters of an engine, as plain numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from helix.outputs import FinishReason, RequestMetrics, SpecDecodeStats

TIME_BOUNDS_S = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.25),
    *(0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0),
)


class Histogram:
    """How many values fell up to each bound and above the one before it; the last count is of those above all."""

    def __init__(self, bounds: tuple[float, ...] = TIME_BOUNDS_S) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, several times if it stands for several equal ones."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times


@dataclass(slots=True)
class RequestTimes:
    """How long requests took, all of them since the engine started, in seconds."""

    ttft_s: Histogram = field(default_factory=Histogram)
    inter_token_s: Histogram = field(default_factory=Histogram)
    """Of every token but the first of each request; the tokens of one step share its time evenly."""
    queue_s: Histogram = field(default_factory=Histogram)
    prefill_s: Histogram = field(default_factory=Histogram)
    """From a request's first step to its first token."""
    decode_s: Histogram = field(default_factory=Histogram)
    """From its first token to its last one."""
    e2e_s: Histogram = field(default_factory=Histogram)

    def observe_tokens(self, metrics: RequestMetrics, num_tokens: int, now_s: float) -> None:
        """Count the tokens that a step brought a request, in its metrics too."""
        metrics.num_generated_tokens += num_tokens
        if metrics.first_token_s is None:
            metrics.first_token_s = now_s
            since_last_s, num_gaps = 0.0, num_tokens - 1  # tokens after the first one of a pass come with it
            self.ttft_s.observe(now_s - metrics.arrival_s)
        else:
            assert metrics.last_token_s is not None
            since_last_s, num_gaps = now_s - metrics.last_token_s, num_tokens
        metrics.inter_token_s += [since_last_s / num_tokens] * num_gaps
        self.inter_token_s.observe(since_last_s / num_tokens, num_gaps)
        metrics.last_token_s = now_s

    def observe_end(self, metrics: RequestMetrics) -> None:
        """Count a request that has ended, as far as it came."""
        queue_s = metrics.queue_s
        if queue_s is None or metrics.scheduled_s is None:
            return
        self.queue_s.observe(queue_s)
        if metrics.first_token_s is not None and metrics.last_token_s is not None:
            self.prefill_s.observe(metrics.first_token_s - metrics.scheduled_s)
            self.decode_s.observe(metrics.last_token_s - metrics.first_token_s)
            self.e2e_s.observe(metrics.last_token_s - metrics.arrival_s)


@dataclass(slots=True)
class EngineStats:
    """What an engine does now and has done since it started."""

    num_running: int = 0
    num_waiting: int = 0
    num_blocks: int = 0
    num_free_blocks: int = 0
    """Blocks that could be handed out now, cached ones that nobody uses included."""
    num_cached_blocks: int = 0
    num_steps: int = 0
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    """Prompt tokens found in the prefix cache."""
    num_prefix_query_tokens: int = 0
    """Tokens that the prefix cache was asked for, by preempted requests too."""
    num_prefix_hit_tokens: int = 0
    """Of those, tokens that it had."""
    num_swap_blocks: int = 0
    """Blocks of host memory for what the device has no room for."""
    num_used_swap_blocks: int = 0
    num_swapped_in_blocks: int = 0
    """Blocks copied back from there."""
    num_generated_tokens: int = 0
    num_finished: int = 0
    finished_per_s: float | None = None
    """Requests that ended per second lately; None while hardly any did."""
    finish_reasons: Counter[FinishReason] = field(default_factory=Counter)
    num_preemptions: int = 0
    num_failed: int = 0
    """Requests that a bug or memory ended."""
    num_rebuilds: int = 0
    """Times that the engine began anew after a bug that no request was to blame for."""
    draft_depth: float = 0.0
    """Draft tokens per request of the last step that brought tokens."""
    is_speculation_paused: bool = False
    """Whether it was switched off in that step, because it had been slower than plain decoding."""
    times: RequestTimes = field(default_factory=RequestTimes)
    spec: SpecDecodeStats = field(default_factory=SpecDecodeStats)
