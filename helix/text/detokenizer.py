"""Ids to printable text, one push at a time, never half a character."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from typing import Protocol

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_MAX_TOKENS_PER_CHARACTER = 4  # bytes of the longest UTF-8 character


class IncrementalDetokenizer(Protocol):
    """Push parser from token ids to text; how the ids are cut into pushes changes nothing about the text."""

    def feed(self, token_ids: Sequence[int]) -> str:
        """Return the text that is final now: whole characters only."""
        ...

    def finish(self) -> str:
        """Return what was held back; an unfinished character becomes the replacement character."""
        ...


class ByteDetokenizer:
    """For vocabularies whose tokens stand for the same bytes everywhere: a table and a UTF-8 decoder.

    Ids beyond the table are padding of the model's output and have no text.
    """

    def __init__(self, token_bytes: Sequence[bytes], *, strip_leading_space: bool = False) -> None:
        self._token_bytes = token_bytes
        self._strip_leading_space = strip_leading_space
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_ids: Sequence[int]) -> str:
        """Return the text that is final now: whole characters only."""
        table = self._token_bytes
        text = self._decoder.decode(b"".join(table[i] for i in token_ids if i < len(table)))
        return self._strip(text) if self._strip_leading_space else text

    def finish(self) -> str:
        """Return the replacement character for an unfinished character, if there is one."""
        return self._decoder.decode(b"", final=True)

    def _strip(self, text: str) -> str:
        """Take one space off the beginning of the whole text, as SentencePiece puts one there."""
        if text:
            self._strip_leading_space = False
        return text.removeprefix(" ")


class WindowDetokenizer:
    """For vocabularies whose tokens read differently side by side: decode a short window twice and keep the growth.

    Args:
        decode: Ids to text, without state.
        context: Ids before the first push whose text is not to be repeated, for example the end of the prompt.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], *, context: Sequence[int] = ()) -> None:
        self._decode = decode
        # token_ids[:num_read] is text already returned; only as much of it is kept as decoding needs for context
        self._token_ids = list(context)
        self._num_read = len(self._token_ids)

    def feed(self, token_ids: Sequence[int]) -> str:
        """Return the text that is final now: whole characters only."""
        return "".join(map(self._feed_one, token_ids))

    def finish(self) -> str:
        """Return the rest; an unfinished character becomes the replacement character."""
        return self._take(self._decode(self._token_ids))

    def _feed_one(self, token_id: int) -> str:
        self._token_ids.append(token_id)
        text = self._decode(self._token_ids)
        is_hopeless = len(self._token_ids) - self._num_read > _MAX_TOKENS_PER_CHARACTER
        if text.endswith(REPLACEMENT) and not is_hopeless:
            return ""
        return self._take(text)

    def _take(self, text: str) -> str:
        known = self._decode(self._token_ids[: self._num_read])
        if len(text) > len(known):
            del self._token_ids[: self._num_read]
            self._num_read = len(self._token_ids)
        return text[len(known) :]
