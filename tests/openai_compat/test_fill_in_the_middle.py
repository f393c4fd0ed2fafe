"""The text between two others: each family of code models has its own form of the question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest

from openai_compat.errors import UnsupportedParameter
from openai_compat.fill_in_the_middle import encode_infilling, find_markers, markers_of
from openai_compat.schemas.completions import CompletionRequest
from tests.fakes import ByteTokenizer

FIRST_MARK = 300
FAMILIES = {
    "qwen": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|endoftext|>"),
    "starcoder": ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<|endoftext|>"),
    "santacoder": ("<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<|endoftext|>"),
    "deepseek": ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "<｜end▁of▁sentence｜>"),
    "codellama": ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"),
}


class MarkedTokenizer(ByteTokenizer):
    """Bytes, and tokens of their own for some texts."""

    vocab_size = 400

    def __init__(self, marks: Sequence[str], *, dummy_prefix: bool = False) -> None:
        self.marks = {mark: FIRST_MARK + number for number, mark in enumerate(marks)}
        self.dummy_prefix = dummy_prefix
        """Put a space before every text, as SentencePiece does."""

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        if text in self.marks:
            return [self.marks[text]]
        pattern = "|".join(map(re.escape, self.marks)) or "(?!)"
        ids: list[int] = list(b" ") if self.dummy_prefix and text else []
        for piece in re.split(f"({pattern})", text):
            ids += [self.marks[piece]] if piece in self.marks else list(piece.encode())
        return ids

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool = True) -> str:
        shown = [token_id for token_id in token_ids if not (skip_special_tokens and self.is_special(token_id))]
        return b"".join(map(self.token_bytes, shown)).decode()

    def token_bytes(self, token_id: int) -> bytes:
        names = {token_id: mark.encode() for mark, token_id in self.marks.items()}
        return names.get(token_id) or super().token_bytes(token_id)


class CoderTokenizer(MarkedTokenizer):
    """Marked as Qwen2.5-Coder's is."""

    MARKS: ClassVar[dict[str, int]] = {mark: FIRST_MARK + i for i, mark in enumerate(FAMILIES["qwen"])}

    def __init__(self) -> None:
        super().__init__(FAMILIES["qwen"])


def infilled(tokenizer: ByteTokenizer, **fields: Any) -> list[str]:
    request = msgspec.convert({"model": "m", "prompt": "a b", "suffix": "c d"} | fields, CompletionRequest)
    markers = markers_of(request, tokenizer)
    assert markers is not None
    return [tokenizer.decode(ids) for ids in encode_infilling(request, markers, tokenizer)]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_vocabulary_says_how_a_family_asks(family: str) -> None:
    prefix, suffix, middle, end = FAMILIES[family]
    tokenizer = MarkedTokenizer(FAMILIES[family])
    assert infilled(tokenizer) == [f"{prefix}a b{suffix}c d{middle}"]
    found = find_markers(tokenizer)
    assert found is not None
    assert {tokenizer.marks[name] for name in (prefix, suffix, middle, end)} == set(found.ends)


def test_every_prompt_has_the_suffix_behind_it() -> None:
    prefix, suffix, middle, _ = FAMILIES["qwen"]
    assert infilled(CoderTokenizer(), prompt=["x", ""]) == [
        f"{prefix}x{suffix}c d{middle}",
        f"{prefix}{suffix}c d{middle}",
    ]


def test_a_suffix_begins_no_document() -> None:
    """SentencePiece puts a space before a text; before the suffix it would be one that nobody wrote."""
    tokenizer = MarkedTokenizer(FAMILIES["codellama"], dummy_prefix=True)
    assert infilled(tokenizer) == ["▁<PRE> a b▁<SUF>c d▁<MID>"]
    assert infilled(tokenizer, suffix="é") == ["▁<PRE> a b▁<SUF>é▁<MID>"]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_vocabulary_without_all_markers_has_none(missing: int) -> None:
    marks = [mark for number, mark in enumerate(FAMILIES["qwen"]) if number != missing]
    assert find_markers(MarkedTokenizer(marks)) is None


@pytest.mark.parametrize(
    ("tokenizer", "fields"),
    [
        (ByteTokenizer(), {}),
        (CoderTokenizer(), {"prompt": [1, 2]}),
        (CoderTokenizer(), {"prompt": [[1], [2]]}),
        (CoderTokenizer(), {"echo": True, "logprobs": 1}),
    ],
)
def test_what_cannot_be_filled_is_refused_by_name(tokenizer: ByteTokenizer, fields: dict[str, Any]) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        infilled(tokenizer, **fields)
    assert caught.value.param == "suffix"


@pytest.mark.parametrize("suffix", ["", None])
def test_no_suffix_asks_for_nothing(suffix: str | None) -> None:
    request = msgspec.convert({"model": "m", "prompt": "a", "suffix": suffix}, CompletionRequest)
    assert markers_of(request, ByteTokenizer()) is None
