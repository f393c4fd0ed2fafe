"""Finds a stop string across pushes and holds back what may still become one."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class StopStringMatcher:
    """Push parser that cuts a text at the first stop string to be complete.

    The text is read character by character, so that how it is cut into pushes changes nothing. The stop string that
    is complete first wins, without waiting whether a longer one began earlier; of several that end at the same
    character the longest wins. Takes time linear in the text: an automaton over all stop strings at once.

    Source: Aho and Corasick, "Efficient string matching", Communications of the ACM 18 (6), 1975.
    """

    def __init__(self, stop: Sequence[str], include_in_output: bool = False) -> None:
        assert all(stop), "a stop string must not be empty"
        self._include_in_output = include_in_output
        # one state per beginning of a stop string; the state says what has been read of it, and is held back
        self._next: list[dict[str, int]] = [{}]
        self._source = [""]  # a stop string that begins so
        self._length = [0]
        self._fallback = [0]  # the longest proper suffix that may also become a stop string
        self._stop: list[str | None] = [None]  # the longest stop string that ends here
        for text in stop:
            self._add(text)
        self._link()
        self._state = 0
        self._matched: str | None = None

    def feed(self, text: str) -> tuple[str, str | None]:
        """Return the text that is safe to print now and the stop string it ended at, or None.

        Printable text ends before the stop string, or after it with include_in_output. What follows a stop string is
        dropped: after a match there is nothing more to print.
        """
        if self._matched is not None:
            return "", self._matched
        if len(self._next) == 1:
            return text, None
        state, num_held = self._state, self._length[self._state]
        for position, character in enumerate(text, start=num_held + 1):
            while state and character not in self._next[state]:
                state = self._fallback[state]
            state = self._next[state].get(character, 0)
            matched = self._stop[state]
            if matched is not None:
                printable = self._print(position if self._include_in_output else position - len(matched), text)
                self._matched, self._state = matched, 0
                return printable, matched
        printable = self._print(num_held + len(text) - self._length[state], text)
        self._state = state
        return printable, None

    def finish(self) -> str:
        """Return what was held back, now that no more text can complete a stop string."""
        held = self._print(self._length[self._state], "")
        self._state = 0
        return held

    def _print(self, num_characters: int, text: str) -> str:
        """Return the first characters of what is held back and text."""
        num_held = self._length[self._state]
        return self._source[self._state][: min(num_held, num_characters)] + text[: max(num_characters - num_held, 0)]

    def _add(self, text: str) -> None:
        state = 0
        for length, character in enumerate(text, start=1):
            if character not in self._next[state]:
                self._next[state][character] = len(self._next)
                self._next.append({})
                self._fallback.append(0)
                self._source.append(text)
                self._length.append(length)
                self._stop.append(None)
            state = self._next[state][character]
        self._stop[state] = text

    def _link(self) -> None:
        """Find fallback states breadth first: a shorter state's fallback is known before a longer one needs it."""
        queue = deque(self._next[0].values())
        while queue:
            state = queue.popleft()
            if self._stop[state] is None:
                self._stop[state] = self._stop[self._fallback[state]]
            for character, successor in self._next[state].items():
                candidate = self._fallback[state]
                while candidate and character not in self._next[candidate]:
                    candidate = self._fallback[candidate]
                self._fallback[successor] = self._next[candidate].get(character, 0)
                queue.append(successor)
