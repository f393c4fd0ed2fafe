"""From logits to tokens: one pipeline for plain decoding, verification and drafting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy.typing as npt
import torch
from torch import Tensor

from helix.config import AcceptanceRule
from helix.kernels.sampling import Limits, sampling_kernel
from helix.outputs import TokenLogprob
from helix.request import Request
from helix.sampling.logits_processors import (
    Candidates,
    apply_logit_bias,
    apply_penalties,
    apply_temperature,
    every_token,
    forbid_tokens,
    keep_tokens,
    truncate,
)
from helix.sampling.logprobs import token_logprobs
from helix.sampling.noise import Stream, gumbel_noise, uniform
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
from helix.spec_decode.acceptance import match_sample, rejection_sample
from helix.spec_decode.proposer import Draft


@dataclass(slots=True)  # not frozen, like batch.Span
class Verified:
    """What one target pass decided for one request."""

    token_ids: list[int]
    """Accepted draft tokens, then the recovered or bonus token; never empty."""
    num_accepted_tokens: int
    logprobs: list[TokenLogprob] | None
    """One for each of token_ids if the request asked for them; the target's, before any processing."""


class Drawn(NamedTuple):
    """One draft token for each of several requests."""

    token_ids: list[int]
    probs: Tensor | None  # [num_requests, vocab_size] float32
    """What they were drawn from, rows of coupled requests zero; None when all are coupled."""
    confidence: list[float]
    """The largest probability of each row, before temperature; it does not depend on which token was drawn."""


