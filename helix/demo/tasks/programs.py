"""Small Python programs: what each does, and its text with every name marked by a dollar sign.

The first marked name is the function's. The unmarked text is the program as it is written when nobody asks for
other names. All of them lie in programs.txt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files


@dataclass(frozen=True)
class Program:
    """A function of a few lines."""

    purpose: str
    """What the function does, after "a function that"."""
    marked: str
    """Its text, every renamable name with a dollar sign in front."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The marked names in order of appearance; the function's own is the first."""
        return tuple(dict.fromkeys(re.findall(r"\$(\w+)", self.marked)))

    @cached_property
    def text(self) -> str:
        """The program under its own names."""
        return self.marked.replace("$", "")

    def renamed(self, names: Mapping[str, str]) -> str:
        """Return the program with some of its names replaced."""
        return re.sub(r"\$(\w+)", lambda found: names.get(found[1], found[1]), self.marked)


def _parse(source: str) -> tuple[Program, ...]:
    """Read programs separated by blank lines, each headed by its purpose in a comment."""
    blocks = (block.strip("\n").split("\n", 1) for block in source.strip().split("\n\n"))
    return tuple(Program(purpose.removeprefix("# "), marked) for purpose, marked in blocks)


PROGRAMS = _parse((files("helix.demo.tasks") / "programs.txt").read_text(encoding="utf-8"))


def fenced(code: str, language: str = "python") -> str:
    """Return code in a Markdown fence."""
    return f"```{language}\n{code}\n```"
