"""The numbers of an answer are sums over its choices, and its times span all of them."""

from __future__ import annotations

from helix import FinishReason, RequestMetrics, RequestOutput, SamplingParams, SpecDecodeStats
from openai_compat.responses.tally import Tally
from tests.fakes import FakeEngine


def output(metrics: RequestMetrics, num_tokens: int) -> RequestOutput:
    return RequestOutput("r", "", tuple(range(num_tokens)), None, FinishReason.STOP, None, metrics)


def metrics(arrival_s: float, *, steps: list[tuple[str, int, int]], num_cached_tokens: int = 0) -> RequestMetrics:
    spec = SpecDecodeStats()
    for proposer, drafted, accepted in steps:
        spec.observe([(proposer, drafted)], num_accepted_tokens=accepted, num_emitted=accepted + 1)
    return RequestMetrics(
        arrival_s=arrival_s,
        scheduled_s=arrival_s + 1,
        first_token_s=arrival_s + 2,
        last_token_s=arrival_s + 6,
        num_cached_tokens=num_cached_tokens,
        inter_token_s=[0.1, 0.2, 0.3, 9.0],
        spec=spec,
    )


def tally() -> Tally:
    counted = Tally.of([[1, 2, 3], [4, 5]], SamplingParams(), FakeEngine().info)
    counted.add(0, output(metrics(10, steps=[("draft", 4, 2), ("ngram", 2, 2)], num_cached_tokens=2), 6))
    counted.add(1, output(metrics(11, steps=[("draft", 4, 0)], num_cached_tokens=3), 1))
    counted.add(2, output(metrics(12, steps=[], num_cached_tokens=1), 2))
    counted.add(3, output(metrics(13, steps=[], num_cached_tokens=2), 1))
    return counted


def test_usage_counts_each_prompt_once_with_the_cached_tokens_of_its_first_choice() -> None:
    usage = tally().usage(4)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (5, 10, 15)
    assert usage.prompt_tokens_details.cached_tokens == 2 + 1


def test_ordinary_speculation_is_no_prediction() -> None:
    details = tally().usage(4).completion_tokens_details
    assert (details.accepted_prediction_tokens, details.rejected_prediction_tokens) == (0, 0)


def test_prediction_tokens_are_those_of_the_predicted_proposer_over_all_choices() -> None:
    counted = tally()
    counted.add(0, output(metrics(10, steps=[("predicted", 16, 9), ("draft", 4, 1), ("predicted", 2, 2)]), 5))
    counted.add(2, output(metrics(12, steps=[("predicted", 5, 0)]), 1))
    usage = counted.usage(4)
    assert usage.completion_tokens_details.accepted_prediction_tokens == 11
    assert usage.completion_tokens_details.rejected_prediction_tokens == 7 + 5
    assert usage.completion_tokens == 16, "what was rejected was not emitted"


def test_speculation_is_summed_over_choices() -> None:
    report = tally().report().speculation
    assert (report.drafted, report.accepted) == (10, 4)
    assert report.acceptance_rate == 0.4
    assert report.mean_accepted_length == round(7 / 3, 6)
    assert {name: (one.drafted, one.accepted) for name, one in report.by_proposer.items()} == {
        "draft": (8, 2),
        "ngram": (2, 2),
    }
    assert report.drafted_per_position == [3, 3, 2, 2]
    assert report.accepted_per_position == [2, 2, 0, 0]


def test_times_go_from_the_first_arrival_to_the_last_token() -> None:
    timings = tally().report().timings
    assert (timings.queue_s, timings.ttft_s, timings.total_s) == (1, 2, 9)
    assert timings.tokens_per_s == round(9 / 7, 6)
    assert (timings.inter_token_p50_s, timings.inter_token_p99_s) == (0.2, 9.0)


def test_an_answer_without_tokens_has_nulls() -> None:
    counted = Tally.of([[1]], SamplingParams(speculation_depth=0), FakeEngine().info)
    timings, report = counted.report().timings, counted.report().speculation
    assert (report.method, report.depth, report.drafted) == ("none", 0, 0)
    assert report.acceptance_rate is report.mean_accepted_length is report.estimated_speed_up is timings.ttft_s is None
    assert counted.usage(1).completion_tokens == 0
