"""Flattens what a step computes into the tensors of one forward pass.

There is no padding: requests lie one after another, each with as many query tokens as it needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor


@dataclass(slots=True)  # not frozen: a frozen one takes three times as long to make, and every step makes some
class Span:
    """A run of one request's tokens to compute."""

    block_table: Sequence[int]
    start: int
    """Position of the first token: everything before it has valid KV."""
    token_ids: Sequence[int]
    num_logits: int
    """How many of the last tokens need logits."""

    @property
    def seq_len(self) -> int:
        """Tokens with KV once the span is computed."""
        return self.start + len(self.token_ids)


@dataclass(frozen=True, slots=True)
class AttentionGroup:
    """Requests of a batch that attend together: equally many padded query rows and equally padded contexts."""

    query_rows: Tensor | None  # [num_requests, max_query_len] int64 rows of the batch; padding repeats a row
    query_start: int
    """First row when the group is one request with contiguous rows (query_rows is None)."""
    query_lens: tuple[int, ...]
    kv_slots: Tensor  # [num_requests, max_kv_len] int64
    query_positions: Tensor  # [num_requests, max_query_len] int64
    seq_lens: Tensor  # [num_requests] int64

    masks: dict[tuple[int | None, int | None], Tensor] = field(default_factory=dict)

    def mask(self, window: int | None, chunk: int | None) -> Tensor:
        """Which context position each query row sees; computed once per kind of layer and step.

        Returns:
            [num_requests, 1, max_query_len, max_kv_len] bool.
        """
        key = (window, chunk)
        if key not in self.masks:
            position = torch.arange(self.kv_slots.shape[1], device=self.kv_slots.device)
            query = self.query_positions[:, :, None]
            # Positions behind the request's end are unwritten; padding rows repeat a real one, so every row sees some.
            mask = (position <= query) & (position < self.seq_lens[:, None, None])
            if window is not None:
                mask &= position > query - window
            if chunk is not None:
                mask &= position // chunk == query // chunk
            self.masks[key] = mask[:, None]
        return self.masks[key]


class ForwardBatch:
    """The tensors of one forward pass over spans of several requests.

    Attributes:
        input_ids, positions, slot_mapping: [num_query_tokens] int64
        owners: [num_query_tokens] int64, which request each row belongs to
        logits_indices: [num_logits] int64, rows of the batch to run the LM head on
    """

    def __init__(self, spans: Sequence[Span], *, block_size: int, device: torch.device) -> None:
        self.spans = spans
        self.block_size = block_size
        self.device = device
        input_ids: list[int] = []
        positions: list[int] = []
        slots: list[int] = []
        owners: list[int] = []
        logits_indices: list[int] = []
        self.query_start_loc = [0]
        for i, span in enumerate(spans):
            table = span.block_table
            input_ids += span.token_ids
            for p in range(span.start, span.start + len(span.token_ids)):
                positions.append(p)
                slots.append(table[p // block_size] * block_size + p % block_size)
                owners.append(i)
            end = len(input_ids)
            logits_indices += range(end - span.num_logits, end)
            self.query_start_loc.append(end)
        # One tensor, made and moved once: for a short step each further one would be a good part of its time.
        num_tokens = len(input_ids)
        packed = torch.tensor(input_ids + positions + slots + owners + logits_indices, dtype=torch.int64, device=device)
        self.input_ids, self.positions, self.slot_mapping, self.owners, self.logits_indices = packed.split_with_sizes(
            [num_tokens] * 4 + [len(logits_indices)]
        )

    @property
    def num_query_tokens(self) -> int:
        """Tokens computed, all requests together."""
        return self.query_start_loc[-1]

    @cached_property
    def block_tables(self) -> Tensor:  # [num_requests, max_num_blocks] int64
        """Which blocks hold each request's context; padded with block 0, which is never read."""
        num_blocks = -(-self.max_seq_len // self.block_size)
        tables = [list(span.block_table[:num_blocks]) for span in self.spans]
        padded = [table + [0] * (num_blocks - len(table)) for table in tables]
        return torch.tensor(padded, dtype=torch.int64, device=self.device)

    @cached_property
    def max_seq_len(self) -> int:
        """Tokens of the longest request once the pass is done."""
        return max([span.seq_len for span in self.spans])

    @cached_property
    def attention_groups(self) -> list[AttentionGroup]:
        """The requests sorted into groups of similar shape, for attention by gathering.

        A context is padded to a length that depends on itself alone, never on its neighbours.
        """
        by_shape: dict[tuple[int, int], list[int]] = {}
        for i, span in enumerate(self.spans):
            num_query = len(span.token_ids)
            # Prompt chunks stand alone; decode and verification rows share one call.
            shape = (padded_kv_len(span.seq_len), 0 if num_query <= MAX_SHARED_QUERY_LEN else i + 1)
            by_shape.setdefault(shape, []).append(i)
        return [self._group(indices, kv_len) for (kv_len, _), indices in by_shape.items()]

    def _group(self, indices: list[int], kv_len: int) -> AttentionGroup:
        block_size = self.block_size
        spans = [self.spans[i] for i in indices]
        starts = [self.query_start_loc[i] for i in indices]
        lens = tuple(len(span.token_ids) for span in spans)
        max_query = max(lens)
        num_blocks = -(-kv_len // block_size)
        tables = [list(span.block_table[:num_blocks]) for span in spans]
        block_ids = torch.tensor(
            [table + [table[0]] * (num_blocks - len(table)) for table in tables], dtype=torch.int64
        )
        kv_slots = (block_ids[:, :, None] * block_size + torch.arange(block_size)).flatten(1)[:, :kv_len]
        offsets = torch.arange(max_query).clamp(max=torch.tensor(lens)[:, None] - 1)
        rows = torch.tensor(starts)[:, None] + offsets
        positions = torch.tensor([span.start for span in spans])[:, None] + offsets
        return AttentionGroup(
            query_rows=None if len(spans) == 1 else rows.to(self.device),
            query_start=starts[0],
            query_lens=lens,
            kv_slots=kv_slots.to(self.device),
            query_positions=positions.to(self.device),
            seq_lens=torch.tensor([span.seq_len for span in spans], device=self.device),
        )


MAX_SHARED_QUERY_LEN = 32
"""Spans up to this long attend together with others, padded; longer ones alone."""


def padded_kv_len(seq_len: int) -> int:
    """Length that a context is padded to: 64, 96, 128, 192, 256, 384, ... at most half as much again."""
    size = 64
    while True:
        if seq_len <= size:
            return size
        if seq_len <= size * 3 // 2:
            return size * 3 // 2
        size *= 2
