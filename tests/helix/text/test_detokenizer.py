"""Streams of tokens become the same text however they are cut, and never half a character."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from helix.text.detokenizer import REPLACEMENT, ByteDetokenizer, IncrementalDetokenizer, WindowDetokenizer

BYTES = [bytes([value]) for value in range(256)]
CUTS = st.lists(st.integers(0, 40), max_size=6)


def stream(detokenizer: IncrementalDetokenizer, token_ids: Sequence[int], cuts: Sequence[int]) -> str:
    bounds = sorted({0, len(token_ids), *(cut for cut in cuts if cut < len(token_ids))})
    return "".join(detokenizer.feed(token_ids[start:end]) for start, end in pairwise(bounds)) + detokenizer.finish()


def decode_byte_fallback(token_ids: Sequence[int]) -> str:
    """As SentencePiece vocabularies decode: ids above 255 are words with a space, a broken run is all broken."""
    text, run = "", b""
    for token_id in [*token_ids, 256]:
        if token_id < 256:
            run += bytes([token_id])
            continue
        try:
            text += run.decode()
        except UnicodeDecodeError:
            text += REPLACEMENT * len(run)
        run = b""
        text += f" {token_id}" if token_id > 256 else ""
    return text.removeprefix(" ")


@given(data=st.binary(max_size=40), cuts=CUTS)
def test_bytes_any_split_of_any_bytes_decodes_as_a_whole(data: bytes, cuts: list[int]) -> None:
    assert stream(ByteDetokenizer(BYTES), data, cuts) == data.decode("utf-8", "replace")


@given(text=st.text(max_size=20), cuts=CUTS)
def test_bytes_half_characters_are_never_printed(text: str, cuts: list[int]) -> None:
    detokenizer = ByteDetokenizer(BYTES)
    printed = ""
    for value in text.encode():
        printed += detokenizer.feed([value])
        assert text.startswith(printed)
    assert printed == text
    assert detokenizer.finish() == ""


def test_bytes_unfinished_character_is_replaced_at_the_end() -> None:
    detokenizer = ByteDetokenizer(BYTES)
    assert detokenizer.feed("é".encode()[:1]) == ""
    assert detokenizer.finish() == REPLACEMENT


def test_bytes_padding_ids_have_no_text() -> None:
    assert ByteDetokenizer([b"a", b""]).feed([0, 1, 2, 1000, 0]) == "aa"


@given(data=st.lists(st.sampled_from([b" ", b"a", b""]), max_size=6), cuts=CUTS)
def test_bytes_one_leading_space_is_stripped_from_the_whole_text(data: list[bytes], cuts: list[int]) -> None:
    detokenizer = ByteDetokenizer(data, strip_leading_space=True)
    assert stream(detokenizer, range(len(data)), cuts) == b"".join(data).decode().removeprefix(" ")


@given(text=st.text(min_size=1, max_size=20), words=st.lists(st.integers(257, 260), max_size=4), cuts=CUTS)
def test_window_valid_text_decodes_as_a_whole(text: str, words: list[int], cuts: list[int]) -> None:
    token_ids = [*words, *text.encode(), *words]
    assert stream(WindowDetokenizer(decode_byte_fallback), token_ids, cuts) == decode_byte_fallback(token_ids)


@given(token_ids=st.lists(st.integers(0, 260), max_size=40), cuts=CUTS)
def test_window_every_split_gives_the_same_text(token_ids: list[int], cuts: list[int]) -> None:
    whole = stream(WindowDetokenizer(decode_byte_fallback), token_ids, [])
    assert stream(WindowDetokenizer(decode_byte_fallback), token_ids, cuts) == whole


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters=REPLACEMENT), min_size=1, max_size=20))
def test_window_half_characters_are_never_printed(text: str) -> None:
    detokenizer = WindowDetokenizer(decode_byte_fallback)
    printed = ""
    for value in text.encode():
        printed += detokenizer.feed([value])
        assert decode_byte_fallback(list(text.encode())).startswith(printed)
    assert printed + detokenizer.finish() == decode_byte_fallback(list(text.encode()))


def test_window_context_keeps_the_space_of_the_first_word_and_is_not_repeated() -> None:
    assert WindowDetokenizer(decode_byte_fallback).feed([257]) == "257"
    assert WindowDetokenizer(decode_byte_fallback, context=[300]).feed([257]) == " 257"


def test_window_prints_on_through_endless_broken_bytes() -> None:
    """A model stuck in broken bytes must neither block its own stream nor cost quadratic time."""
    longest = 0

    def decode(token_ids: Sequence[int]) -> str:
        nonlocal longest
        longest = max(longest, len(token_ids))
        return decode_byte_fallback(token_ids)

    checked: Callable[[Sequence[int]], str] = decode
    detokenizer = WindowDetokenizer(checked)
    assert len(detokenizer.feed([0x80] * 1000)) > 990
    assert longest <= 16
