"""A language model that is a table, and the two ways to decode it: one token a step, and with speculation."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from helix.outputs import TokenLogprob
from helix.request import Request
from helix.sampling.sampler import Sampler, Verified
from helix.spec_decode.proposer import Draft

Propose = Callable[[Request, int], Draft | None]
"""Guesses at most so many tokens for a request."""


class ToyLM:
    """Logits of the next token, looked up by the last two tokens."""

    def __init__(self, vocab_size: int, *, seed: int, scale: float = 2.0, step: float | None = None) -> None:
        self.vocab_size = vocab_size
        generator = torch.Generator().manual_seed(seed)
        table = torch.randn(vocab_size, vocab_size, vocab_size + 3, generator=generator, dtype=torch.float64) * scale
        if step is not None:
            table = (table / step).round() * step
        table[..., vocab_size:] += 20  # padding would win if it could
        self.table = table

    def __call__(self, token_ids: Sequence[int]) -> Tensor:  # [vocab_size + 3] float64
        """Return the logits after token_ids; ids outside the vocabulary stand for any."""
        return self.table[token_ids[-2] % self.vocab_size, token_ids[-1] % self.vocab_size]


def commit(request: Request, verified: Verified) -> None:
    """Commit tokens until the request ends, as the engine does."""
    logprobs: Sequence[TokenLogprob | None] = verified.logprobs or [None] * len(verified.token_ids)
    for token_id, logprob in zip(verified.token_ids, logprobs, strict=True):
        if not request.commit_token(token_id, logprob):
            break


def decode_plainly(lm: ToyLM, request: Request, sampler: Sampler) -> Request:
    """Return a copy of the request, finished one token a step and alone."""
    request = copy.deepcopy(request)
    while not request.is_finished:
        commit(request, sampler.verify(lm(request.token_ids).unsqueeze(0), [request], [None])[0])
    return request


def speculate(
    lm: ToyLM, requests: Sequence[Request], sampler: Sampler, propose: Sequence[Propose], *, depths: random.Random
) -> list[Request]:
    """Return copies of the requests, finished in one batch with drafts of random lengths from 0 to 8."""
    copies = copy.deepcopy(list(requests))
    while running := [(request, guess) for request, guess in zip(copies, propose, strict=True) if is_running(request)]:
        batch = [request for request, _ in running]
        drafts = [guess(request, k) if (k := depths.randrange(9)) else None for request, guess in running]
        logits = [
            lm(request.token_ids + draft_ids[:j])
            for request, draft_ids in zip(batch, map(token_ids_of, drafts), strict=True)
            for j in range(len(draft_ids) + 1)
        ]
        for request, verified in zip(batch, sampler.verify(torch.stack(logits), batch, drafts), strict=True):
            commit(request, verified)
    return copies


def is_running(request: Request) -> bool:
    return not request.is_finished


def token_ids_of(draft: Draft | None) -> list[int]:
    return [] if draft is None else draft.token_ids


class JunkProposer:
    """Random ids, some of them outside the vocabulary."""

    def __init__(self, vocab_size: int, seed: int) -> None:
        self.vocab_size = vocab_size
        self.random = random.Random(seed)

    def __call__(self, request: Request, num_tokens: int) -> Draft:
        return Draft([self.random.randrange(-2, self.vocab_size + 3) for _ in range(num_tokens)], "junk")


class OracleProposer:
    """The target's own continuation, shifted by a number of ids: 0 is always right, anything else always wrong."""

    def __init__(self, output_token_ids: Sequence[int], vocab_size: int, shift: int) -> None:
        self.token_ids = [(token_id + shift) % vocab_size for token_id in output_token_ids]

    def __call__(self, request: Request, num_tokens: int) -> Draft | None:
        start = request.num_output_tokens
        token_ids = self.token_ids[start : start + num_tokens]
        # Nothing is known beyond the end; drafting on shows that nothing after it is committed.
        return Draft(token_ids + [0] * (num_tokens - len(token_ids)), "oracle")


class RepeatProposer:
    """What followed the last token the last time."""

    def __call__(self, request: Request, num_tokens: int) -> Draft | None:
        tokens = request.token_ids
        for end in range(len(tokens) - 2, -1, -1):
            if tokens[end] == tokens[-1]:
                return Draft(tokens[end + 1 : end + 1 + num_tokens], "ngram")
        return None


class ModelProposer:
    """Another toy model through the sampler: coupled to the target's noise, sampled by itself, or greedy."""

    def __init__(self, lm: ToyLM, sampler: Sampler, *, is_coupled: bool, is_greedy: bool = False) -> None:
        self.lm = lm
        self.sampler = sampler
        self.is_coupled = is_coupled
        self.is_greedy = is_greedy

    def __call__(self, request: Request, num_tokens: int) -> Draft:
        token_ids: list[int] = []
        rows: list[Tensor] = []
        for _ in range(num_tokens):
            logits = self.lm(request.token_ids + token_ids).unsqueeze(0)
            if self.is_greedy:
                token_ids.append(int(logits[0, : self.lm.vocab_size].argmax()))
                continue
            drawn, probs, _ = self.sampler.draw(logits, [request], [token_ids], coupled=[self.is_coupled])
            token_ids.append(drawn[0])
            if probs is not None:
                rows.append(probs[0])
        return Draft(token_ids, "model", torch.stack(rows) if rows else None)
