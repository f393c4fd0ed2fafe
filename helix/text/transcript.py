"""A growing text, known by its tokens in a target's vocabulary, as a draft's tokenizer would encode it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from helix.text.translation import Translation, whole_text


class Transcript:
    """One text in the draft's tokens.

    It is encoded in two parts: what is settled is never encoded again; the tail, which begins at a word, is encoded
    whole whenever it grows, so that the pieces of a word that the target writes become the draft's one token.
    """

    def __init__(self, translation: Translation) -> None:
        self.token_ids: list[int] = []
        """The text in the draft's tokens; the caller may append what it guesses, until the next read."""
        self.num_settled = 0
        """How many of them no later text changes."""
        self.num_target_tokens = 0
        """Tokens of the target that the last read took the text to be."""
        self.is_whole = True
        """Whether the text ends with a whole character; half of one is left out."""
        self._translation = translation
        self._num_target_tokens_settled = 0

    def read(self, target_ids: Sequence[int], guessed: Sequence[int] = ()) -> int:
        """Take the text to be that of target_ids and, behind it, of guessed, which may be gone the next time.

        target_ids continues those of the last read; the first time it is not empty.

        Returns:
            How many of the tokens that were there are still the same.
        """
        if not self.num_target_tokens:
            self._begin(target_ids)
        start, begin = self.num_settled, self._num_target_tokens_settled
        end = self._tail_start(target_ids) if len(target_ids) - begin > _MAX_TAIL_TOKENS else begin
        settled, _ = self._encode(target_ids[begin:end], target_ids[max(begin - 1, 0) : begin])
        tail, self.is_whole = self._encode([*target_ids[end:], *guessed], target_ids[max(end - 1, 0) : end])
        old, new = self.token_ids[start:], settled + tail
        self.token_ids[start:] = new
        self.num_settled, self._num_target_tokens_settled = start + len(settled), end
        self.num_target_tokens = len(target_ids) + len(guessed)
        return start + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))

    def _begin(self, target_ids: Sequence[int]) -> None:
        """Begin as the draft's tokenizer begins a text; the target's beginning of sequence says no more than that."""
        translation = self._translation
        self.token_ids = translation.draft.prefix_token_ids
        self.num_settled = len(self.token_ids)
        self._num_target_tokens_settled = int(target_ids[0] == translation.target.bos_token_id)

    def _tail_start(self, target_ids: Sequence[int]) -> int:
        """Return where the last word that is long past begins, or a character where there are no words."""
        texts, first = self._translation.texts_for_draft, self._num_target_tokens_settled
        places = range(len(target_ids) - _KEPT_TAIL_TOKENS, first, -1)
        for place in places:
            if texts[target_ids[place]].startswith(b" ") and not texts[target_ids[place - 1]][-1:].isspace():
                return place
        return next((place for place in places if _begins_character(texts[target_ids[place]])), first)

    def _encode(self, target_ids: Sequence[int], before: Sequence[int]) -> tuple[list[int], bool]:
        """Return the draft's tokens of a text behind another, and whether it ends with a whole character."""
        texts, draft = self._translation.texts_for_draft, self._translation.draft
        text, is_whole = whole_text(texts[token_id] for token_id in target_ids)
        context, _ = whole_text(texts[token_id] for token_id in before)
        return draft.encode_behind(context, text) if text else [], is_whole


def _begins_character(text: bytes) -> bool:
    return bool(text) and text[0] & 0xC0 != 0x80


_MAX_TAIL_TOKENS = 48
"""Target tokens in the tail; when there are more, some are settled."""
_KEPT_TAIL_TOKENS = 16
"""Target tokens that are not settled: how they are encoded may still depend on what follows."""
