"""What a model thinks before it answers, told from its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from openai_compat.engine import ChatTokenizer
from openai_compat.held_back import held_back

_NUM_TAIL_TOKENS = 16
"""More than an opening tag and the line behind it ever take."""


@dataclass(frozen=True, slots=True)
class ReasoningTags:
    """What stands around a model's reasoning, at the beginning of its answer."""

    open: str
    close: str


THINK, MISTRAL_THINK = ReasoningTags("<think>", "</think>"), ReasoningTags("[THINK]", "[/THINK]")


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of reasoning."""

    text: str


def reasoning_tags_of(chat_template: str | None) -> ReasoningTags | None:
    """Return the tags of a model whose chat template knows them, or None."""
    return next((tags for tags in (THINK, MISTRAL_THINK) if tags.close in (chat_template or "")), None)


def is_opened(tags: ReasoningTags, prompt_token_ids: Sequence[int], tokenizer: ChatTokenizer) -> bool:
    """Return whether a prompt ends with the opening tag, so that the answer begins inside the reasoning."""
    tail = b"".join(tokenizer.token_bytes(token_id) for token_id in prompt_token_ids[-_NUM_TAIL_TOKENS:])
    return tail.decode("utf-8", "replace").rstrip().endswith(tags.open)


def is_left_open(tags: ReasoningTags, begun: str) -> bool:
    """Return whether an answer that somebody has begun ends inside the reasoning."""
    text = begun.lstrip()
    return text.startswith(tags.open) and tags.close not in text


class _State(Enum):
    BEGINNING = auto()
    REASONING = auto()
    BEHIND = auto()  # white space behind the reasoning is layout
    CONTENT = auto()


class ReasoningParser:
    """Push parser: reasoning first, if there is any, and then the answer, as text.

    The result does not depend on where the text was cut, adjacent pieces of a kind aside. White space around the
    reasoning is layout, unless somebody has begun the reasoning, which then goes on.
    """

    def __init__(self, tags: ReasoningTags, *, is_open: bool, is_begun: bool = False) -> None:
        self._tags = tags
        self._state = _State.REASONING if is_open else _State.BEGINNING
        self._is_begun = is_begun  # whether the reasoning has said anything
        self._text = ""

    def feed(self, text: str, *, is_last: bool = False) -> list[Reasoning | str]:
        """Take more text and return what is certain by now; the last time, everything."""
        self._text += text
        pieces: list[Reasoning | str] = []
        if self._state is _State.BEGINNING:
            self._begin(is_last)
        if self._state is _State.REASONING:
            self._reason(pieces, is_last)
        if self._state is _State.BEHIND:
            self._text = self._text.lstrip()
            self._state = _State.CONTENT if self._text else _State.BEHIND
        if self._state is _State.CONTENT and self._text:
            pieces.append(self._text)
            self._text = ""
        return pieces

    def _begin(self, is_last: bool) -> None:
        text = self._text.lstrip()
        if text.startswith(self._tags.open):
            self._text = text[len(self._tags.open) :]
            self._state = _State.REASONING
        elif is_last or not self._tags.open.startswith(text):
            self._state = _State.CONTENT

    def _reason(self, pieces: list[Reasoning | str], is_last: bool) -> None:
        if not self._is_begun:
            self._text = self._text.lstrip()
        end = self._text.find(self._tags.close)
        if end >= 0:
            text, self._state = self._text[:end].rstrip(), _State.BEHIND
            self._text = self._text[end + len(self._tags.close) :]
        else:
            text = self._text if is_last else self._text[: len(self._text) - held_back(self._text, self._tags.close)]
            self._text = self._text[len(text) :]
        if text:
            self._is_begun = True
            pieces.append(Reasoning(text))


class ReasoningCounter:
    """Counts an answer's tokens up to the end of its reasoning, the tags included."""

    def __init__(self, tags: ReasoningTags, tokenizer: ChatTokenizer, *, is_open: bool) -> None:
        self._open, self._close = tags.open.encode(), tags.close.encode()
        self._tokenizer = tokenizer
        self._state = _State.REASONING if is_open else _State.BEGINNING
        self._num_before = 0  # tokens that may belong to the opening tag
        self._bytes = b""

    def feed(self, token_ids: Sequence[int]) -> int:
        """Return how many more tokens of reasoning are known with these."""
        count = 0
        for token_id in token_ids:
            if self._state is _State.CONTENT:
                break
            self._bytes += self._tokenizer.token_bytes(token_id)
            if self._state is _State.BEGINNING:
                self._num_before += 1
                begun = self._bytes.lstrip()
                if begun.startswith(self._open):
                    count, self._num_before = self._num_before, 0
                    self._state, self._bytes = _State.REASONING, begun[len(self._open) :]
                elif not self._open.startswith(begun):
                    self._state = _State.CONTENT
                continue
            count += 1
            if self._close in self._bytes:
                self._state = _State.CONTENT
            self._bytes = self._bytes[-len(self._close) :]
        return count
