"""Counting, and what the engine counts of its requests."""

from __future__ import annotations

import pytest

from helix.outputs import FinishReason, RequestMetrics
from helix.sampling_params import SamplingParams
from helix.stats import Histogram, RequestTimes
from tests.engines import make_engine, run
from tests.models import tiny_llama


def test_a_value_falls_up_to_its_bound_and_above_the_one_before() -> None:
    histogram = Histogram((1.0, 2.0))
    for value, times in ((0.5, 1), (1.0, 2), (1.5, 1), (2.0, 1), (9.0, 3)):
        histogram.observe(value, times)
    assert histogram.counts == [3, 2, 3]
    assert histogram.sum == pytest.approx(0.5 + 2.0 + 1.5 + 2.0 + 27.0)


def test_a_request_is_counted_as_far_as_it_came() -> None:
    times = RequestTimes()
    times.observe_end(RequestMetrics(arrival_s=1.0))
    times.observe_end(RequestMetrics(arrival_s=1.0, scheduled_s=3.0))
    times.observe_end(RequestMetrics(arrival_s=1.0, scheduled_s=2.0, first_token_s=5.0, last_token_s=9.0))
    sums = (times.queue_s.sum, times.prefill_s.sum, times.decode_s.sum, times.e2e_s.sum)
    assert sums == (2.0 + 1.0, 3.0, 4.0, 8.0)
    assert [sum(one.counts) for one in (times.queue_s, times.prefill_s, times.decode_s, times.e2e_s)] == [2, 1, 1, 1]


def test_an_engine_counts_every_request_token_and_end() -> None:
    engine = make_engine(tiny_llama())
    prompts = [[1, 2, 3, 4, 5, 6], [7, 8], [9, 8, 7, 6, 5, 4]]
    answers = run(engine, prompts, SamplingParams(max_tokens=12, temperature=0, ignore_eos=True))
    run(engine, prompts[:1], SamplingParams(max_tokens=3, temperature=0, ignore_eos=True))
    aborted = engine.make_request([5], SamplingParams())
    engine.add_request(aborted)
    engine.abort(aborted.request_id)
    stats = engine.stats()
    num_tokens = sum(map(len, answers)) + 3
    assert stats.num_generated_tokens == num_tokens == 39
    assert stats.finish_reasons == {FinishReason.LENGTH: 4, FinishReason.ABORT: 1}
    assert sum(stats.times.ttft_s.counts) == sum(stats.times.e2e_s.counts) == 4
    assert sum(stats.times.inter_token_s.counts) == num_tokens - 4, "the first token of each request has no gap"
    assert stats.times.inter_token_s.sum <= stats.times.decode_s.sum + 1e-9
    assert stats.num_prefix_hit_tokens == stats.num_cached_tokens == 4, "one block of the prompt that came again"
    assert stats.num_prefix_query_tokens == 6 + 2 + 6 + 6
