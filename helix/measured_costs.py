"""What passes cost on this machine, timed before the first request."""

from __future__ import annotations

from collections.abc import Sequence

from helix.model.mtp import MTPRunner
from helix.model.runner import ModelRunner
from helix.spec_decode.costs import PassCosts

_TARGET_ROWS = (*range(1, 17), 24, 32)
_DRAFT_ROWS = (1, 2, 8, 32)
_LONG_CONTEXT = 1024
_BUDGET_S = 4.0
"""Enough for a second turn of models whose first one takes two: a single pass may have met another program."""


def measure_target(runner: ModelRunner) -> PassCosts:
    """Time the passes that verify; of an idle engine, before any block is handed out."""
    return _measure(runner, _TARGET_ROWS)


def measure_draft(runner: ModelRunner | MTPRunner) -> PassCosts:
    """Time the passes that draft, under the same condition."""
    return _measure(runner, _DRAFT_ROWS)


def _measure(runner: ModelRunner | MTPRunner, rows: Sequence[int]) -> PassCosts:
    pool = runner.pool
    capacity = min(pool.num_blocks * pool.block_size, runner.loaded.max_model_len)
    rows = [num_rows for num_rows in rows if num_rows <= capacity]
    pass_s = runner.time_passes(rows, budget_s=_BUDGET_S)
    num_rows, context_len = rows[len(rows) // 2], min(_LONG_CONTEXT, capacity - rows[-1])
    longer_s = runner.time_passes([num_rows], context_len=context_len)[num_rows] - pass_s[num_rows]
    return PassCosts(pass_s, max(longer_s, 0.0) / (num_rows * max(context_len, 1)))
