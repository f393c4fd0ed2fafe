"""The engine's numbers for Prometheus, under vLLM's names with a prefix of our own; read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from helix import EngineStats, Histogram
from openai_compat.engine import Engine

PREFIX = "helix:"


def metrics_registry(engine: Engine, model: str) -> CollectorRegistry:
    """Return what there is to know about an engine that answers as model, and about its process."""
    registry = CollectorRegistry()
    registry.register(EngineCollector(engine, model))
    ProcessCollector(registry=registry)
    return registry


class EngineCollector(Collector):
    """Turns the engine's counters, which count anyway, into metrics.

    The engine goes on counting meanwhile, so two metrics may be a step apart; each is read at once.
    """

    def __init__(self, engine: Engine, model: str) -> None:
        self._engine = engine
        self._model = model

    def describe(self) -> list[Metric]:
        """Return nothing: names that are found at every scrape need no check at the start."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        stats = self._engine.stats()
        yield self._info()
        yield from self._load(stats)
        yield from self._tokens(stats)
        yield from self._times(stats)
        yield from self._speculation(stats)

    def _info(self) -> Metric:
        info = self._engine.info
        facts = {
            "model": info.model,
            "draft_model": info.draft_model or "",
            "device": info.device,
            "dtype": info.dtype,
            "block_size": str(info.block_size),
            "num_blocks": str(info.num_blocks),
            "kv_cache_dtype": info.kv_cache_dtype,
            "kv_cache_bytes": str(info.kv_cache_bytes),
        }
        metric = GaugeMetricFamily(f"{PREFIX}engine_info", "What the engine runs; always 1.", labels=list(facts))
        metric.add_metric(list(facts.values()), 1)
        return metric

    def _load(self, stats: EngineStats) -> Iterator[Metric]:
        used = 1 - stats.num_free_blocks / stats.num_blocks if stats.num_blocks else 0.0
        yield self._gauge("num_requests_running", "Requests in the batch.", stats.num_running)
        yield self._gauge("num_requests_waiting", "Requests in the queue.", stats.num_waiting)
        yield self._gauge("kv_cache_usage_perc", "Share of KV blocks that requests hold; 1 is all of them.", used)
        if stats.num_swap_blocks:
            used = stats.num_used_swap_blocks / stats.num_swap_blocks
            yield self._gauge("swap_space_usage_perc", "Share of the swap space's blocks that hold something.", used)
            yield self._counter(
                "swapped_in_blocks", "Blocks copied back from host memory.", stats.num_swapped_in_blocks
            )
        yield self._counter(
            "num_preemptions", "Requests that gave up their KV blocks for others.", stats.num_preemptions
        )
        yield self._counter("requests_failed", "Requests that a bug or memory ended.", stats.num_failed)
        yield self._counter("engine_rebuilds", "Times that the engine began anew after a bug.", stats.num_rebuilds)
        yield self._counter("engine_steps", "Passes of the target model.", stats.num_steps)

    def _tokens(self, stats: EngineStats) -> Iterator[Metric]:
        yield self._counter("prompt_tokens", "Tokens of all prompts.", stats.num_prompt_tokens)
        yield self._counter("generation_tokens", "Tokens of all answers.", stats.num_generated_tokens)
        yield self._counter(
            "prefix_cache_queries", "Tokens that the prefix cache was asked for.", stats.num_prefix_query_tokens
        )
        yield self._counter("prefix_cache_hits", "Of those, tokens that it had.", stats.num_prefix_hit_tokens)
        inter_token_s = stats.times.inter_token_s
        speed = sum(inter_token_s.counts) / inter_token_s.sum if inter_token_s.sum else 0.0
        yield self._gauge(
            "request_tokens_per_second",
            "Tokens per second of an answer, on average since the start; of all now: the rate of generation_tokens.",
            speed,
        )
        reasons = {reason.value: count for reason, count in dict(stats.finish_reasons).items()}
        yield self._counters("request_success", "Requests that ended, by reason.", "finished_reason", reasons)

    def _times(self, stats: EngineStats) -> Iterator[Metric]:
        times = stats.times
        yield self._histogram("time_to_first_token_seconds", "From arrival to the first token.", times.ttft_s)
        yield self._histogram("inter_token_latency_seconds", "Between two tokens of a request.", times.inter_token_s)
        yield self._histogram("e2e_request_latency_seconds", "From arrival to the last token.", times.e2e_s)
        yield self._histogram("request_queue_time_seconds", "From arrival to the first step.", times.queue_s)
        yield self._histogram(
            "request_prefill_time_seconds", "From the first step to the first token.", times.prefill_s
        )
        yield self._histogram("request_decode_time_seconds", "From the first token to the last one.", times.decode_s)

    def _speculation(self, stats: EngineStats) -> Iterator[Metric]:
        spec = stats.spec
        proposers = list(spec.by_proposer.items())
        yield self._counter("spec_decode_num_drafts", "Passes that verified drafts of a request.", spec.num_drafts)
        yield self._counter("spec_decode_num_draft_tokens", "Tokens that were drafted.", spec.num_draft_tokens)
        yield self._counter("spec_decode_num_accepted_tokens", "Of those, accepted.", spec.num_accepted_tokens)
        for name, text, per_position in (
            ("draft", "Tokens drafted at each position of a draft.", spec.draft_tokens_per_position),
            ("accepted", "Of those, accepted.", spec.accepted_tokens_per_position),
        ):
            counts = {str(position): count for position, count in sorted(dict(per_position).items())}
            yield self._counters(f"spec_decode_num_{name}_tokens_per_pos", text, "position", counts)
        yield self._counters(
            "spec_decode_num_draft_tokens_per_proposer",
            "Tokens drafted by each proposer.",
            "proposer",
            {name: one.num_draft_tokens for name, one in proposers},
        )
        yield self._counters(
            "spec_decode_num_accepted_tokens_per_proposer",
            "Of those, accepted.",
            "proposer",
            {name: one.num_accepted_tokens for name, one in proposers},
        )
        yield self._gauge("spec_decode_depth", "Draft tokens per request of the last step.", stats.draft_depth)
        yield self._gauge(
            "spec_decode_paused", "1 while speculation is off because it was slower.", stats.is_speculation_paused
        )
        yield self._counter("spec_decode_drafting_seconds", "Time of all steps that went into drafts.", spec.drafting_s)
        yield self._counter("spec_decode_verifying_seconds", "Time of all other parts of steps.", spec.verifying_s)

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        metric = GaugeMetricFamily(PREFIX + name, text, labels=["model_name"])
        metric.add_metric([self._model], value)
        return metric

    def _counter(self, name: str, text: str, value: float) -> Metric:
        metric = CounterMetricFamily(PREFIX + name, text, labels=["model_name"])
        metric.add_metric([self._model], value)
        return metric

    def _counters(self, name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
        metric = CounterMetricFamily(PREFIX + name, text, labels=["model_name", label])
        for key, value in values.items():
            metric.add_metric([self._model, key], value)
        return metric

    def _histogram(self, name: str, text: str, histogram: Histogram) -> Metric:
        """Return a histogram whose count is that of its buckets, whatever is counted meanwhile."""
        total, buckets = 0, []
        for bound, count in zip((*map(str, histogram.bounds), "+Inf"), list(histogram.counts), strict=True):
            total += count
            buckets.append((bound, float(total)))
        metric = HistogramMetricFamily(PREFIX + name, text, labels=["model_name"])
        metric.add_metric([self._model], buckets, sum_value=histogram.sum)
        return metric
