"""A vocabulary of a hundred tokens that can spell JSON in several ways, and what its grammars leave of it."""

from __future__ import annotations

import codecs
import string
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from helix.structured.compiler import GrammarCompiler
from helix.structured.grammar import Grammar
from helix.structured.state import Bits, GrammarState
from helix.text.tokenizer import Tokenizer

END, OTHER_END, MARK = 0, 1, 2
"""Two ends of sequence, and a special token; none of them is text."""
WORDS = ['{"', '":', '": ', '", "', '"}', '": "', "name", "na", "true", "false", "null", "12", "ab", "abc", "ca", "  "]
CHARACTERS = sorted(set(string.digits + string.ascii_letters + string.punctuation + " \n"))
TOKENS = [
    *(b"</s>", b"<end>", b"<mark>"),
    *(character.encode() for character in CHARACTERS),
    *(word.encode() for word in WORDS),
    *(b"\xc3", b"\xa9", b"\xa8", "\u00e9".encode()),  # half characters and a whole one
    b"a",  # a second token for a text that has one
    b"",  # an id that no token has
]


class TextTokenizer:
    """Cuts off the longest token of the lowest id, one after another, and leaves out what it has no token for."""

    vocab_size = len(TOKENS)
    eos_token_ids = frozenset({END, OTHER_END})
    is_context_free = True

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        rest, token_ids = text.encode(), []
        while rest:
            fitting = [i for i, token in enumerate(TOKENS) if token and i > MARK and rest.startswith(token)]
            token_ids += [max(fitting, key=lambda i: (len(TOKENS[i]), -i))] if fitting else []
            rest = rest[len(TOKENS[token_ids[-1]]) if fitting else 1 :]
        return token_ids

    def decode(self, token_ids: Iterable[int]) -> str:
        return b"".join(TOKENS[token_id] for token_id in token_ids if token_id > MARK).decode("utf-8", "replace")

    def token_bytes(self, token_id: int) -> bytes:
        return TOKENS[token_id]

    def is_special(self, token_id: int) -> bool:
        return token_id == MARK

    def detokenizer(self, *, skip_special_tokens: bool = True, prompt_token_ids: Sequence[int] = ()) -> TextDetokenizer:
        return TextDetokenizer()


class TextDetokenizer:
    """Pushes ids through UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token_ids: Iterable[int]) -> str:
        return self._decoder.decode(b"".join(TOKENS[token_id] for token_id in token_ids if token_id > MARK))

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)


COMPILER = GrammarCompiler(cast(Tokenizer, TextTokenizer()))


def begin(grammar: Grammar) -> GrammarState:
    """Return a fresh state."""
    return COMPILER.compile(grammar)


def after(grammar: Grammar, token_ids: Iterable[int]) -> GrammarState:
    """Return the state behind tokens that were committed one by one."""
    state = begin(grammar)
    for token_id in token_ids:
        assert state.accept(token_id)
    return state


def allowed(state: GrammarState, drafted: Sequence[int] = ()) -> set[int]:
    """Return the tokens that may follow what was drafted."""
    return ids_of(state.masks(drafted, len(drafted))[0])


def ids_of(mask: Bits) -> set[int]:
    """Return the token ids of a mask's bits."""
    return set(np.unpackbits(mask, bitorder="little").nonzero()[0].tolist())


def matches(grammar: Grammar, text: str) -> bool:
    """Return whether text is a sentence."""
    state = begin(grammar)
    accepted = all(state.accept(token_id) for token_id in TextTokenizer().encode(text))
    return accepted and (state.is_complete or END in allowed(state))
