"""What the processors need to know about each row of logits, built from requests on the host.

A row is the law of one output position. The rows of a request follow one another; each is conditioned on the
committed tokens and on one drafted token more than the row before, and so are its penalties, masks and noise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from helix.request import Request
from helix.sampling_params import SamplingParams

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_STEP_SALT = 0x9E3779B97F4A7C15


@dataclass(slots=True)  # not frozen, like batch.Span
class RowSpan:
    """The rows of one request."""

    request: Request
    drafted: Sequence[int]
    """Tokens beyond the committed ones; ids outside the vocabulary may occur and leave later rows without meaning."""
    start: int
    """Its first row in the batch."""
    skip: int = 0
    """Drafted tokens that already precede the first row."""

    @property
    def params(self) -> SamplingParams:
        """What the request asks of the sampler."""
        return self.request.params

    @property
    def num_rows(self) -> int:
        """One for each drafted token that is not skipped, and one more."""
        return len(self.drafted) - self.skip + 1

    @property
    def rows(self) -> range:
        """Row numbers in the batch."""
        return range(self.start, self.start + self.num_rows)

    @property
    def first_position(self) -> int:
        """Output position of the first row."""
        return self.request.num_output_tokens + self.skip

    @property
    def is_greedy(self) -> bool:
        """Whether its tokens are the most likely ones."""
        return self.params.temperature == 0

    @property
    def is_truncated(self) -> bool:
        """Whether top-k, top-p or min-p may drop tokens."""
        return self.params.top_k > 0 or self.params.top_p < 1 or self.params.min_p > 0

    @property
    def is_penalised(self) -> bool:
        """Whether tokens seen before are less likely."""
        params = self.params
        return params.presence_penalty != 0 or params.frequency_penalty != 0 or params.repetition_penalty != 1

    @property
    def is_edited(self) -> bool:
        """Whether anything but temperature and truncation changes its logits."""
        return (
            self.is_penalised
            or bool(self.params.logit_bias)
            or self.first_position < self.params.min_tokens
            or self.request.grammar is not None
        )

    def early_stops(self, vocab_size: int) -> tuple[range, list[int]]:
        """Return its first rows, where min_tokens are not reached, and the tokens that would end the request there."""
        stop_token_ids = [token_id for token_id in self.request.stop_token_ids if 0 <= token_id < vocab_size]
        return self.rows[: max(0, self.params.min_tokens - self.first_position)], stop_token_ids


def positions(spans: Sequence[RowSpan]) -> Ints:  # [num_rows]
    """Return each row's output position."""
    return _concatenate([np.arange(s.first_position, s.first_position + s.num_rows) for s in spans], np.int64)


def seeds(spans: Sequence[RowSpan]) -> Ints:  # [num_rows]
    """Return each row's seed as a signed 64-bit integer."""
    return np.repeat(
        np.array([s.request.seed % 2**64 for s in spans], dtype=np.uint64).view(np.int64), _num_rows(spans)
    )


def step_seeds(spans: Sequence[RowSpan]) -> Ints:  # [num_rows]
    """Return each row's seed for draws that a later step must not repeat, though it may draw for the same position."""
    seeds = [(s.request.seed + (s.request.num_output_tokens + 1) * _STEP_SALT) % 2**64 for s in spans]
    return np.repeat(np.array(seeds, dtype=np.uint64).view(np.int64), _num_rows(spans))


def row_numbers(spans: Sequence[RowSpan]) -> Ints:  # [num_rows]
    """Return the batch's row number of each row of these spans."""
    return _concatenate([np.arange(s.start, s.start + s.num_rows) for s in spans], np.int64)


def floats(spans: Sequence[RowSpan], value: Callable[[SamplingParams], float]) -> Floats:  # [num_rows]
    """Return a parameter of each row."""
    return np.repeat(np.array([value(s.params) for s in spans], dtype=np.float32), _num_rows(spans))


def ints(spans: Sequence[RowSpan], value: Callable[[SamplingParams], int]) -> Ints:  # [num_rows]
    """Return a parameter of each row."""
    return np.repeat(np.array([value(s.params) for s in spans], dtype=np.int64), _num_rows(spans))


class BiasEntries(NamedTuple):
    """The arguments of apply_logit_bias, one entry per row and biased token."""

    rows: Ints
    token_ids: Ints
    bias: Floats


class PenaltyEntries(NamedTuple):
    """The arguments of apply_penalties, one entry per row and token seen by its request."""

    rows: Ints
    token_ids: Ints
    counts: Floats
    presence: Floats
    frequency: Floats
    repetition: Floats


class ForbiddenEntries(NamedTuple):
    """The arguments of forbid_tokens, one entry per row and forbidden token."""

    rows: Ints
    token_ids: Ints


class AllowedTokens(NamedTuple):
    """The arguments of keep_tokens."""

    rows: Ints
    allowed: Bools  # [len(rows), vocab_size]


