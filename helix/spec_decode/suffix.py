"""Proposes what followed the current suffix before, in the request itself and in earlier outputs.

Every place that ends as the text does votes for its next token, the more the longer it matches, and the more if it
belongs to the passage that is being copied; the draft follows the majority for as long as it is likely enough to be
accepted.

Source: SuffixDecoding, arXiv 2411.04975 (counts, dynamic length, a pool of outputs); SAM-Decoding, arXiv 2411.10666.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from helix.request import Request
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts
from helix.spec_decode.suffix_index import MAX_MATCH_LEN, SuffixIndex
from helix.spec_decode.suffix_pool import SuffixPool


class Place(NamedTuple):
    """Where a text that ends as the request's does was found."""

    source: SuffixIndex
    match_len: int
    end: int

    def is_near(self, passage: Place | None) -> bool:
        """Return whether it lies in a passage or shortly behind it."""
        if passage is None or self.source is not passage.source:
            return False
        return 0 <= self.end - passage.end <= MAX_SKIPPED_TOKENS


@dataclass(slots=True)
class Trail:
    """What is kept for a running request."""

    own: SuffixIndex = field(default_factory=SuffixIndex)
    """Its prompt and output."""
    passage: Place | None = None
    """Where it was last copied from for a while."""


class SuffixProposer:
    """Copies the likeliest continuation of the current suffix, as far as it is likely."""

    name = "suffix"

    def __init__(self, *, pool_tokens: int) -> None:
        self.pool = SuffixPool(pool_tokens)
        self._trails: dict[str, Trail] = {}

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return a draft for every request whose suffix was seen before and went on in a way that is likely again."""
        drafts: dict[str, Draft] = {}
        for item in asked:
            if (draft := self._draft(item)) is not None:
                drafts[item.request_id] = draft
        return drafts

    def forget(self, request: Request) -> None:
        """Drop what is kept for a request that ended; its output goes into the pool of its salt."""
        self._trails.pop(request.request_id, None)
        self.pool.add(request.cache_salt, request.output_token_ids)

    def _draft(self, item: DraftRequest) -> Draft | None:
        request = item.request
        if (trail := self._trails.get(request.request_id)) is None:
            trail = self._trails[request.request_id] = Trail()
        own = trail.own
        own.extend(request.token_ids[len(own.token_ids) :])
        places = self._find([*request.token_ids[-MAX_MATCH_LEN:], *item.prefix], own, request.cache_salt)
        if not places:
            return None
        match_len = max([place.match_len for place in places])
        num_tokens = min(item.max_draft_tokens, DRAFT_TOKENS_PER_MATCHED * match_len)
        continuations = []
        for place in places:
            if place.match_len >= match_len - MAX_SHORTER:
                weight = 2.0 ** (place.match_len - match_len) * (OWN_WEIGHT if place.source is own else 1.0)
                weight *= NEAR_WEIGHT if place.is_near(trail.passage) else 1.0
                following = place.source.token_ids[place.end : place.end + num_tokens]
                continuations.append(Continuation(weight, following, place.source is own))
        if match_len >= FOLLOWED_MATCH_LEN and not item.prefix:
            longest = [place for place in places if place.match_len == match_len]
            trail.passage = next((place for place in longest if place.is_near(trail.passage)), longest[0])
        token_ids, confidence = vote(continuations, match_len, num_tokens, item.prefix)
        return Draft(token_ids, self.name, match_len=match_len, confidence=confidence) if token_ids else None

    def _find(self, text: Sequence[int], own: SuffixIndex, salt: str | None) -> list[Place]:
        """Return places in the request's own text, then in the pool unless no match can be longer."""
        places: list[Place] = []
        for index in (own, *self.pool.indices(salt)):
            if not any(place.match_len == MAX_MATCH_LEN for place in places):
                places += [Place(index, match_len, end) for match_len, end in index.occurrences(text)]
        return places


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
        if len(continuations) == 1:  # nobody is left to disagree
            chosen = _named_by(continuations[0], place, behind)
            if chosen < 0:
                break
            weight = all_weights = continuations[0].weight
        else:
            voters: dict[int, list[Continuation]] = {}
            for continuation in continuations:
                if (token_id := _named_by(continuation, place, behind)) >= 0:
                    voters.setdefault(token_id, []).append(continuation)
            if not voters:
                break
            weights = {token_id: sum([voter.weight for voter in named]) for token_id, named in voters.items()}
            chosen = max(weights, key=weights.__getitem__)
            weight, all_weights = weights[chosen], sum(weights.values())
            continuations = voters[chosen]
        share = weight / (all_weights + DOUBT / (match_len + place))
        survival *= share
        if survival < MIN_SURVIVAL:
            break
        behind.append(chosen)
        confidence.append(share)
    return behind[len(prefix) :], confidence


def _named_by(continuation: Continuation, place: int, behind: Sequence[int]) -> int:
    """Return the token that it has at a place of the draft; a negative one where it ends."""
    num_beyond = place - len(continuation.token_ids)
    if num_beyond < 0:
        return continuation.token_ids[place]
    return behind[num_beyond] if continuation.goes_on else -1


DRAFT_TOKENS_PER_MATCHED = 2
"""A longer match promises a longer continuation."""
MIN_SURVIVAL = 0.3
"""A token is drafted only if it and all before it are accepted at least so often."""
MAX_SHORTER = 5
"""A match shorter than the longest by more tokens has no vote."""
OWN_WEIGHT = 4.0
"""How much more a place in the request's own text counts than one of equal match in the pool."""
NEAR_WEIGHT = 8.0
"""How much more a place counts that continues the passage copied from: behind an edit it is mostly taken up again."""
MAX_SKIPPED_TOKENS = 32
"""How far behind the last place copied from that may be."""
FOLLOWED_MATCH_LEN = 8
"""Matches of so many tokens are no chance: the request copies from there."""
DOUBT = 2.0
"""Weight of votes for something never seen behind a match of one token; behind longer ones it is as many times less."""
