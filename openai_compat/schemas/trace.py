"""The steps behind an answer, for requests that set speculation_trace."""

from __future__ import annotations

from msgspec import Struct


class TracedToken(Struct, kw_only=True):
    """One token; all null where it was guessed from somebody else's answer and rejected."""

    id: int | None
    token: str | None
    bytes: list[int] | None
    """Of its text; one character may take several tokens."""


class TracedDraft(Struct, kw_only=True):
    """What one proposer guessed in one step."""

    source: str
    """The proposer, as in helix.speculation.by_proposer."""
    tokens: list[TracedToken]


class TracedStep(Struct, kw_only=True):
    """One pass of the target model: what was guessed, and what was committed."""

    drafts: list[TracedDraft]
    """One behind the other; empty when nothing was guessed."""
    accepted: int
    """Guessed tokens that were accepted: the first ones of tokens."""
    tokens: list[TracedToken]
    """Accepted guesses, then a token of the target's own unless the answer ended before it."""
    elapsed_s: float
    """From the request's arrival to the end of the step."""
