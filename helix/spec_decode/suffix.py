"""Proposes what followed the current suffix before, in the request itself and in earlier outputs.

Every place that ends as the text does votes for its next token, the more the longer it matches; the draft follows the
majority for as long as it is likely enough to be accepted.

Source: SuffixDecoding, arXiv 2411.04975 (counts, dynamic length, a pool of outputs); SAM-Decoding, arXiv 2411.10666.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from helix.request import Request
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts
from helix.spec_decode.suffix_index import MAX_MATCH_LEN, Occurrence, SuffixIndex
from helix.spec_decode.suffix_pool import SuffixPool


class SuffixProposer:
    """Copies the likeliest continuation of the current suffix, as far as it is likely."""

    name = "suffix"

    def __init__(self, *, pool_tokens: int) -> None:
        self.pool = SuffixPool(pool_tokens)
        self._indices: dict[str, SuffixIndex] = {}

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return a draft for every request whose suffix was seen before and went on in a way that is likely again."""
        drafts: dict[str, Draft] = {}
        for item in asked:
            if (draft := self._draft(item)) is not None:
                drafts[item.request_id] = draft
        return drafts

    def forget(self, request: Request) -> None:
        """Drop the index of a request that ended; its output goes into the pool of its salt."""
        self._indices.pop(request.request_id, None)
        self.pool.add(request.cache_salt, request.output_token_ids)

    def _draft(self, item: DraftRequest) -> Draft | None:
        request = item.request
        own = self._indices.setdefault(request.request_id, SuffixIndex())
        own.extend(request.token_ids[len(own.token_ids) :])
        text = [*request.token_ids[-MAX_MATCH_LEN:], *item.prefix]
        places: list[tuple[Occurrence, SuffixIndex]] = []
        match_len = 0
        for index in (own, *self.pool.indices(request.cache_salt)):
            if match_len < MAX_MATCH_LEN:
                found = index.occurrences(text)
                places += [(occurrence, index) for occurrence in found]
                match_len = max([match_len, *(occurrence.match_len for occurrence in found)])
        num_tokens = min(item.max_draft_tokens, DRAFT_TOKENS_PER_MATCHED * match_len)
        continuations = [
            Continuation(
                (OWN_WEIGHT if index is own else 1.0) * 2.0 ** (occurrence.match_len - match_len),
                index.token_ids[occurrence.end : occurrence.end + num_tokens],
                index is own,
            )
            for occurrence, index in places
            if occurrence.match_len >= match_len - MAX_SHORTER
        ]
        token_ids, confidence = vote(continuations, match_len, num_tokens, item.prefix)
        return Draft(token_ids, self.name, match_len=match_len, confidence=confidence) if token_ids else None


class Continuation(NamedTuple):
    """What followed at one place."""

    weight: float
    """Of its vote."""
    token_ids: Sequence[int]
    """At least one; a negative id is the end of an output."""
    goes_on: bool
    """Whether the drafted tokens stand behind them, because they are the end of the request's own text."""


def vote(
    continuations: Sequence[Continuation], match_len: int, max_tokens: int, prefix: Sequence[int] = ()
) -> tuple[list[int], list[float]]:
    """Return the tokens most continuations agree on, one after another, and the confidence in each.

    At each place the token of greatest weight wins, the one named first among equals, and only those that named it
    stay. Ends before the draft as a whole becomes less likely than MIN_SURVIVAL.

    Args:
        continuations: What followed; own and recent text first.
        match_len: Tokens of the longest match before them.
        max_tokens: Most tokens returned.
        prefix: Tokens drafted before that stand between the request's own text and this draft.
    """
    behind = list(prefix)
    confidence: list[float] = []
    survival = 1.0
    for place in range(max_tokens):
        voters: dict[int, list[Continuation]] = {}
        for continuation in continuations:
            num_beyond = place - len(continuation.token_ids)
            if num_beyond < 0:
                token_id = continuation.token_ids[place]
            elif continuation.goes_on:
                token_id = behind[num_beyond]
            else:
                continue
            if token_id >= 0:
                voters.setdefault(token_id, []).append(continuation)
        if not voters:
            break
        weights = {token_id: sum(voter.weight for voter in named) for token_id, named in voters.items()}
        chosen = max(weights, key=weights.__getitem__)
        share = weights[chosen] / (sum(weights.values()) + DOUBT / (match_len + place))
        survival *= share
        if survival < MIN_SURVIVAL:
            break
        behind.append(chosen)
        confidence.append(share)
        continuations = voters[chosen]
    return behind[len(prefix) :], confidence


DRAFT_TOKENS_PER_MATCHED = 2
"""A longer match promises a longer continuation."""
MIN_SURVIVAL = 0.3
"""A token is drafted only if it and all before it are accepted at least so often."""
MAX_SHORTER = 5
"""A match shorter than the longest by more tokens has no vote."""
OWN_WEIGHT = 4.0
"""How much more a place in the request's own text counts than one of equal match in the pool."""
DOUBT = 2.0
"""Weight of votes for something never seen behind a match of one token; behind longer ones it is as many times less."""
