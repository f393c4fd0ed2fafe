"""A batch is spans laid end to end; nothing is padded but contexts, and those by themselves."""

from __future__ import annotations

import torch

from helix.model.batch import ForwardBatch, Span, padded_kv_len

CPU = torch.device("cpu")


def test_slots_follow_the_block_table() -> None:
    batch = ForwardBatch([Span([3, 1], 3, [7, 8, 9], 2)], block_size=4, device=CPU)
    assert batch.input_ids.tolist() == [7, 8, 9]
    assert batch.positions.tolist() == [3, 4, 5]
    assert batch.slot_mapping.tolist() == [15, 4, 5]
    assert batch.logits_indices.tolist() == [1, 2]


def test_spans_lie_one_after_another() -> None:
    batch = ForwardBatch([Span([0], 0, [1, 2], 0), Span([1], 1, [3], 1)], block_size=4, device=CPU)
    assert batch.query_start_loc == [0, 2, 3]
    assert batch.logits_indices.tolist() == [2]


def test_a_padded_context_depends_on_its_own_length_alone() -> None:
    assert [padded_kv_len(n) for n in (1, 64, 65, 96, 97, 128, 129, 1500)] == [64, 64, 96, 96, 128, 128, 192, 1536]


def test_short_spans_attend_together_and_long_ones_alone() -> None:
    spans = [Span([0], 3, [1], 1), Span([1, 2], 5, [1, 2, 3], 3), Span(list(range(3, 30)), 0, [1] * 50, 1)]
    groups = ForwardBatch(spans, block_size=4, device=CPU).attention_groups
    assert [group.query_lens for group in groups] == [(1, 3), (50,)]


def test_a_row_sees_its_past_inside_window_and_chunk() -> None:
    batch = ForwardBatch([Span([2, 0, 1], 6, [1, 2, 3], 3)], block_size=4, device=CPU)
    group = batch.attention_groups[0]
    seen = [row.nonzero().flatten().tolist() for row in group.mask(None, None)[0, 0]]
    assert seen == [list(range(7)), list(range(8)), list(range(9))]
    seen = [row.nonzero().flatten().tolist() for row in group.mask(3, None)[0, 0]]
    assert seen == [[4, 5, 6], [5, 6, 7], [6, 7, 8]]
    seen = [row.nonzero().flatten().tolist() for row in group.mask(None, 4)[0, 0]]
    assert seen == [[4, 5, 6], [4, 5, 6, 7], [8]]
