"""Byte-level BPE encoding by tiktoken, several times faster than tokenizers, for tokenizers it can stand in for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from helix.text.vocabulary import byte_alphabet

_GPT2_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""


class TiktokenEncoder:
    """Encodes as the tokenizer of a tokenizer.json does, without its post-processor; build with from_settings.

    Added tokens are found in the text before it is normalized or, if they say so, after; of those that begin at the
    same character the longest wins.
    """

    def __init__(
        self, ids_by_rank: Mapping[bytes, int], pattern: str, added_tokens: Sequence[Mapping[str, Any]], *, nfc: bool
    ) -> None:
        import tiktoken

        self._nfc = nfc
        self._ids_before = {token["content"]: token["id"] for token in added_tokens if not token["normalized"]}
        self._ids_after = {self._normalize(t["content"]): t["id"] for t in added_tokens if t["normalized"]}
        self._before, self._after = _any_of(self._ids_before), _any_of(self._ids_after)
        # tiktoken merges by id. Where ids do not follow the order of the merges, it works on ranks of our own.
        merged_ids = [token_id for token, token_id in ids_by_rank.items() if len(token) > 1]
        is_in_order = merged_ids == sorted(merged_ids)
        ranks = dict(ids_by_rank) if is_in_order else {token: rank for rank, token in enumerate(ids_by_rank)}
        self._ids = None if is_in_order else list(ids_by_rank.values())
        self._encoding = tiktoken.Encoding("helix", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> TiktokenEncoder | None:
        """Return an encoder for the contents of a tokenizer.json, or None when tiktoken has no equivalent.

        The result still has to be compared with the original on texts: patterns can mean different things to the
        two engines, and merges can be such that ranks alone do not reproduce them.
        """
        pattern = _pattern(settings["pre_tokenizer"])
        ids_by_rank = _ids_by_rank(settings)
        added = settings["added_tokens"]
        normalizer = (settings["normalizer"] or {}).get("type")
        if pattern is None or ids_by_rank is None or normalizer not in (None, "NFC"):
            return None
        if any(token["lstrip"] or token["rstrip"] or token["single_word"] or not token["content"] for token in added):
            return None
        try:
            return cls(ids_by_rank, pattern, added, nfc=normalizer == "NFC")
        except ValueError:  # the pattern is not one for tiktoken's engine
            return None

    def encode(self, text: str) -> list[int]:
        """Return the ids of text, added tokens included."""
        token_ids: list[int] = []
        for index, piece in enumerate(self._before.split(text)):
            if index % 2:
                token_ids.append(self._ids_before[piece])
            elif piece:
                self._encode_normalized(self._normalize(piece), token_ids)
        return token_ids

    def _normalize(self, text: str) -> str:
        return unicodedata.normalize("NFC", text) if self._nfc else text

    def _encode_normalized(self, text: str, token_ids: list[int]) -> None:
        for index, piece in enumerate(self._after.split(text)):
            if index % 2:
                token_ids.append(self._ids_after[piece])
            elif piece:
                ranks = self._encoding.encode_ordinary(piece)
                token_ids += ranks if self._ids is None else map(self._ids.__getitem__, ranks)


def _any_of(contents: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern with one group that matches any of contents, longest first."""
    longest_first = sorted(contents, key=len, reverse=True)
    return re.compile(f"({'|'.join(map(re.escape, longest_first)) or '(?!)'})")


def _pattern(pre_tokenizer: Mapping[str, Any] | None) -> str | None:
    """Return the splitting pattern of a byte-level pre-tokenizer, or None for any other."""
    match pre_tokenizer:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return _GPT2_PATTERN
        case {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": str(pattern)}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return pattern
    return None


def _ids_by_rank(settings: Mapping[str, Any]) -> dict[bytes, int] | None:
    """Return the ids of all reachable tokens, single bytes first, then in the order of the merges that make them.

    None for a model that is not plain byte-level BPE.
    """
    model = settings["model"]
    plain = {"type": "BPE", "byte_fallback": False}
    if any(model.get(key) != value for key, value in plain.items()):
        return None
    if any(model.get(key) for key in ("dropout", "continuing_subword_prefix", "end_of_word_suffix")):
        return None
    alphabet, vocab = byte_alphabet(), model["vocab"]
    if not alphabet.keys() <= vocab.keys():
        return None
    pieces = dict.fromkeys(alphabet)
    for merge in model["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        pieces[left + right] = None
    if any(character not in alphabet for piece in pieces for character in piece):
        return None
    unreachable = vocab.keys() - pieces.keys() - {token["content"] for token in settings["added_tokens"]}
    if model.get("ignore_merges") and unreachable:
        return None  # whole words are looked up without merging, which tiktoken cannot do for words it cannot merge
    return {bytes(map(alphabet.__getitem__, piece)): vocab[piece] for piece in pieces}
