"""How far one request has come in its grammar, and what may follow."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher

from helix.errors import InvalidRequestError

Bits = npt.NDArray[np.uint8]
"""One bit per token id, the lowest first; padded with zeros."""

MAX_STEP_S = 1.0
"""CPU time after which a single token's mask is given up; grammars that are meant well take microseconds."""


class GrammarState:
    """The committed position of one request, and the positions behind drafted tokens as long as they are of use.

    Looking ahead changes nothing that can be seen, so masks do not depend on what was drafted. Positions ahead are
    copies of the matcher and no rollbacks: a copy takes a few microseconds as well, and one that fails takes nothing
    with it.
    """

    def __init__(self, matcher: LLMatcher, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self._here = _Position(matcher, vocab_size)

    @property
    def is_complete(self) -> bool:
        """Whether nothing can follow: the answer has ended."""
        return self._here.is_complete

    @property
    def error(self) -> str | None:
        """Why the grammar cannot be followed any further, for people; None while it can."""
        return self._here.error

    def accept(self, token_id: int) -> bool:
        """Advance by a committed token; returns False, for good, where the grammar does not allow it."""
        position = None if self.error is not None else self._here.after(token_id)
        if position is None:
            self._here.error = self.error or "a token was committed that it does not allow"
            return False
        self._here = position
        return True

    def masks(self, drafted: Sequence[int] = (), skip: int = 0) -> list[Bits]:
        """Return what is allowed behind skip drafted tokens, behind one more, and so on to the end of drafted.

        Behind a token that the grammar refuses, and behind the answer's end, everything is allowed: such rows have no
        meaning, and nobody emits them. Never is nothing allowed.
        """
        masks: list[Bits] = []
        position: _Position | None = self._here
        for number in range(len(drafted) + 1):
            if number >= skip:
                masks.append(_everything(self.vocab_size) if position is None else position.mask)
            if position is not None and number < len(drafted):
                position = position.after(drafted[number])
        return masks

    def forced_tokens(self, max_tokens: int, prefix: Sequence[int] = ()) -> list[int]:
        """Return the tokens behind prefix that have no alternative, up to the first choice and to max_tokens.

        A token is forced exactly when its mask has one bit, so a draft of forced tokens is always accepted. That is not
        as rare as it sounds: where the next bytes are certain, llguidance's mask allows only their canonical
        tokenisation, so its fast-forward tokens and the tokens found here are the same (measured over schemas, regular
        expressions and two tokenizers: no difference). Without that, `{"name"` could begin as `{`, `{"` or `{"n`,
        and 1 token in 12 would be forced instead of 5 in 12.
        """
        position: _Position | None = self._here
        for token_id in prefix:
            position = None if position is None else position.after(token_id)
        tokens: list[int] = []
        while position is not None and len(tokens) < max_tokens:
            only = position.only_token
            if only is None:
                break
            tokens.append(only)
            position = position.after(only)
        return tokens

    def __deepcopy__(self, memo: object) -> GrammarState:
        return GrammarState(self._here.matcher.deep_copy(), self.vocab_size)


class _Position:
    """One place in an answer; it stays where it is, and remembers its mask and the places behind it."""

    __slots__ = ("_after", "_mask", "error", "is_complete", "matcher", "vocab_size")

    def __init__(self, matcher: LLMatcher, vocab_size: int) -> None:
        self.matcher = matcher
        self.vocab_size = vocab_size
        self.error: str | None = _error_of(matcher)
        self.is_complete = self.error is None and matcher.is_stopped()
        self._mask: Bits | None = None
        self._after: dict[int, _Position | None] = {}

    @property
    def mask(self) -> Bits:
        """The tokens that may follow; all of them at an end or an error."""
        if self._mask is None:
            self._mask = self._compute_mask()
        return self._mask

    @property
    def only_token(self) -> int | None:
        """The one token that may follow, if there is only one."""
        places = np.flatnonzero(self.mask)
        byte = int(self.mask[places[0]])
        if len(places) > 1 or byte.bit_count() > 1:
            return None
        return int(places[0]) * 8 + byte.bit_length() - 1

    def after(self, token_id: int) -> _Position | None:
        """Return the place behind a token, or None if it is not allowed here."""
        if token_id not in self._after:
            self._after[token_id] = self._advance(token_id)
        return self._after[token_id]

    def _advance(self, token_id: int) -> _Position | None:
        if not 0 <= token_id < self.vocab_size or self.is_complete:
            return None
        if not self.mask[token_id // 8] >> token_id % 8 & 1 or self.error is not None:
            return None
        matcher = self.matcher.deep_copy()
        matcher.consume_token(token_id)
        return _Position(matcher, self.vocab_size)

    def _compute_mask(self) -> Bits:
        if self.is_complete or self.error is not None:
            return _everything(self.vocab_size)
        started_s = time.thread_time()
        # The matcher turns an error and a dead end into a mask of the end of sequence, so ask it afterwards.
        mask = np.frombuffer(self.matcher.compute_bitmask(), np.uint8)[: -(-self.vocab_size // 8)]
        self.error = _error_of(self.matcher)
        if time.thread_time() - started_s > MAX_STEP_S:
            self.error = self.error or "it is too complex to be followed token by token"
        return _everything(self.vocab_size) if self.error is not None else mask


def describe(error: str) -> str:
    """Return an error of the matcher in one short line."""
    text = " ".join(error.replace("<non-verbose/>", "").split())
    return text if len(text) <= 300 else f"{text[:300]}..."


def refused(error: str) -> InvalidRequestError:
    """Return the exception for a grammar that cannot be enforced."""
    return InvalidRequestError(f"grammar cannot be enforced: {describe(error)}", param="grammar")


def _error_of(matcher: LLMatcher) -> str | None:
    if not matcher.is_error():
        return None
    error = describe(matcher.get_error())
    return "no token of this model can follow" if error == "NoExtensionBias" else error


def _everything(vocab_size: int) -> Bits:
    return np.packbits(np.ones(vocab_size, np.uint8), bitorder="little")
