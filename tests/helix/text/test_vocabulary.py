"""Bytes of tokens, against what the original decoder says."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import pre_tokenizers

from helix.text.probes import probe_texts
from helix.text.vocabulary import Vocabulary, byte_alphabet


def test_byte_alphabet_is_that_of_the_tokenizers_library() -> None:
    assert byte_alphabet().keys() == set(pre_tokenizers.ByteLevel.alphabet())
    assert sorted(byte_alphabet().values()) == list(range(256))


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "llama3", "shuffled", "sentencepiece"])
def test_text_is_the_bytes_of_its_tokens(backends: dict[str, Backend], name: str) -> None:
    vocabulary = Vocabulary.read(backends[name])
    assert vocabulary.is_context_free
    for text in probe_texts(["<|end|>", "</s>"]):
        ids = backends[name].encode(text).ids
        for skip in (False, True):
            assert vocabulary.decode(ids, skip_special_tokens=skip) == backends[name].decode(ids, skip)


def test_decoders_that_look_at_neighbours_are_told_apart(backends: dict[str, Backend]) -> None:
    vocabulary = Vocabulary.read(backends["wordpiece"])
    assert not vocabulary.is_context_free
    assert vocabulary.token_bytes[backends["wordpiece"].get_vocab()["the"]] == b"the"


def test_sentencepiece_bytes_and_spaces(backends: dict[str, Backend]) -> None:
    vocabulary, ids = Vocabulary.read(backends["sentencepiece"]), backends["sentencepiece"].get_vocab()
    assert vocabulary.token_bytes[ids["<0xE2>"]] == b"\xe2"
    assert vocabulary.token_bytes[ids["\u2581he"]] == b" he"
    assert vocabulary.token_bytes[ids["</s>"]] == b"</s>"
    assert vocabulary.special_ids == {ids["<unk>"], ids["<s>"], ids["</s>"]}


def test_added_tokens_with_latin_letters_keep_their_text(backends: dict[str, Backend]) -> None:
    """The original decoder takes such letters for bytes and prints replacement characters."""
    backend = Backend.from_str(backends["gpt2"].to_str())
    backend.add_tokens(["\u00f6\u00e9"])
    token_id = backend.get_vocab()["\u00f6\u00e9"]
    assert backend.decode([token_id]) == "\ufffd\ufffd"
    vocabulary = Vocabulary.read(backend)
    assert vocabulary.is_context_free
    assert vocabulary.decode([token_id], skip_special_tokens=True) == "\u00f6\u00e9"


def test_probes_are_the_same_every_time_and_contain_added_tokens() -> None:
    assert probe_texts(["<|x|>"]) == probe_texts(["<|x|>"])
    assert len(probe_texts()) > 200
    assert any("<|x|>" in text for text in probe_texts(["<|x|>"]))
