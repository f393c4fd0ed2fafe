"""A line under a text that grows: redrawn beside every piece, and gone when the text has ended."""

from __future__ import annotations

import shutil
from typing import TextIO

_ERASE_BELOW = "\x1b[J"
_DOWN_SCROLLING, _UP, _DOWN = "\x1bD", "\x1b[A", "\x1b[B"
_SAVE, _RESTORE = "\x1b7", "\x1b8"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class StatusLine:
    """Writes text with a line below it where out is a terminal, and text alone where it is not.

    The cursor stays at the end of the text. Nobody needs to know its column, which would depend on how wide the
    terminal draws each character: going down a line and up again keeps it, and makes room at the bottom.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._is_shown = out.isatty()

    def write(self, text: str, status: str) -> None:
        """Add a piece of text, and say status below it."""
        if not self._is_shown:
            self._out.write(text)
        else:
            shown = status[: shutil.get_terminal_size().columns - 1]
            line = f"{_SAVE}\r{_DOWN}{_DIM}{shown}{_PLAIN}{_RESTORE}"
            self._out.write(f"{_ERASE_BELOW}{text}{_DOWN_SCROLLING}{_UP}{line}")
        self._out.flush()

    def end(self, last_words: str) -> None:
        """Put last_words in the place of the line, for good."""
        self._out.write(f"{_ERASE_BELOW}\n{_DIM}{last_words}{_PLAIN}\n" if self._is_shown else f"\n{last_words}\n")
        self._out.flush()
