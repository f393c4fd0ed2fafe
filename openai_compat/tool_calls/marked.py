"""The part that formats share: content up to a marker, a call behind it, and what closes a call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto

from openai_compat.held_back import held_back
from openai_compat.tool_calls.json_text import CallHead, ObjectScan, open_call, whole_call
from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece


class NoCallError(Exception):
    """The text behind a marker cannot become a call."""


class State(Enum):
    """What the next text is."""

    CONTENT = auto()
    HEAD = auto()  # behind a marker, in front of the arguments
    ARGUMENTS = auto()
    TAIL = auto()  # behind the arguments, inside the call
    AFTER = auto()  # behind a call, where white space and closers mean nothing


class MarkedCallParser:
    """Push parser; a call is announced once its name is known and its arguments open as an object.

    White space in front of a call is layout of the format, not content; it is held back until what follows is known.

    Subclasses say what a call looks like behind its marker.
    """

    markers: Sequence[str] = ()
    """What calls begin with; none is the beginning of another."""
    closers: Sequence[str] = ()
    """What means nothing behind a call."""
    separators: Sequence[str] = ()
    """What another call follows, behind a call."""
    begins_answers = False
    """Whether a call may begin an answer without a marker."""

    def __init__(self) -> None:
        self._text = ""
        self._opening = ""  # what stood in front of the head, content again should no call follow
        self.follows_call = False
        """Whether the head that is looked for stands behind a separator."""
        self._state = State.HEAD if self.begins_answers else State.CONTENT
        self._scan = ObjectScan()
        self._steps: dict[State, Callable[[list[Piece], bool], bool]] = {
            State.CONTENT: self._content,
            State.HEAD: self._head,
            State.ARGUMENTS: self._arguments,
            State.TAIL: self._tail,
            State.AFTER: self._after,
        }

    def feed(self, text: str) -> list[Piece]:
        """Take more text and return what is certain by now."""
        self._text += text
        return self._run(is_last=False)

    def finish(self) -> list[Piece]:
        """Return what was held back; nothing may be fed afterwards."""
        return self._run(is_last=True)

    def find_head(self, text: str) -> CallHead | None:
        """Return the head of the call that text begins with, or None while it is incomplete.

        Text is read again from its beginning whenever it has grown.

        Raises:
            NoCallError: It cannot become a call.
        """
        raise NotImplementedError

    def find_tail(self, text: str) -> int | None:
        """Return how much of the text behind arguments belongs to the call, or None while that is open."""
        return 0

    def _run(self, *, is_last: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while (self._text or is_last) and self._steps[self._state](pieces, is_last):
            pass
        return pieces

    def _content(self, pieces: list[Piece], is_last: bool) -> bool:
        """Pass content on up to a marker or what may become one; return whether to go on in another state."""
        found = [(start, marker) for marker in self.markers if (start := self._text.find(marker)) >= 0]
        if found:
            start, marker = min(found)
            content = self._text[:start].rstrip()
            _append(pieces, content)
            self._open(self._text[len(content) : start + len(marker)])
            self._text = self._text[start + len(marker) :]
            return True
        held = 0 if is_last else max((held_back(self._text, marker) for marker in self.markers), default=0)
        cut = len(self._text) - held
        _append(pieces, self._text[:cut])
        self._text = self._text[cut:]
        return False

    def _open(self, opening: str, *, follows_call: bool = False) -> None:
        self._opening, self.follows_call = opening, follows_call
        self.enter(State.HEAD)

    def _head(self, pieces: list[Piece], is_last: bool) -> bool:
        """Wait until the call can be announced; give the opening back as content when it never can."""
        try:
            head = self.find_head(self._text)
            if head is None and is_last:
                raise NoCallError
        except NoCallError:
            _append(pieces, self._opening)
            self._opening = ""
            self.enter(State.CONTENT)
            return True
        if head is None:
            return False
        pieces.append(CallStart(head.name))
        self._text = self._text[head.end :]
        if head.arguments is not None:
            pieces.append(CallArguments(head.arguments))
        self.enter(State.ARGUMENTS if head.arguments is None else State.AFTER)
        return True

    def _arguments(self, pieces: list[Piece], is_last: bool) -> bool:
        is_complete = self.read_arguments(pieces, is_last=is_last)
        if is_complete:
            self.enter(State.TAIL)
        return is_complete

    def read_arguments(self, pieces: list[Piece], *, is_last: bool) -> bool:
        """Take what there is of the arguments from the text and return whether they are complete: an object."""
        end = self._scan.feed(self._text)
        cut = len(self._text) if end is None else end
        if cut:
            pieces.append(CallArguments(self._text[:cut]))
        self._text = self._text[cut:]
        self._scan.forget(cut)
        return end is not None

    def _tail(self, pieces: list[Piece], is_last: bool) -> bool:
        end = self.find_tail(self._text)
        if end is None and not is_last:
            return False
        self._text = self._text[end or 0 :]
        self.enter(State.AFTER)
        return True

    def _after(self, pieces: list[Piece], is_last: bool) -> bool:
        """Swallow closers and white space; separators lead to another call, and anything else is content again."""
        text = self._text.lstrip()
        for closer in self.closers:
            if text.startswith(closer):
                self._text = text[len(closer) :]
                return True
        for separator in self.separators:
            if text.startswith(separator):
                cut = len(self._text) - len(text) + len(separator)
                self._open(self._text[:cut], follows_call=True)
                self._text = self._text[cut:]
                return True
        if not text or any(expected.startswith(text) for expected in (*self.closers, *self.separators)):
            self._text = "" if is_last else self._text
            return False
        self._text = text
        self.enter(State.CONTENT)
        return True

    def enter(self, state: State) -> None:
        """Begin a state, with nothing read."""
        self._state = state
        self._scan = ObjectScan()


class JsonCallParser(MarkedCallParser):
    """A parser of calls that are objects of a name and arguments."""

    def __init__(self) -> None:
        super().__init__()
        self._call_scan = ObjectScan()
        self.is_object = False
        """Whether the head that was found last is that of an object."""

    def find_head(self, text: str) -> CallHead | None:
        """Return the head as soon as the name and the beginning of the arguments are there, in that order."""
        head = open_call(text)
        if head is None:
            end = self._call_scan.feed(text)
            if end is None and not self._call_scan.is_broken:
                return None
            head = None if end is None else whole_call(text, end)
        self._call_scan = ObjectScan()
        if head is None:
            raise NoCallError
        self.is_object = True
        return head

    def find_tail(self, text: str) -> int | None:
        """Return the length of the rest of the object, whatever else it says; 0 where it is broken."""
        rest = text.lstrip()
        if rest and rest[0] not in "},":
            return 0
        return ObjectScan(depth=1).feed(text)


def _append(pieces: list[Piece], content: str) -> None:
    if content:
        pieces.append(content)
