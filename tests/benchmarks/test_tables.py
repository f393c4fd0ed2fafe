"""What is printed says what was measured."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.claims import Claim
from benchmarks.costs import CostTable
from benchmarks.rows import Row
from benchmarks.tables import predict, print_claims, print_rows
from benchmarks.workloads import Prompt

COSTS = CostTable(96, {1: 0.1, 2: 0.1, 5: 0.14}, 0.005)
AUTO = Row(
    task="chat", arm="auto", concurrency=1, tokens_per_s=21.0, speedup=2.1, ratios=[1.9, 2.3], num_tokens=40,
    num_answers=2, num_equal=2, num_right=1, acceptance_rate=0.75, token_acceptance=0.5, mean_accepted_length=3.2,
    acceptance_per_position=[0.9, 0.7, 0.6, 0.4], drafted_share=1.0, depths=[1, 2, 3, 4, 5, 5],
)  # fmt: skip


def test_a_row_shows_speed_acceptance_and_depths(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows("chat", [Prompt((1, 2, 3), lambda _: True)], [AUTO], COSTS)
    title, *_, line = capsys.readouterr().out.strip().splitlines()
    assert title == "chat: prompts of 3 to 3 tokens"
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells == [
        "auto", "1", "21.0", "2.10", "1.90 to 2.30", "-", "75%", "90% 70% 40%", "3.20", "2.5 5.0", "2/2", "1/2",
    ]  # fmt: skip


def test_only_a_fixed_depth_has_a_ceiling() -> None:
    assert predict(COSTS, AUTO) is None
    draft = predict(COSTS, replace(AUTO, arm="draft 4"))
    assert draft == pytest.approx(COSTS.ceiling(0.5, 4, is_free=False))
    assert predict(COSTS, replace(AUTO, arm="ngram 4")) == pytest.approx(COSTS.ceiling(0.5, 4, is_free=True))
    assert predict(COSTS, replace(AUTO, arm="draft 4", token_acceptance=None)) is None


def test_a_missed_target_stands_out(capsys: pytest.CaptureFixture[str]) -> None:
    print_claims([Claim("speed-up", "chat", 2.0, 1.9), Claim("accepted", "x", 0.05, 0.01, is_upper_bound=True)])
    out = capsys.readouterr().out
    assert "Targets reached: 1 of 2" in out
    assert "| chat: speed-up | >= 2.00 |     1.90 |      NO |" in out
