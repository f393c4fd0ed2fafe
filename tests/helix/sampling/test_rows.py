from __future__ import annotations

from typing import Any

import pytest

from helix.request import Request
from helix.sampling.rows import (
    RowSpan,
    bias_entries,
    floats,
    forbidden_entries,
    ints,
    penalty_entries,
    positions,
    row_numbers,
    seeds,
)
from helix.sampling_params import SamplingParams

VOCAB_SIZE = 10


def make_request(output: list[int] | None = None, *, eos: int | None = None, seed: int = 0, **params: Any) -> Request:
    request = Request(
        "r",
        [1, 2, 1],
        SamplingParams(**params),
        seed=seed,
        eos_token_ids=frozenset() if eos is None else frozenset([eos]),
        max_tokens=20,
    )
    for token_id in output or []:
        request.commit_token(token_id)
    return request


def test_rows_of_a_batch_are_numbered_and_placed() -> None:
    spans = [
        RowSpan(make_request([4, 5], seed=-1, top_k=3), [6, 7], 0),
        RowSpan(make_request(seed=2**64 - 1, temperature=0.5), [], 3),
        RowSpan(make_request([4], seed=9), [6, 7], 4, skip=2),
    ]
    assert positions(spans).tolist() == [2, 3, 4, 0, 3]
    assert row_numbers(spans[1:]).tolist() == [3, 4]
    assert seeds(spans).tolist() == [-1, -1, -1, -1, 9]
    assert ints(spans, lambda params: params.top_k).tolist() == [3, 3, 3, 0, 0]
    assert floats(spans, lambda params: params.temperature).tolist() == [1, 1, 1, 0.5, 1]


def test_each_row_counts_the_tokens_before_it_and_none_after() -> None:
    request = make_request([4, 5, 4], frequency_penalty=0.5, repetition_penalty=2.0)
    entries = penalty_entries([RowSpan(request, [5, 6, 99], 7)], VOCAB_SIZE)
    assert entries is not None
    table = {
        (int(row), int(token_id)): (float(count), float(factor))
        for row, token_id, count, factor in zip(
            entries.rows, entries.token_ids, entries.counts, entries.repetition, strict=True
        )
    }
    assert len(table) == len(entries.rows), "each pair once"
    for row, num_fives, num_sixes in ((7, 1, 0), (8, 2, 0), (9, 2, 1), (10, 2, 1)):
        assert table[row, 1] == table[row, 2] == (0, 2), "prompt tokens are seen, not counted"
        assert table[row, 4] == (2, 2)
        assert table[row, 5] == (num_fives, 2)
        assert table[row, 6] == (num_sixes, 2 if num_sixes else 1)


def test_skipped_tokens_count_as_output() -> None:
    request = make_request([4], presence_penalty=0.5)
    entries = penalty_entries([RowSpan(request, [5, 5], 0, skip=2)], VOCAB_SIZE)
    assert entries is not None
    assert dict(zip(entries.token_ids.tolist(), entries.counts.tolist(), strict=True)) == {4: 1, 5: 2}
    assert set(entries.presence.tolist()) == {0.5}


def test_ends_are_forbidden_until_min_tokens_are_there() -> None:
    """The position decides, so the rows of one verification may differ."""
    request = make_request([3], eos=9, min_tokens=3, stop_token_ids=(8, 55))
    entries = forbidden_entries([RowSpan(request, [3, 3, 3], 2)], VOCAB_SIZE)
    assert entries is not None
    assert sorted(zip(entries.rows.tolist(), entries.token_ids.tolist(), strict=True)) == [
        (2, 8),
        (2, 9),
        (3, 8),
        (3, 9),
    ]
    assert forbidden_entries([RowSpan(request, [3, 3, 3], 2, skip=2)], VOCAB_SIZE) is None


def test_bias_concerns_every_row_and_only_the_vocabulary() -> None:
    request = make_request(logit_bias={2: -1.0, 50: 3.0, -1: 4.0})
    entries = bias_entries([RowSpan(request, [7], 1)], VOCAB_SIZE)
    assert entries is not None
    assert [column.tolist() for column in entries] == [[1, 2], [2, 2], [-1, -1]]


@pytest.mark.parametrize("params", [{}, {"temperature": 0}, {"top_p": 0.5}, {"seed": 3}])
def test_a_request_that_edits_no_logits_brings_no_entries(params: dict[str, Any]) -> None:
    span = RowSpan(make_request([4], eos=9, **params), [5], 0)
    assert not span.is_edited
    assert bias_entries([span], VOCAB_SIZE) is None
    assert penalty_entries([span], VOCAB_SIZE) is None
    assert forbidden_entries([span], VOCAB_SIZE) is None
