"""The bytes that every token id stands for, read from a tokenizer of the tokenizers library."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from helix.text.probes import probe_texts

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

METASPACE = "\N{LOWER ONE EIGHTH BLOCK}"
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def byte_alphabet() -> dict[str, int]:
    """Return the byte that each character of a byte-level vocabulary stands for.

    Printable bytes stand for themselves, the others for characters from U+0100 on. Source: GPT-2's encoder.
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(others)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the ids of a tokenizer stand for."""

    token_bytes: list[bytes]
    """By id; an added token's text for added tokens, nothing for ids that no token has."""
    special_ids: frozenset[int]
    """Added tokens that decoding may skip."""
    strips_leading_space: bool
    """Whether one space is taken off the beginning of a decoded text."""
    is_context_free: bool
    """Whether a text is its tokens' bytes, one after another; else token_bytes are an approximation."""

    @classmethod
    def read(cls, backend: Backend) -> Vocabulary:
        """Work out the table from the decoder's settings and compare what it says with what the decoder says."""
        settings = json.loads(backend.to_str())["decoder"] or {}
        decoders = {d["type"]: d for d in settings.get("decoders", [settings] if settings else [])}
        piece_bytes = _piece_bytes(decoders)
        added = backend.get_added_tokens_decoder()
        pieces = backend.get_vocab(with_added_tokens=True)
        token_bytes = [b""] * (max(pieces.values(), default=-1) + 1)
        for piece, token_id in pieces.items():
            if token_id in added:
                token_bytes[token_id] = added[token_id].content.encode()
            elif piece_bytes is not None:
                token_bytes[token_id] = piece_bytes(piece)
            else:
                token_bytes[token_id] = backend.decode([token_id], skip_special_tokens=False).encode()
        special_ids = frozenset(token_id for token_id, token in added.items() if token.special)
        metaspace = decoders.get("Metaspace", {"prepend_scheme": "never"})
        strips = "Strip" in decoders or metaspace["prepend_scheme"] != "never"
        table = cls(token_bytes, special_ids, strips, is_context_free=True)
        if piece_bytes is not None and table._agrees_with(backend):
            return table
        return cls(token_bytes, special_ids, strips, is_context_free=False)

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """Return the text of a context-free vocabulary's tokens; ids beyond the table have none."""
        table, skipped = self.token_bytes, self.special_ids if skip_special_tokens else frozenset()
        joined = b"".join(table[i] for i in token_ids if i < len(table) and i not in skipped)
        text = joined.decode("utf-8", "replace")
        return text.removeprefix(" ") if self.strips_leading_space else text

    def _agrees_with(self, backend: Backend) -> bool:
        """Compare on probe texts; not on added tokens, of which byte-level decoders break Latin letters."""
        added = backend.get_added_tokens_decoder()
        for text in probe_texts():
            token_ids = [i for i in backend.encode(text, add_special_tokens=False).ids if i not in added]
            if self.decode(token_ids, skip_special_tokens=False) != backend.decode(token_ids):
                return False
        return True


def _piece_bytes(decoders: dict[str, Any]) -> Callable[[str], bytes] | None:
    """Return how a piece of the vocabulary becomes bytes, or None when that depends on its neighbours."""
    if "ByteLevel" in decoders:
        alphabet = byte_alphabet()

        def byte_level(piece: str) -> bytes:
            try:
                return bytes([alphabet[character] for character in piece])
            except KeyError:
                return piece.encode()

        return byte_level
    if decoders and decoders.keys() <= {"Replace", "ByteFallback", "Fuse", "Strip", "Metaspace"}:
        has_bytes = "ByteFallback" in decoders

        def metaspace(piece: str) -> bytes:
            if has_bytes and (match := _BYTE_PIECE.fullmatch(piece)):
                return bytes.fromhex(match[1])
            return piece.replace(METASPACE, " ").encode()

        return metaspace
    return None
