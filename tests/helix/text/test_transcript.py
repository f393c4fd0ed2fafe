"""A text followed in another vocabulary while it grows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix.text.tokenizer import Tokenizer
from helix.text.transcript import Transcript
from helix.text.translation import Translation
from tests.helix.text.conftest import WORDS

DRAFTS = ["gpt2", "qwen2", "llama3", "shuffled", "sentencepiece"]


def _text(num_words: int, seed: int = 0) -> str:
    rng = random.Random(seed)
    return " ".join(rng.choice(WORDS.split()) + rng.choice(["", "", ",", ".\n", " 12", "é"]) for _ in range(num_words))


@pytest.mark.parametrize("name", DRAFTS)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_at_every_moment_it_says_what_the_target_wrote(
    tokenizers: dict[str, Tokenizer], name: str, data: st.DataObject
) -> None:
    """However the text is cut into reads, and whatever was guessed in between."""
    target, draft = tokenizers["shuffled"], tokenizers[name]
    ids = target.encode(_text(data.draw(st.integers(1, 150)), seed=data.draw(st.integers(0, 9))))
    transcript = Transcript(Translation(target, draft))
    end = 0
    while end < len(ids):
        end = min(end + data.draw(st.integers(1, 90)), len(ids))
        guessed = data.draw(st.lists(st.integers(0, 300), max_size=3))
        transcript.read(ids[:end], guessed)
        transcript.read(ids[:end])
        written = b"".join(map(target.token_bytes, ids[:end])).decode("utf-8", "ignore")
        assert draft.decode(transcript.token_ids) == written


@pytest.mark.parametrize("name", DRAFTS)
def test_words_become_the_tokens_that_the_whole_text_has(tokenizers: dict[str, Tokenizer], name: str) -> None:
    """Encoded piece by piece, a draft would read words cut as it never writes them."""
    target, draft = tokenizers["gpt2"], tokenizers[name]
    text = _text(300)
    ids = target.encode(text)
    transcript = Transcript(Translation(target, draft))
    for end in range(1, len(ids) + 1):
        transcript.read(ids[:end])
    assert transcript.token_ids == draft.encode(text)
    assert transcript.num_settled > len(transcript.token_ids) * 0.8


def test_a_read_tells_how_far_nothing_changed(tokenizers: dict[str, Tokenizer]) -> None:
    target, draft = tokenizers["gpt2"], tokenizers["qwen2"]
    transcript = Transcript(Translation(target, draft))
    ids, more = target.encode("the time of"), target.encode(" the people")
    assert transcript.read(ids) == 0
    before = list(transcript.token_ids)
    assert transcript.read(ids) == len(before)
    guessed = draft.encode(" the man")
    transcript.token_ids += guessed
    assert transcript.read(ids + more) == len(before) + 1, "of the guess, its first word was right"
    assert transcript.token_ids == draft.encode("the time of the people")
    before = list(transcript.token_ids)
    assert transcript.read(ids + more, target.encode(" say")) == len(before) < len(transcript.token_ids)
    assert transcript.read(ids + more) == len(before)
    assert transcript.token_ids == before
    assert transcript.num_target_tokens == len(ids + more)


def test_what_is_settled_never_changes(tokenizers: dict[str, Tokenizer]) -> None:
    target = tokenizers["gpt2"]
    ids = target.encode(_text(60) + "一二三四五六七八九十" * 30 + _text(60))
    transcript = Transcript(Translation(target, tokenizers["llama3"]))
    settled: list[int] = []
    for end in range(1, len(ids) + 1, 3):
        assert transcript.read(ids[:end], ids[:2]) >= len(settled)
        assert transcript.token_ids[: len(settled)] == settled
        settled = transcript.token_ids[: transcript.num_settled]
        num_tail = len(transcript.token_ids) - len(settled)
        assert num_tail < 150, "text without spaces is settled too"


def test_half_a_character_waits_for_the_other_half(tokenizers: dict[str, Tokenizer]) -> None:
    target, draft = tokenizers["gpt2"], tokenizers["llama3"]
    ids = target.encode("a \N{MOYAI}.")
    transcript = Transcript(Translation(target, draft))
    states = []
    for end in range(1, len(ids) + 1):
        transcript.read(ids[:end])
        states.append((draft.decode(transcript.token_ids), transcript.is_whole))
    assert states[0] == ("a", True)
    assert not states[-3][1]
    assert states[-1] == ("a \N{MOYAI}.", True)
    assert all(text in ("a", "a ") for text, is_whole in states if not is_whole)


def test_it_begins_as_the_draft_begins_a_text(tokenizers: dict[str, Tokenizer]) -> None:
    plain, framed = tokenizers["gpt2"], tokenizers["llama3"]
    transcript = Transcript(Translation(plain, framed))
    transcript.read(plain.encode("the time"))
    assert transcript.token_ids == framed.encode("the time")
    assert transcript.token_ids[0] == framed.prefix_token_ids[0]
