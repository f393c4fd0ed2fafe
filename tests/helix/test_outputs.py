"""Speculation is counted as it happened; a stop may cut the tokens, never the counts of drafts."""

from __future__ import annotations

import pytest

from helix.outputs import RequestMetrics, SpecDecodeStats


def test_rates_are_unknown_before_anything_happened() -> None:
    stats = SpecDecodeStats()
    assert stats.acceptance_rate is None
    assert stats.mean_accepted_length is None


def test_counts_add_up_over_proposers_and_positions() -> None:
    stats = SpecDecodeStats()
    stats.observe([("draft", 4)], num_accepted_tokens=2, num_emitted=3)
    stats.observe([("ngram", 2)], num_accepted_tokens=2, num_emitted=3)
    stats.observe([], num_accepted_tokens=0, num_emitted=1)
    assert stats.acceptance_rate == pytest.approx(4 / 6)
    assert stats.mean_accepted_length == pytest.approx(7 / 3)
    assert dict(stats.draft_tokens_per_position) == {0: 2, 1: 2, 2: 1, 3: 1}
    assert dict(stats.accepted_tokens_per_position) == {0: 2, 1: 2}
    assert {name: s.num_draft_tokens for name, s in stats.by_proposer.items()} == {"draft": 4, "ngram": 2}


def test_accepted_tokens_that_a_stop_cut_off_do_not_count() -> None:
    stats = SpecDecodeStats()
    stats.observe([("draft", 4)], num_accepted_tokens=4, num_emitted=2)
    assert stats.num_accepted_tokens == stats.by_proposer["draft"].num_accepted_tokens == 2
    assert stats.acceptance_rate == 0.5


def test_speed_is_unknown_for_fewer_than_two_tokens() -> None:
    metrics = RequestMetrics(arrival_s=1.0, first_token_s=2.0, last_token_s=2.0, num_generated_tokens=1)
    assert metrics.tokens_per_s is None
    assert metrics.ttft_s == 1.0
    metrics = RequestMetrics(arrival_s=1.0, first_token_s=2.0, last_token_s=4.0, num_generated_tokens=5)
    assert metrics.tokens_per_s == 2.0