def bias_entries(spans: Sequence[RowSpan], vocab_size: int) -> BiasEntries | None:
    """Return the logit_bias of all rows, or None if no request has any."""
    parts = []
    for span in spans:
        bias = {token_id: value for token_id, value in span.params.logit_bias.items() if 0 <= token_id < vocab_size}
        if bias:
            values = np.fromiter(bias.values(), np.float32, len(bias))
            parts.append((*_product(span.rows, list(bias)), np.tile(values, span.num_rows)))
    return BiasEntries(*map(np.concatenate, zip(*parts, strict=True))) if parts else None


def penalty_entries(spans: Sequence[RowSpan], vocab_size: int) -> PenaltyEntries | None:
    """Return the penalties of all rows, or None if no request has any."""
    parts = [_penalties_of(span, vocab_size) for span in spans if span.is_penalised]
    return PenaltyEntries(*map(np.concatenate, zip(*parts, strict=True))) if parts else None


def forbidden_entries(spans: Sequence[RowSpan], vocab_size: int) -> ForbiddenEntries | None:
    """Return the tokens that would end a request before its min_tokens, or None if there are none.

    Requests with a grammar are left out: allowed_tokens knows theirs.
    """
    parts = []
    for span in spans:
        early, stop_token_ids = span.early_stops(vocab_size)
        if early and stop_token_ids and span.request.grammar is None:
            parts.append(_product(early, stop_token_ids))
    return ForbiddenEntries(*map(np.concatenate, zip(*parts, strict=True))) if parts else None


def allowed_tokens(spans: Sequence[RowSpan], vocab_size: int) -> AllowedTokens | None:
    """Return what grammars leave of each row of their requests, or None if no request has any.

    Tokens that would end a request before its min_tokens are taken out as well, except where nothing else is left: then
    the grammar wins. Behind a drafted token that its grammar refuses rows have no meaning, and everything is allowed.
    """
    constrained = [(span, span.request.grammar) for span in spans if span.request.grammar is not None]
    if not constrained:
        return None
    masks = np.stack([mask for span, grammar in constrained for mask in grammar.masks(span.drafted, span.skip)])
    allowed = np.unpackbits(masks, axis=1, count=vocab_size, bitorder="little").view(np.bool_)
    row = 0
    for span, _ in constrained:
        early, stop_token_ids = span.early_stops(vocab_size)
        rest = allowed[row : row + len(early)].copy()
        rest[:, stop_token_ids] = False
        allowed[row : row + len(early)] = np.where(
            rest.any(axis=1, keepdims=True), rest, allowed[row : row + len(early)]
        )
        row += span.num_rows
    return AllowedTokens(row_numbers([span for span, _ in constrained]), allowed)


def _penalties_of(span: RowSpan, vocab_size: int) -> PenaltyEntries:
    """Count every token seen by a request, row by row: the tokens before the row, not those drafted after it."""
    params, request = span.params, span.request
    output = Counter(request.output_token_ids)
    output.update(span.drafted[: span.skip])
    drafted = span.drafted[span.skip :]
    # Only the repetition penalty looks at the prompt, which may be long.
    prompt = set(request.prompt_token_ids) if params.repetition_penalty != 1 else set()
    token_ids = [token_id for token_id in {*output, *prompt, *drafted} if 0 <= token_id < vocab_size]

    counts = np.tile(np.array([output[token_id] for token_id in token_ids], np.float32), (span.num_rows, 1))
    column = {token_id: number for number, token_id in enumerate(token_ids)}
    for row, token_id in enumerate(drafted, start=1):
        if token_id in column:
            counts[row:, column[token_id]] += 1
    is_seen = (counts > 0) | np.array([token_id in prompt for token_id in token_ids], bool)
    repetition = np.where(is_seen, np.float32(params.repetition_penalty), np.float32(1))
    return PenaltyEntries(
        *_product(span.rows, token_ids),
        counts=counts.ravel(),
        presence=np.full(counts.size, params.presence_penalty, dtype=np.float32),
        frequency=np.full(counts.size, params.frequency_penalty, dtype=np.float32),
        repetition=repetition.ravel(),
    )


def _product(rows: range, token_ids: Sequence[int] | Ints) -> tuple[Ints, Ints]:
    """Pair every row with every token id."""
    row_array = np.arange(rows.start, rows.stop, dtype=np.int64)
    return np.repeat(row_array, len(token_ids)), np.tile(np.asarray(token_ids, dtype=np.int64), len(rows))


def _num_rows(spans: Sequence[RowSpan]) -> list[int]:
    return [span.num_rows for span in spans]


def _concatenate(arrays: Sequence[Ints], dtype: type[np.int64]) -> Ints:
    return np.concatenate(arrays).astype(dtype) if arrays else np.empty(0, dtype)
