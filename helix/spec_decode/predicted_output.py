"""Proposes from the text that the caller predicted: OpenAI's `prediction`.

A cursor follows the output through the prediction. Where the output leaves it, the cursor is found again: insertions,
deletions, replacements and moved passages cost about the tokens that are new. Everything works on token ids: behind an
edit the pieces of a word may differ, and from the next word on they are the same again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from helix.request import Request
from helix.spec_decode.proposer import PREDICTED, Draft, DraftRequest, Drafts


class Passage(NamedTuple):
    """A slice of the prediction that may come next."""

    token_ids: list[int]
    match_len: int
    """Tokens before it on which output and prediction agree."""


class _Place(NamedTuple):
    """The match_len tokens of the prediction before end equal the last ones of the output."""

    end: int
    match_len: int


class PredictedText:
    """A prediction and where in it the output is; a push parser over output tokens.

    A step costs the tokens that came, and behind an edit a bounded search.
    """

    def __init__(self, token_ids: Sequence[int]) -> None:
        self._token_ids = tuple(token_ids)
        self._place: _Place | None = _Place(0, START_MATCH_LEN)
        self._home = 0
        """End of the last match that left no doubt; the search prefers what is near."""
        self._recent: list[int] = []
        """The last MAX_MATCH_LEN tokens fed."""
        self._expected: list[int] = []
        """What the last draft said about the next tokens, up to the first one of its own."""
        self._num_missed = 0
        """Drafts in a row whose first token was wrong."""
        self.num_fed = 0
        """Output tokens taken so far."""

    def feed(self, token_ids: Sequence[int]) -> None:
        """Follow the output tokens that came since the last call."""
        if not token_ids:
            return
        self._judge(token_ids)
        for token_id in token_ids:
            self._move(self._next(self._place, token_id))
        self.num_fed += len(token_ids)
        self._recent = [*self._recent, *token_ids][-MAX_MATCH_LEN:]
        if self._place is None:
            self._move(self._search(self._recent))

    def draft(self, max_tokens: int, prefix: Sequence[int] = ()) -> Passage | None:
        """Return what should follow the output and then prefix, or None where nothing promises to.

        At most max_tokens, and at most DRAFT_TOKENS_PER_MATCHED times as many tokens as match. After misses only a
        longer match is trusted, by one token for each miss in a row.
        """
        place = self._place
        for token_id in prefix:
            place = self._next(place, token_id)
        if place is None and prefix:
            place = self._search([*self._recent, *prefix][-MAX_MATCH_LEN:])
        self._expected = []
        if place is None or place.match_len < min(1 + self._num_missed, MAX_REQUIRED_MATCH_LEN):
            return None
        num_tokens = min(max_tokens, DRAFT_TOKENS_PER_MATCHED * place.match_len)
        token_ids = list(self._token_ids[place.end : place.end + num_tokens])
        if not token_ids:
            return None
        self._expected = [*prefix, token_ids[0]]
        return Passage(token_ids, place.match_len)

    def _judge(self, token_ids: Sequence[int]) -> None:
        """Count a miss or forget all of them, if the output came as far as the last draft."""
        came, expected, self._expected = list(token_ids[: len(self._expected)]), self._expected, []
        if expected and len(came) == len(expected) and came[:-1] == expected[:-1]:
            self._num_missed = 0 if came[-1] == expected[-1] else self._num_missed + 1

    def _move(self, place: _Place | None) -> None:
        self._place = place
        if place is not None and place.match_len >= CERTAIN_MATCH_LEN:
            self._home = place.end

    def _next(self, place: _Place | None, token_id: int) -> _Place | None:
        """Return the place one token on, or None where the prediction goes on differently."""
        if place is None or self._token_ids[place.end : place.end + 1] != (token_id,):
            return None
        return _Place(place.end + 1, place.match_len + 1)

    def _search(self, recent: Sequence[int]) -> _Place | None:
        """Return where the longest suffix of recent stands, the nearest behind home among equals.

        A single token is looked for around home only; it stands everywhere.
        """
        home = self._home
        around = range(max(1, home - NUM_BEFORE_HOME), min(len(self._token_ids), home + NUM_BEHIND_HOME) + 1)
        ends = self._ends.get(tuple(recent[-INDEXED_NGRAM:]), [])
        nearest = bisect_left(ends, home)
        anywhere = ends[max(0, nearest - MAX_CANDIDATES) : nearest + MAX_CANDIDATES]
        places = [_Place(end, self._match_len(end, recent)) for end in (*around, *anywhere)]
        best = max(
            places, key=lambda place: (place.match_len, place.end >= home, -abs(place.end - home)), default=_Place(0, 0)
        )
        return best if best.match_len else None

    def _match_len(self, end: int, recent: Sequence[int]) -> int:
        """Return how many tokens before end equal the last ones of recent."""
        match_len, longest = 0, min(end, len(recent))
        while match_len < longest and self._token_ids[end - match_len - 1] == recent[-match_len - 1]:
            match_len += 1
        return match_len

    @cached_property
    def _ends(self) -> dict[tuple[int, ...], list[int]]:
        """Where each n-gram of the prediction ends, ascending; an output that follows it to the end never asks."""
        ends: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for end in range(INDEXED_NGRAM, len(self._token_ids) + 1):
            ends[self._token_ids[end - INDEXED_NGRAM : end]].append(end)
        return ends


class PredictedOutputProposer:
    """Drafts from the predictions that requests come with, from the first output token on."""

    name = PREDICTED

    def __init__(self) -> None:
        self._texts: dict[str, PredictedText] = {}

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return a draft of at most max_predicted_tokens for every request whose prediction promises one."""
        drafts: dict[str, Draft] = {}
        for item in asked:
            request = item.request
            if not request.params.prediction:
                continue
            text = self._texts.get(item.request_id)
            if text is None:
                text = self._texts[item.request_id] = PredictedText(request.params.prediction)
            text.feed(request.token_ids[request.num_prompt_tokens + text.num_fed :])
            passage = text.draft(item.max_predicted_tokens, item.prefix)
            if passage is not None:
                drafts[item.request_id] = Draft(passage.token_ids, self.name, match_len=passage.match_len)
        return drafts

    def forget(self, request: Request) -> None:
        """Drop what is kept for a request that ended."""
        self._texts.pop(request.request_id, None)


START_MATCH_LEN = 8
"""Tokens that count as matched before the first one: an answer usually begins as predicted."""
DRAFT_TOKENS_PER_MATCHED = 2
"""A longer match promises a longer continuation."""
MAX_REQUIRED_MATCH_LEN = 8
"""So many equal tokens are believed however often the prediction missed."""
CERTAIN_MATCH_LEN = 4
"""So many equal tokens are no accident; from there the search starts."""
MAX_MATCH_LEN = 32
"""Longest match that a search distinguishes."""
INDEXED_NGRAM = 2
"""Fewest tokens that are looked for in the whole prediction."""
NUM_BEFORE_HOME, NUM_BEHIND_HOME = 4, 16
"""Where a single token is looked for."""
MAX_CANDIDATES = 16
"""Most places compared on either side of home, so that repetitive text stays cheap."""