class Sampler:
    """Draws every token of every request; it keeps no state, so equal arguments give equal tokens.

    A draw depends on the logits of its row, the request's parameters and seed, and the tokens before it. It does not
    depend on the other requests of the batch.
    """

    def __init__(self, vocab_size: int, *, acceptance_rule: AcceptanceRule = "auto") -> None:
        self.vocab_size = vocab_size
        """Real token ids; logits beyond are padding and never drawn."""
        self.acceptance_rule = acceptance_rule

    def uses_match(self, request: Request) -> bool:
        """Return whether a draft model's tokens are accepted by the match rule, and so should be coupled."""
        rule = request.params.acceptance_rule or self.acceptance_rule
        if request.params.temperature == 0 or rule == "match":
            return True
        return rule == "auto" and request.params.seed is not None

    @torch.inference_mode()
    def verify(
        self,
        logits: Tensor,  # [num_draft_tokens + num_requests, >= vocab_size] float; a request's rows follow one another
        requests: Sequence[Request],
        drafts: Sequence[Draft | None],  # per request
    ) -> list[Verified]:
        """Accept drafts and draw the token that follows; a request without a draft decodes plainly.

        Row j of a request must be the target's law after its committed tokens and j draft tokens. Changes nothing:
        the caller commits the tokens.

        Raises:
            ValueError: Row counts disagree with the drafts, or logits are narrower than the vocabulary.
        """
        spans: list[RowSpan] = []
        by_match: list[RowSpan] = []
        by_rejection: list[tuple[RowSpan, Tensor]] = []
        num_rows = 0
        for request, draft in zip(requests, drafts, strict=True):
            span = RowSpan(request, draft.token_ids if draft is not None else (), num_rows)
            num_rows += span.num_rows
            spans.append(span)
            if draft is None or draft.probs is None or self.uses_match(request):
                by_match.append(span)
            else:
                by_rejection.append((span, draft.probs))
        raw = self._real(logits, num_rows)
        processed = self._process(raw, spans)
        emitted = self._match(processed, by_match) | self._reject(processed, by_rejection)
        logprobs = _logprobs(raw, [(span, emitted[span.start]) for span in spans if span.params.logprobs is not None])
        return [Verified(emitted[span.start], len(emitted[span.start]) - 1, logprobs.get(span.start)) for span in spans]

    @torch.inference_mode()
    def draw(
        self,
        logits: Tensor,  # [num_requests, >= vocab_size] float, of the draft model
        requests: Sequence[Request],
        drafted: Sequence[list[int]],  # per request: drafted beyond its committed tokens
        *,
        coupled: Sequence[bool],  # per request
    ) -> Drawn:
        """Draw the next draft token of each request after the same processing as the target's.

        A coupled draft shares the noise of the target's own draw at that position, so it is accepted whenever both
        models agree on the winner; its guess is certain. Otherwise it is an independent sample of the draft model.
        """
        spans = [
            RowSpan(request, tokens, row, skip=len(tokens))
            for row, (request, tokens) in enumerate(zip(requests, drafted, strict=True))
        ]
        processed = self._process(self._real(logits, len(spans)), spans)
        if all(coupled) and all(span.is_greedy for span in spans):  # by far the most frequent, and short
            best, drawn = processed.max(-1)
            return Drawn(drawn.tolist(), None, _confidence(processed, best))
        coupled_spans = [span for span, is_coupled in zip(spans, coupled, strict=True) if is_coupled]
        own_spans = [span for span, is_coupled in zip(spans, coupled, strict=True) if not is_coupled]
        token_ids = torch.empty(len(spans), dtype=torch.int64, device=logits.device)
        _draw_into(token_ids, processed, coupled_spans, Stream.TOKEN)
        probs = None
        if own_spans:
            probs = processed.new_zeros(processed.shape)
            _draw_into(token_ids, processed, own_spans, Stream.DRAFT, probs)
        return Drawn(token_ids.tolist(), probs, _confidence(processed, processed.amax(-1)))

    def _real(self, logits: Tensor, num_rows: int) -> Tensor:  # [num_rows, vocab_size] float32
        """Check the shape and drop the padding of the vocabulary."""
        if logits.shape[0] != num_rows:
            raise ValueError(f"the batch has {num_rows} rows, logits have {logits.shape[0]}")
        if logits.shape[1] < self.vocab_size:
            raise ValueError(f"logits for {logits.shape[1]} tokens do not cover a vocabulary of {self.vocab_size}")
        if logits.shape[1] > self.vocab_size:
            logits = logits[:, : self.vocab_size]
        return logits.float()

    def _process(self, logits: Tensor, spans: Sequence[RowSpan]) -> Tensor:  # [num_rows, vocab_size] float32
        """Apply what edits single tokens: bias, penalties, forbidden tokens and grammars; never in place."""
        edited = [span for span in spans if span.is_edited]
        if not edited:
            return logits
        device = logits.device
        if bias := bias_entries(edited, self.vocab_size):
            logits = apply_logit_bias(logits, *_to_device(bias, device))
        if penalties := penalty_entries(edited, self.vocab_size):
            logits = apply_penalties(logits, *_to_device(penalties, device))
        if forbidden := forbidden_entries(edited, self.vocab_size):
            logits = forbid_tokens(logits, *_to_device(forbidden, device))
        if allowed := allowed_tokens(edited, self.vocab_size):
            logits = keep_tokens(logits, *_to_device(allowed, device))
        return logits

    def _match(self, logits: Tensor, spans: Sequence[RowSpan]) -> dict[int, list[int]]:
        """Emit tokens under the match rule, by first row."""
        if not spans:
            return {}
        if all(span.is_greedy for span in spans) and sum([span.num_rows for span in spans]) == logits.shape[0]:
            drawn = logits.argmax(-1).tolist()
        else:
            token_ids = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
            _draw_into(token_ids, logits, spans, Stream.TOKEN)
            drawn = token_ids.tolist()
        return {span.start: match_sample(drawn[span.start : span.rows.stop], span.drafted) for span in spans}

    def _reject(self, logits: Tensor, drafted: Sequence[tuple[RowSpan, Tensor]]) -> dict[int, list[int]]:
        """Emit tokens under the rejection rule, by first row."""
        emitted: dict[int, list[int]] = {}
        probs_of = {span.start: probs for span, probs in drafted}
        for spans, _, candidates in _supports(logits, [span for span, _ in drafted]):
            device = logits.device
            row_seeds, coin_seeds, row_positions = _to_device(
                (seeds(spans), step_seeds(spans), positions(spans)), device
            )
            num_accepted, last = rejection_sample(
                torch.tensor([token_id for span in spans for token_id in span.drafted], device=device),
                torch.cat([probs_of[span.start].to(device) for span in spans]),
                candidates.probs(self.vocab_size),
                [len(span.drafted) for span in spans],
                _KeyedDraws(row_seeds, coin_seeds, row_positions, candidates.token_ids),
            )
            for span, num, token_id in zip(spans, num_accepted.tolist(), last.tolist(), strict=True):
                emitted[span.start] = [*span.drafted[:num], token_id]
        return emitted


