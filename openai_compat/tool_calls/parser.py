"""What a tool-call parser is: text in, pieces of content and whole calls out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ParsedToolCall:
    """A complete call found in the text."""

    name: str
    arguments: str
    """JSON, as the model wrote it."""


Piece = str | ParsedToolCall
"""Content is a str."""


class ToolCallParser(Protocol):
    """Splits a text that arrives in pieces.

    The result does not depend on where the pieces were cut, adjacent content aside. Text that looks like a call and
    is none comes out as content: nothing is lost.
    """

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what is certain by now."""
        ...

    def finish(self) -> list[Piece]:
        """Return what was held back; nothing may be fed afterwards."""
        ...
