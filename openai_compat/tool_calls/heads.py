"""What stands in front of a call's arguments, as a pattern that knows whether an unfinished text may still match."""

from __future__ import annotations

import re
from functools import reduce

from openai_compat.tool_calls.json_text import CallHead
from openai_compat.tool_calls.marked import NoCallError

SPACE = re.compile(r"\s*")
NAME = re.compile(r"(?P<name>[\w.:/-]*)")


class HeadPattern:
    """A sequence of literals and of expressions all of whose matches' beginnings match as well."""

    def __init__(self, *parts: str | re.Pattern[str]) -> None:
        sources = [re.escape(part) if isinstance(part, str) else part.pattern for part in parts]
        steps = [step for part in parts for step in (map(re.escape, part) if isinstance(part, str) else [part.pattern])]
        self._whole = re.compile("".join(sources))
        self._begun = re.compile(reduce(lambda rest, step: rf"(?:\Z|{step}{rest})", reversed(steps), ""))

    def match(self, text: str) -> re.Match[str] | None:
        """Return what text begins with, None while it is unfinished, or raise NoCallError."""
        found = self._whole.match(text)
        if found is None and self._begun.match(text) is None:
            raise NoCallError
        return found


def first_head(patterns: tuple[HeadPattern, ...], text: str) -> CallHead | None:
    """Return the head that the first matching pattern finds, whose last character opens the arguments.

    Raises:
        NoCallError: None of the patterns can match any more, or the name is empty.
    """
    is_open = False
    for pattern in patterns:
        try:
            found = pattern.match(text)
        except NoCallError:
            continue
        if found is not None and found["name"]:
            return CallHead(found["name"], found.end() - 1)
        is_open = is_open or found is None
    if not is_open:
        raise NoCallError
    return None