@dataclass(frozen=True, slots=True)
class _KeyedDraws:
    """The rejection rule's randomness, keyed by seed and output position."""

    seeds: Tensor  # [num_rows] int64
    coin_seeds: Tensor  # [num_rows] int64
    positions: Tensor  # [num_rows] int64
    token_ids: Tensor  # [num_rows or 1, width] int64: what the target may draw

    def uniform(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """Return the coin of each draft token."""
        coins = uniform(self.coin_seeds[rows], self.positions[rows], Stream.ACCEPT, token_ids.unsqueeze(-1))
        return coins.squeeze(-1)

    def choose(self, weights: Tensor, rows: Tensor, is_recovered: Tensor) -> Tensor:
        """Draw among the tokens that the target may draw; no residual weighs more."""
        token_ids = self.token_ids if len(self.token_ids) == 1 else self.token_ids[rows]
        token_ids = token_ids.expand(len(rows), -1)
        stream = torch.where(is_recovered, Stream.RESIDUAL, Stream.TOKEN)
        noise = gumbel_noise(self.seeds[rows], self.positions[rows], stream, token_ids)
        return _winner(Candidates(weights.gather(-1, token_ids).log(), token_ids), noise)


def _draw_into(
    token_ids: Tensor, logits: Tensor, spans: Sequence[RowSpan], stream: Stream, probs: Tensor | None = None
) -> None:
    """Draw a token for every row of spans into token_ids, and write what it was drawn from into probs."""
    if greedy := [span for span in spans if span.is_greedy]:
        index, part = _rows_of(logits, greedy)
        token_ids[index] = part.argmax(-1)
        if probs is not None:
            probs[index, token_ids[index]] = 1.0
    if probs is None and logits.device.type == "cpu" and (kernel := sampling_kernel()) is not None:
        if sampled := [span for span in spans if not span.is_greedy]:
            index, part = _rows_of(logits, sampled)
            row_seeds, row_positions = torch.from_numpy(seeds(sampled)), torch.from_numpy(positions(sampled))
            token_ids[index] = kernel.draw(part, _limits(sampled), row_seeds, row_positions, stream)
        return
    for part_spans, index, candidates in _supports(logits, spans):
        row_seeds = torch.from_numpy((step_seeds if stream is Stream.DRAFT else seeds)(part_spans))
        noise = gumbel_noise(row_seeds, torch.from_numpy(positions(part_spans)), stream, candidates.token_ids)
        token_ids[index] = _winner(candidates, noise)
        if probs is not None:
            probs[index] = candidates.probs(logits.shape[-1])


def _supports(logits: Tensor, spans: Sequence[RowSpan]) -> Iterator[tuple[list[RowSpan], Tensor, Candidates]]:
    """Split the requests that are not greedy by whether tokens may be dropped; return rows and candidates of each."""
    for is_truncated in (False, True):
        part = [span for span in spans if not span.is_greedy and span.is_truncated == is_truncated]
        if not part:
            continue
        index, rows = _rows_of(logits, part)
        limits = _limits(part)
        if is_truncated and logits.device.type == "cpu" and (kernel := sampling_kernel()) is not None:
            yield part, index, Candidates(*kernel.truncate(rows, limits))
            continue
        rows = apply_temperature(rows, limits.temperatures.to(logits.device, non_blocking=True))
        yield part, index, truncate(rows, *limits[1:]) if is_truncated else every_token(rows)


def _limits(spans: Sequence[RowSpan]) -> Limits:
    return Limits(
        temperatures=torch.from_numpy(floats(spans, lambda params: params.temperature)),
        top_k=torch.from_numpy(ints(spans, lambda params: params.top_k)),
        top_p=torch.from_numpy(floats(spans, lambda params: params.top_p)),
        min_p=torch.from_numpy(floats(spans, lambda params: params.min_p)),
    )


def _confidence(logits: Tensor, best: Tensor) -> list[float]:
    """Return the probability of each row's best token."""
    probabilities: list[float] = (logits - best.unsqueeze(-1)).exp_().sum(-1).reciprocal_().tolist()
    return probabilities


def _winner(candidates: Candidates, noise: Tensor) -> Tensor:  # [num_rows] int64
    """Return the token of the largest logit after noise; the first one among equals."""
    best = (candidates.logits + noise).argmax(-1, keepdim=True)
    return candidates.token_ids.expand_as(noise).gather(-1, best).squeeze(-1)


def _logprobs(logits: Tensor, emitted: Sequence[tuple[RowSpan, list[int]]]) -> dict[int, list[TokenLogprob]]:
    """Return the log probability of each emitted token and the best alternatives, by first row."""
    if not emitted:
        return {}
    index = torch.tensor([span.start + j for span, token_ids in emitted for j in range(len(token_ids))])
    entries = iter(
        token_logprobs(
            logits[index.to(logits.device)],
            [token_id for _, token_ids in emitted for token_id in token_ids],
            [span.params.logprobs or 0 for span, token_ids in emitted for _ in token_ids],
        )
    )
    return {span.start: [next(entries) for _ in token_ids] for span, token_ids in emitted}


def _rows_of(logits: Tensor, spans: Sequence[RowSpan]) -> tuple[Tensor, Tensor]:
    """Return the row numbers of spans and their logits; no copy when they are the whole batch."""
    numbers = row_numbers(spans)
    index = torch.from_numpy(numbers).to(logits.device, non_blocking=True)
    return index, logits if len(numbers) == len(logits) else logits[index]


def _to_device(arrays: Sequence[npt.NDArray[Any]], device: torch.device) -> list[Tensor]:
    return [torch.from_numpy(array).to(device, non_blocking=True) for array in arrays]
