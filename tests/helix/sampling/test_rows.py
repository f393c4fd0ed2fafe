from __future__ import annotations

from typing import Any

import pytest

from helix.request import Request
from helix.sampling.rows import (
    RowSpan,
    allowed_tokens,
    bias_entries,
    floats,
    forbidden_entries,
    ints,
    penalty_entries,
    positions,
    row_numbers,
    seeds,
    step_seeds,
)
from helix.sampling_params import SamplingParams
from helix.structured.grammar import Grammar
from tests.grammars import END, OTHER_END, TOKENS, TextTokenizer, begin

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


def test_what_two_steps_draw_for_one_position_differs_in_its_seed() -> None:
    first, second = RowSpan(make_request([4], seed=7), [6, 5], 0), RowSpan(make_request([4, 9], seed=7), [5], 0)
    assert positions([first]).tolist()[1:] == positions([second]).tolist()
    own = step_seeds([first, second]).tolist()
    assert len(set(own[:3])) == len(set(own[3:])) == 1
    assert len({own[0], own[3], 7}) == 3


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


DIGITS = Grammar.regex("[0-9]+")
WORD = Grammar.choice(["ab"])
DIGIT_IDS = {i for i, token in enumerate(TOKENS) if token.isdigit()}


def constrained(grammar: Grammar, text: str = "", **params: Any) -> Request:
    request = Request(
        "g",
        [5, 6],
        SamplingParams(grammar=grammar, **params),
        seed=0,
        eos_token_ids=frozenset({END, OTHER_END}),
        max_tokens=20,
        grammar=begin(grammar),
    )
    for token_id in TextTokenizer().encode(text):
        request.commit_token(token_id)
    return request


def rows_of(*spans: RowSpan) -> dict[int, set[int]]:
    """Return the allowed token ids of each constrained row."""
    entries = allowed_tokens(spans, len(TOKENS))
    assert entries is not None
    assert entries.allowed.shape == (len(entries.rows), len(TOKENS))
    return {int(row): set(mask.nonzero()[0].tolist()) for row, mask in zip(entries.rows, entries.allowed, strict=True)}


def test_each_row_allows_what_its_grammar_allows_behind_the_tokens_before_it() -> None:
    ids = TextTokenizer().encode("12x3")
    free = make_request()
    rows = rows_of(RowSpan(constrained(DIGITS), ids, 0), RowSpan(free, [3], 5), RowSpan(constrained(WORD), [], 7))
    assert rows == {
        0: DIGIT_IDS,
        1: DIGIT_IDS | {END, OTHER_END},
        2: set(range(len(TOKENS))),  # behind the refused x
        3: set(range(len(TOKENS))),
        7: set(TextTokenizer().encode("ab")),
    }
    assert allowed_tokens([RowSpan(free, [3], 0)], len(TOKENS)) is None


def test_skipped_tokens_are_behind_the_first_row() -> None:
    drafted = TextTokenizer().encode("12")
    assert rows_of(RowSpan(constrained(DIGITS), drafted, 4, skip=1)) == {4: DIGIT_IDS | {END, OTHER_END}}


def test_min_tokens_take_ends_out_of_early_rows_and_leave_none_empty() -> None:
    ids = TextTokenizer().encode("1212")
    assert rows_of(RowSpan(constrained(DIGITS, "12", min_tokens=3), ids, 0)) == {
        0: DIGIT_IDS,
        1: DIGIT_IDS,
        2: DIGIT_IDS | {END, OTHER_END},
    }
    stops = tuple(DIGIT_IDS)
    only_ends = rows_of(RowSpan(constrained(DIGITS, "12", min_tokens=3, stop_token_ids=stops), [], 0))
    assert only_ends == {0: DIGIT_IDS | {END, OTHER_END}}, "the grammar wins"
    assert forbidden_entries([RowSpan(constrained(DIGITS, min_tokens=3), [], 0)], len(TOKENS)) is None
