"""Probes are the same in every process and cover what tokenizers treat apart."""

from __future__ import annotations

import unicodedata

from helix.text.probes import probe_texts


def test_the_same_arguments_give_the_same_texts() -> None:
    assert probe_texts(["<a>"]) == probe_texts(["<a>"])
    assert len(probe_texts(num_mixtures=10)) == len(probe_texts(num_mixtures=0)) + 10


def test_they_cover_scripts_spaces_digits_and_what_normalization_changes() -> None:
    texts = probe_texts()
    assert "" in texts
    assert {unicodedata.category(character)[0] for text in texts for character in text} >= set("LMNPSZC")
    assert any(unicodedata.normalize("NFC", text) != text for text in texts)
    assert any(text.isspace() and len(text) > 1 for text in texts)


def test_added_tokens_are_mixed_in() -> None:
    assert any("<|im_end|>" in text and text != "<|im_end|>" for text in probe_texts(["<|im_end|>"]))
