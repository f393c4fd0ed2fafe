"""What Prometheus reads agrees with what the answers said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from helix import AsyncEngine, EngineStats, FinishReason
from openai_compat.metrics import metrics_registry
from tests.fakes import FakeEngine
from tests.servers import Server

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str) -> Samples:
    """Return values by name without prefix and by labels; every one of Helix's says which model it is about."""
    values: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if sample.name.startswith("helix:") and sample.name != "helix:engine_info":
                assert labels.pop("model_name")
            values[sample.name.removeprefix("helix:"), tuple(labels.items())] = sample.value
    return values


class CountingEngine(FakeEngine):
    """Says what a test wants it to."""

    def __init__(self, stats: EngineStats) -> None:
        super().__init__()
        self.counted = stats

    def stats(self) -> EngineStats:
        return self.counted


def scraped(stats: EngineStats) -> Samples:
    return samples(generate_latest(metrics_registry(CountingEngine(stats), "m")).decode())


def test_gauges_say_how_things_stand() -> None:
    stats = EngineStats(num_running=3, num_waiting=2, num_blocks=64, num_free_blocks=48, draft_depth=2.5)
    values = scraped(stats)
    assert values["num_requests_running", ()] == 3
    assert values["num_requests_waiting", ()] == 2
    assert values["kv_cache_usage_perc", ()] == 0.25
    assert values["spec_decode_depth", ()] == 2.5
    assert values["spec_decode_paused", ()] == 0


def test_buckets_add_up_to_the_count_and_the_sum_is_in_seconds() -> None:
    stats = EngineStats()
    for seconds in (0.0004, 0.03, 0.03, 500.0):
        stats.times.ttft_s.observe(seconds)
    values = scraped(stats)
    name = "time_to_first_token_seconds"
    assert values[f"{name}_bucket", (("le", "0.0005"),)] == 1
    assert values[f"{name}_bucket", (("le", "0.04"),)] == values[f"{name}_bucket", (("le", "320.0"),)] == 3
    assert values[f"{name}_bucket", (("le", "+Inf"),)] == values[f"{name}_count", ()] == 4
    assert values[f"{name}_sum", ()] == 0.0004 + 0.03 + 0.03 + 500.0


def test_tokens_per_second_are_those_of_one_answer() -> None:
    stats = EngineStats()
    assert scraped(stats)["request_tokens_per_second", ()] == 0, "before the first answer"
    stats.times.inter_token_s.observe(0.01, times=30)
    stats.times.inter_token_s.observe(0.07, times=10)
    assert scraped(stats)["request_tokens_per_second", ()] == 40


def test_speculation_is_told_by_position_and_by_proposer() -> None:
    stats = EngineStats()
    stats.spec.observe([("ngram", 2), ("draft", 2)], num_accepted_tokens=3, num_emitted=4)
    stats.finish_reasons[FinishReason.STOP] += 2
    values = scraped(stats)
    assert values["spec_decode_num_draft_tokens_total", ()] == 4
    assert [values["spec_decode_num_accepted_tokens_per_pos_total", (("position", str(i)),)] for i in range(3)] == [
        1
    ] * 3
    assert values["spec_decode_num_accepted_tokens_per_proposer_total", (("proposer", "ngram"),)] == 2
    assert values["spec_decode_num_accepted_tokens_per_proposer_total", (("proposer", "draft"),)] == 1
    assert values["request_success_total", (("finished_reason", "stop"),)] == 2


def test_scrapers_need_no_key_and_choose_their_format(serve: Callable[..., Server[FakeEngine]]) -> None:
    url = f"{serve(api_key=('sk-secret',)).url}/metrics"
    plain, openmetrics = httpx.get(url), httpx.get(url, headers={"accept": "application/openmetrics-text"})
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=")
    assert openmetrics.text.endswith("# EOF\n")
    assert "sk-secret" not in plain.text and "helix:engine_info{" in plain.text


def _added(before: Samples, after: Samples) -> Counter[Any]:
    return Counter({key: value - before.get(key, 0.0) for key, value in after.items()})


def test_the_counters_of_a_real_server_are_the_sums_of_its_answers(demo_server: Server[AsyncEngine]) -> None:
    def scrape() -> Samples:
        return samples(demo_server.http.get("/metrics").raise_for_status().text)

    before = scrape()
    settings = {"max_tokens": 24, "temperature": 0, "ignore_eos": True}
    chat = demo_server.chat(messages=[{"role": "user", "content": "Count to twenty."}], **settings).json()
    both = demo_server.complete(prompt=["a, b, a, b, a, b,", "Once upon a time"], **settings).json()
    own = demo_server.http.post("/generate", json={"prompt": "a, b, a, b,", "speculation_depth": 0} | settings).json()
    added = _added(before, scrape())

    usages = [chat["usage"], both["usage"], own["metrics"]]
    reports = [answer["helix"]["speculation"] for answer in (chat, both, own)]
    assert added["prompt_tokens_total", ()] == sum(usage["prompt_tokens"] for usage in usages)
    assert added["generation_tokens_total", ()] == sum(usage["completion_tokens"] for usage in usages) == 4 * 24
    assert added["request_success_total", (("finished_reason", "length"),)] == 4
    for name in ("drafted", "accepted"):
        metric = f"spec_decode_num_{name.replace('drafted', 'draft')}_tokens"
        assert added[f"{metric}_total", ()] == sum(report[name] for report in reports)
        for position in range(20):
            per_position = [report[f"{name}_per_position"] for report in reports]
            wanted = sum(counts[position] for counts in per_position if position < len(counts))
            assert added[f"{metric}_per_pos_total", (("position", str(position)),)] == wanted
        for proposer in ("draft", "ngram", "suffix", "predicted", "grammar", "mtp"):
            wanted = sum(report["by_proposer"].get(proposer, {}).get(name, 0) for report in reports)
            assert added[f"{metric}_per_proposer_total", (("proposer", proposer),)] == wanted
    for name in ("time_to_first_token", "e2e_request_latency", "request_queue_time", "request_decode_time"):
        assert added[f"{name}_seconds_count", ()] == 4
    assert added["inter_token_latency_seconds_count", ()] == 4 * 23
    timings = own["helix"]["timings"]
    assert added["e2e_request_latency_seconds_sum", ()] >= timings["total_s"] - 1e-5
