"""Plots are drawn from the document alone, whatever part of it was measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.arms import TRANSFORMERS_NAMES, methods
from benchmarks.plots import COLOURS, MARKERS, deepest, draw, family
from benchmarks.rows import Row
from benchmarks.tasks import TASKS

NAMES = {"speedup_by_task.png", "acceptance_by_position.png", "depth_over_time.png"}


def row(task: str, arm: str, speedup: float | None, shares: list[float] | None = None, concurrency: int = 1) -> Row:
    return Row(
        task=task, arm=arm, concurrency=concurrency, tokens_per_s=1.0, speedup=speedup, ratios=[speedup], num_tokens=1,
        num_answers=1, num_equal=1, num_right=1, acceptance_per_position=shares or [], depths=[1.0, 4.0, 2.5],
    )  # fmt: skip


def document(tasks: list[str], rows: list[Row]) -> dict[str, Any]:
    described = dict.fromkeys(("hardware", "model", "draft", "dtype", "linear_route", "commit"), "x" * 60)
    read = json.loads(json.dumps([asdict(one) for one in rows]))
    return {**described, "threads": 2, "titles": {task: TASKS[task].title for task in tasks}, "rows": read}


def all_rows(task: str) -> list[Row]:
    arms = ["auto", "draft 4", "ngram 8", "suffix 8", "predicted 16", "grammar 8", *TRANSFORMERS_NAMES.values()]
    rows = [row(task, arm, 1.0 + i / 3, [0.9, 0.8, 0.5]) for i, arm in enumerate(arms)]
    return [*rows, row(task, "plain", 1.0), row(task, "auto", 1.4, [0.9], concurrency=8)]


def test_the_whole_table_gives_three_small_pictures(tmp_path: Path) -> None:
    paths = draw(document(list(TASKS), [one for task in TASKS for one in all_rows(task)]), tmp_path)
    assert {path.name for path in paths} == NAMES
    for path in paths:
        assert path.read_bytes().startswith(b"\x89PNG")
        assert 10_000 < path.stat().st_size < 100_000


@pytest.mark.parametrize("rows", [[], [row("chat", "auto", None)], [row("chat", "plain", 1.0)]])
def test_what_was_not_measured_is_left_empty(tmp_path: Path, rows: list[Row]) -> None:
    assert {path.name for path in draw(document(["chat"], rows), tmp_path / "new")} == NAMES


def test_every_arm_has_a_colour_and_a_marker_of_its_own() -> None:
    assert {*methods(), "auto", *TRANSFORMERS_NAMES.values()} <= COLOURS.keys()
    assert len(set(COLOURS.values())) == len(set(MARKERS.values())) == len(COLOURS)


def test_acceptance_is_shown_of_the_largest_depth_of_a_method() -> None:
    rows = [row("chat", "draft 2", 1.0, [0.9]), row("chat", "draft 4", 1.0, [0.9, 0.8]), row("chat", "ngram 8", 1.0)]
    shown = deepest([asdict(one) for one in rows])
    assert [one["arm"] for one in shown] == ["draft 4"]
    assert (family("draft 4"), family("transformers assisted"), family("auto")) == (
        "draft",
        "transformers assisted",
        "auto",
    )
