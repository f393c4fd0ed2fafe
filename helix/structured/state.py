"""How far one request has come in its grammar, and what may follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._here = _Position(origin, origin.matcher.deep_copy(), ())

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
                masks.append(_everything(self._origin.vocab_size) if position is None else position.mask)
            if position is not None and number < len(drafted):
                position = position.after(drafted[number])
        return masks

    def forced_tokens(self, max_tokens: int, prefix: Sequence[int] = ()) -> list[int]:
        """Return the tokens behind prefix that have no alternative, up to the first choice and to max_tokens.

        A token is forced exactly when its mask has one bit, so a draft of forced tokens is always accepted. That is not
        rare: where the next bytes are certain, llguidance's masks allow only their canonical tokens, as a model would
        have learnt them, and what is found here are its fast-forward tokens (equal at each of 8,800 positions, three
        schemas and four tokenizers). Of what helix-demo wrote to these schemas 67% was forced, and 17% when other ways
        to cut the same bytes were left open.
        """
        position = self._behind(prefix)
        tokens: list[int] = []
        while position is not None and len(tokens) < max_tokens:
            only = position.only_token
            if only is None:
                break
            tokens.append(only)
            position = position.after(only)
        return tokens

    def num_allowed(self, drafted: Sequence[int], prefix: Sequence[int] = ()) -> int:
        """Return how many drafted tokens behind prefix may follow one another, up to the answer's end."""
        position = self._behind(prefix)
        for number, token_id in enumerate(drafted):
            position = None if position is None else position.after(token_id)
            if position is None:
                return number
        return len(drafted)

    def ends_behind(self, drafted: Sequence[int]) -> bool:
        """Return whether nothing can follow some drafted tokens."""
        position = self._behind(drafted)
        return position is not None and position.is_complete

    def _behind(self, drafted: Sequence[int]) -> _Position | None:
        """Return the place behind drafted tokens; None where one of them is not allowed."""
        position: _Position | None = self._here
        for token_id in drafted:
            if position is None:
                break
            position = position.after(token_id)
        return position

    def __deepcopy__(self, memo: object) -> GrammarState:
        state = GrammarState(self._origin)
        state._here = self._here.copy()
        return state


@dataclass(slots=True)
class Origin:
    """Where a state begins.

    The automaton of a grammar grows while it is used, to a limit, and the copies of a matcher share it; so that one
    request does not fail because of the others, it may go on with an automaton of its own.
    """

    matcher: LLMatcher
    vocab_size: int
    rebuild: Callable[[], LLMatcher]
    """Return a matcher at the beginning that shares its automaton with none of before."""
    num_rebuilds_left: int = 2


class _Position:
    """One place in an answer; it stays where it is, and remembers its mask and the places behind it."""

    __slots__ = ("_after", "_mask", "_matcher", "_origin", "_read", "error", "is_complete")

    def __init__(self, origin: Origin, matcher: LLMatcher, read: tuple[int, ...]) -> None:
        self._origin = origin
        self._matcher = matcher
        self._read = read
        self._mask: Bits | None = None
        self._after: dict[int, _Position | None] = {}
        self.error: str | None = _error_of(matcher)
        if self.error is not None:
            self._rebuild()
        self.is_complete = self.error is None and self._matcher.is_stopped()

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

    def copy(self) -> _Position:
        """Return the same place for another request."""
        return _Position(self._origin, self._matcher.deep_copy(), self._read)

    def _advance(self, token_id: int) -> _Position | None:
        if not 0 <= token_id < self._origin.vocab_size or self.is_complete:
            return None
        if not self.mask[token_id // 8] >> token_id % 8 & 1 or self.error is not None:
            return None
        matcher = self._matcher.deep_copy()
        matcher.consume_token(token_id)
        return _Position(self._origin, matcher, (*self._read, token_id))

    def _compute_mask(self) -> Bits:
        if self.is_complete or self.error is not None:
            return _everything(self._origin.vocab_size)
        started_s = time.thread_time()
        mask = self._ask()
        if self.error is not None:
            self._rebuild()
            mask = mask if self.error is not None else self._ask()
        elif time.thread_time() - started_s > MAX_STEP_S:
            self.error = "it is too complex to be followed token by token"
        return mask if self.error is None else _everything(self._origin.vocab_size)

    def _ask(self) -> Bits:
        """Ask the matcher for the mask, and for its error behind it, which else looks like an end of sequence."""
        mask = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)[: -(-self._origin.vocab_size // 8)]
        self.error = _error_of(self._matcher)
        return mask

    def _rebuild(self) -> None:
        """Read everything again with an automaton of its own, in case the error is that the shared one is full."""
        origin = self._origin
        if self.error == _DEAD_END or not origin.num_rebuilds_left:
            return
        origin.num_rebuilds_left -= 1
        self._matcher = origin.rebuild()
        self._matcher.consume_tokens(list(self._read))
        self.error = _error_of(self._matcher)


_DEAD_END = "no token of this model can follow"


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
    return _DEAD_END if error == "NoExtensionBias" else error


def _everything(vocab_size: int) -> Bits:
    return np.packbits(np.ones(vocab_size, np.uint8), bitorder="little")
