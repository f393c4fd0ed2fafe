"""What a tool-call parser is: text in, pieces of content and of calls out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call begins; its arguments follow."""

    name: str
    is_custom: bool = False
    """Whether what follows is the text that a custom tool takes; no parser knows that."""


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of the arguments of the call that began last."""

    text: str
    """A piece of JSON, as the model wrote it."""


Piece = str | CallStart | CallArguments
"""Content is a str. No piece is empty."""


class ToolCallParser(Protocol):
    """Splits a text that arrives in pieces.

    The result does not depend on where the pieces were cut, adjacent pieces of a kind aside. Text that looks like a
    call and is none comes out as content; a call whose arguments turn out broken after it was announced keeps all of
    them: nothing is lost.
    """

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what is certain by now."""
        ...

    def finish(self) -> list[Piece]:
        """Return what was held back; nothing may be fed afterwards."""
        ...
