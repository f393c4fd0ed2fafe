"""What a terminal shows: the text as it is, and one line below it."""

from __future__ import annotations

import io
import re

import pytest

from openai_compat.commands.status_line import StatusLine

WIDTH, HEIGHT = 12, 4


class Terminal(io.StringIO):
    """A screen that knows what the line uses, and keeps what scrolls off."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = [""]
        self.row = self.column = 0
        self.saved = (0, 0)

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        for part in re.findall(r"\x1b\[\d*[A-Za-z]|\x1b[78D]|.|\n", text):
            match part:
                case "\x1bD":
                    self._down()
                case "\n":
                    self._down()
                    self.column = 0
                case "\r":
                    self.column = 0
                case "\x1b[A":
                    self.row -= 1
                    assert self.row >= len(self.rows) - HEIGHT, "above the screen"
                case "\x1b[B":
                    self.row = min(self.row + 1, len(self.rows) - 1)
                case "\x1b7":
                    self.saved = (self.row, self.column)
                case "\x1b8":
                    self.row, self.column = self.saved
                case "\x1b[J":
                    self.rows[self.row] = self.rows[self.row][: self.column]
                    self.rows[self.row + 1 :] = [""] * (len(self.rows) - self.row - 1)
                case "\x1b[2m" | "\x1b[0m":
                    pass
                case character:
                    assert not character.startswith("\x1b"), f"unknown: {character!r}"
                    self._put(character)
        return len(text)

    def _put(self, character: str) -> None:
        if self.column == WIDTH:
            self._down()
            self.column = 0
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append("")


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def test_the_line_stands_below_a_text_that_wraps_breaks_and_scrolls() -> None:
    screen, text = Terminal(), ""
    line = StatusLine(screen)
    for number, piece in enumerate(["one ", "two ", "three ", "\n", "four\nfive\n\nsix", " seven eight nine ten"]):
        text += piece
        line.write(piece, f"{number} done")
        wrapped = [row[at : at + WIDTH] for row in text.split("\n") for at in range(0, max(1, len(row)), WIDTH)]
        assert screen.rows[: len(wrapped)] == wrapped
        assert [row for row in screen.rows[len(wrapped) :] if row] == [f"{number} done"]
    line.end("the end")
    assert [row for row in screen.rows[len(wrapped) :] if row] == ["the end"]


def test_a_line_that_is_too_long_is_cut_and_does_not_wrap() -> None:
    screen = Terminal()
    StatusLine(screen).write("text", "much longer than the screen")
    assert screen.rows == ["text", "much longer than the screen"[: WIDTH - 1]]


def test_a_pipe_gets_text_alone() -> None:
    pipe = io.StringIO()
    line = StatusLine(pipe)
    line.write("one ", "1 token")
    line.write("two", "2 tokens")
    line.end("[2 tokens]")
    assert pipe.getvalue() == "one two\n[2 tokens]\n"
