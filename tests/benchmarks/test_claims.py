"""A target counts as reached when the figure reaches it, and only what was measured is claimed."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.claims import LEAST_EVER, Claim, check
from benchmarks.rows import Row


def row(task: str, arm: str, *ratios: float | None, concurrency: int = 1, acceptance: float | None = None) -> Row:
    return Row(
        task=task, arm=arm, concurrency=concurrency, tokens_per_s=1.0, speedup=ratios[0], ratios=list(ratios),
        num_tokens=1, num_answers=1, num_equal=1, num_right=1, acceptance_rate=acceptance,
    )  # fmt: skip


def by_name(*rows: Row) -> dict[str, Claim]:
    return {f"{claim.task}: {claim.name}": claim for claim in check(rows)}


def test_every_task_at_every_concurrency_must_not_be_slower() -> None:
    claims = by_name(row("chat", "auto", 0.99), row("chat", "auto", 0.97, concurrency=8), row("chat", "plain", 1.0))
    assert claims.keys() == {"chat: never slower, 1 at once", "chat: never slower, 8 at once"}
    assert [claim.holds for claim in claims.values()] == [True, False]
    assert all(claim.target == LEAST_EVER for claim in claims.values())


def test_auto_is_held_against_the_best_fixed_depth_pair_by_pair() -> None:
    auto, worse, better = row("qa", "auto", 2.0, 4.0), row("qa", "draft 2", 1.0, 1.0), row("qa", "draft 4", 2.1, 4.2)
    claim = by_name(auto, worse, better)["qa: auto over draft 4, the best fixed depth"]
    assert claim.holds and round(claim.measured, 3) == round(2 / 2.1, 3)
    claims = by_name(auto, worse, replace(better, speedup=3.0, ratios=[3.0, 6.0]))
    assert not claims["qa: auto over draft 4, the best fixed depth"].holds


def test_auto_is_held_against_transformers_where_that_had_a_turn() -> None:
    auto, other = row("qa", "auto", 1.0, 9.0), row("qa", "transformers assisted", 1.2, None)
    assert not by_name(auto, other)["qa: auto over transformers assisted"].holds


def test_speed_ups_are_claimed_of_the_tasks_that_have_a_target() -> None:
    claims = by_name(
        row("code-editing", "auto", 5.1), row("json", "auto", 2.4), row("qa", "auto", 9.0),
        row("chat", "draft 2", 1.5), row("chat", "draft 4", 2.2), row("chat", "ngram 4", 3.0),
    )  # fmt: skip
    assert claims["code-editing: speed-up of auto"].holds
    assert not claims["json: speed-up of auto"].holds
    assert claims["chat: speed-up of draft 4"].holds
    assert not any(name.startswith("qa: speed-up") for name in claims)


def test_adversarial_text_is_one_whose_drafts_are_refused() -> None:
    claims = by_name(
        row("adversarial", "draft 4", 0.5, acceptance=0.01), row("adversarial", "ngram 8", 0.6, acceptance=0.2)
    )
    assert claims["adversarial: accepted of draft 4"].holds
    assert not claims["adversarial: accepted of ngram 8"].holds
    assert not by_name(row("chat", "draft 4", 2.0, acceptance=0.01)).keys() & claims.keys()
