"""The promises about KV memory, counted by the scheduler and the block manager that serve."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from statistics import fmean

import pytest

from benchmarks.memory import (
    MAX_MODEL_LEN,
    RESERVATIONS,
    compare_formats,
    draw,
    draw_lengths,
    run_contiguous,
    run_paged,
    slots_of,
)
from helix.request import Request
from helix.sampling_params import SamplingParams

NUM_STEPS = 150


def test_blocks_waste_less_than_a_twenty_fifth_and_hold_four_times_as_many_requests() -> None:
    """The figures of the PagedAttention paper, which no change to scheduling or blocks may lose."""
    paged, contiguous = run_paged(16, num_steps=NUM_STEPS), run_contiguous("contiguous, max", num_steps=NUM_STEPS)
    assert paged.waste < 0.04
    assert contiguous.waste > 0.6
    assert paged.mean_running > 4 * contiguous.mean_running


def test_a_smaller_format_holds_more_tokens_and_as_many_more_requests() -> None:
    wide, narrow = compare_formats({"float32": 400, "int8": 100}, num_steps=NUM_STEPS)
    assert narrow.num_tokens == 4 * wide.num_tokens
    assert 3 < narrow.mean_running / wide.mean_running < 5


def test_choices_of_a_prompt_share_it() -> None:
    prefix = range(-512, 0)
    shared, alone = run_paged(16, num_steps=60, prefix=prefix), run_paged(16, num_steps=60)
    assert shared.mean_running > 0.7 * alone.mean_running, "a common beginning of 512 tokens takes memory once"
    assert run_paged(16, num_steps=60, n=4).mean_running > 1.2 * alone.mean_running


def test_the_more_a_cache_knows_the_less_it_wastes() -> None:
    uses = [run_contiguous(name, num_steps=NUM_STEPS) for name in RESERVATIONS]
    assert [one.waste for one in uses] == sorted((one.waste for one in uses), reverse=True)
    assert all(0 < one.waste < 1 for one in uses)


def test_shared_slots_count_once_and_slots_without_a_token_are_unused() -> None:
    first, second = (Request(name, [1] * 6, SamplingParams(), seed=0, max_tokens=4) for name in "ab")
    first.block_table, second.block_table = [7, 3, 4], [7, 5]
    first.num_computed_tokens, second.num_computed_tokens = 6, 5
    assert slots_of([first, second], 4) == (16, 4 + 2 + 0 + 1)


def test_lengths_have_the_means_of_the_papers_datasets_and_fit() -> None:
    lengths = [*islice(draw_lengths(), 8000)]
    assert all(prompt_len >= 1 and output_len >= 1 for prompt_len, output_len in lengths)
    assert max(map(sum, lengths)) <= MAX_MODEL_LEN
    assert fmean(prompt_len for prompt_len, _ in lengths[::2]) == pytest.approx(161, rel=0.1)
    assert fmean(output_len for _, output_len in lengths[1::2]) == pytest.approx(58, rel=0.1)


def test_the_plot_is_written(tmp_path: Path) -> None:
    draw([run_contiguous("contiguous, max", num_steps=9)], tmp_path / "kv_memory.png")
    assert (tmp_path / "kv_memory.png").stat().st_size > 1000
