"""Prompts that are given back in front of each answer, as text and token by token."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openai_compat.engine import ChatTokenizer
from openai_compat.prompts import split_prompts
from openai_compat.schemas.completions import CompletionRequest


@dataclass(frozen=True, slots=True)
class Echo:
    """One prompt."""

    text: str
    token_ids: Sequence[int]
    pieces: Sequence[bytes]
    """What each token is of text: nothing where it is no part of it, such as a beginning of sequence."""


def echoed_prompts(
    request: CompletionRequest, prompts: Sequence[Sequence[int]], tokenizer: ChatTokenizer
) -> list[Echo]:
    """Return each prompt as the answer shows it when the request wants that, else nothing.

    A text comes back as it was sent; token ids as the text they stand for.
    """
    if not request.echo:
        return []
    skips_special = request.skip_special_tokens is not False
    return [
        _of_text(asked, token_ids, tokenizer)
        if isinstance(asked, str)
        else _of_token_ids(token_ids, tokenizer, skips_special=skips_special)
        for asked, token_ids in zip(split_prompts(request), prompts, strict=True)
    ]


def _of_text(text: str, token_ids: Sequence[int], tokenizer: ChatTokenizer) -> Echo:
    """Count every token but those that the tokenizer put in front."""
    num_added = len(token_ids) - len(tokenizer.encode(text, add_special_tokens=False))
    pieces = [b""] * num_added + [tokenizer.token_bytes(token_id) for token_id in token_ids[num_added:]]
    return _fitted(text, token_ids, pieces)


def _of_token_ids(token_ids: Sequence[int], tokenizer: ChatTokenizer, *, skips_special: bool) -> Echo:
    pieces = [
        b"" if skips_special and tokenizer.is_special(token_id) else tokenizer.token_bytes(token_id)
        for token_id in token_ids
    ]
    return _fitted(tokenizer.decode(token_ids, skip_special_tokens=skips_special), token_ids, pieces)


def _fitted(text: str, token_ids: Sequence[int], pieces: list[bytes]) -> Echo:
    """Take off the space that SentencePiece puts before a text's first word."""
    first = next((position for position, piece in enumerate(pieces) if piece), None)
    if first is not None and pieces[first].startswith(b" ") and not text.startswith(" "):
        pieces[first] = pieces[first][1:]
    return Echo(text, token_ids, pieces)
