"""tiktoken stands in for tokenizers only where the two are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Backend

from helix.text.tiktoken_encoder import TiktokenEncoder
from helix.text.tokenizer import Tokenizer

BYTE_LEVEL = ["gpt2", "qwen2", "llama3", "shuffled"]
PIECES = st.one_of(
    st.text(max_size=8),
    st.text("e\u0301\u0308 \n\ta'sS1\N{SNOWMAN}", max_size=8),
    st.sampled_from(
        ["<|start|>", "<|end|>", "<|en", "<think>", "e\u0301\u0301", "\u00e9\u0301", "the of and", "  \n "]
    ),
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)


def change(backend: Backend, path: list[str], value: Any) -> TiktokenEncoder | None:
    """Build an encoder from a tokenizer.json with one setting changed."""
    contents = json.loads(backend.to_str())
    inner = contents
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return TiktokenEncoder.from_settings(contents)


@pytest.mark.parametrize("name", BYTE_LEVEL)
def test_byte_level_bpe_is_encoded_by_tiktoken(tokenizers: dict[str, Tokenizer], name: str) -> None:
    assert tokenizers[name].backend == "tiktoken"


@pytest.mark.parametrize("name", ["sentencepiece", "wordpiece"])
def test_other_tokenizers_are_left_to_the_tokenizers_library(
    backends: dict[str, Backend], tokenizers: dict[str, Tokenizer], name: str
) -> None:
    assert tokenizers[name].backend == "tokenizers"
    assert TiktokenEncoder.from_settings(json.loads(backends[name].to_str())) is None


@pytest.mark.parametrize("name", BYTE_LEVEL)
@settings(deadline=None, max_examples=150)
@given(text=TEXTS)
def test_same_ids_for_any_text(
    backends: dict[str, Backend], tokenizers: dict[str, Tokenizer], name: str, text: str
) -> None:
    for add_special_tokens in (False, True):
        ids = backends[name].encode(text, add_special_tokens=add_special_tokens).ids
        assert tokenizers[name].encode(text, add_special_tokens=add_special_tokens) == ids


def test_every_character_has_the_same_ids(backends: dict[str, Backend], tokenizers: dict[str, Tokenizer]) -> None:
    """A pattern that skips a character would lose it without a word: tiktoken drops what no match covers."""
    characters = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000]
    for name in ("gpt2", "qwen2"):
        text = " ".join(characters)
        assert tokenizers[name].encode(text) == backends[name].encode(text).ids


def test_ids_are_not_taken_for_merge_ranks(backends: dict[str, Backend]) -> None:
    """Naively built, tiktoken merges in the order of ids."""
    encoder = TiktokenEncoder.from_settings(json.loads(backends["shuffled"].to_str()))
    assert encoder is not None
    text = "the which would have been said about their other time"
    assert encoder.encode(text) == backends["shuffled"].encode(text).ids


def test_longest_added_token_wins(tokenizers: dict[str, Tokenizer]) -> None:
    """<|en is a token as well, and the beginning of <|end|>."""
    tokenizer = tokenizers["gpt2"]
    assert [tokenizer.token_text(i) for i in tokenizer.encode("<|end|><|en")] == ["<|end|>", "<|en"]


def test_added_tokens_are_found_in_normalized_text(
    backends: dict[str, Backend], wrap: Callable[..., Tokenizer]
) -> None:
    backend = Backend.from_str(backends["qwen2"].to_str())
    backend.add_tokens(["o\u0308o\u0308"])
    tokenizer, token_id = wrap(backend), backend.get_vocab()["o\u0308o\u0308"]
    assert tokenizer.backend == "tiktoken"
    for text in ("o\u0308o\u0308", "\u00f6\u00f6"):
        assert tokenizer.encode(text) == [token_id]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["normalizer"], {"type": "NFKC"}),
        (["normalizer"], {"type": "Lowercase"}),
        (["pre_tokenizer"], None),
        (["pre_tokenizer", "add_prefix_space"], True),
        (["pre_tokenizer"], {"type": "Whitespace"}),
        (["model", "type"], "Unigram"),
        (["model", "dropout"], 0.1),
        (["model", "byte_fallback"], True),
        (["model", "end_of_word_suffix"], "</w>"),
        (["model", "continuing_subword_prefix"], "##"),
        (["model", "vocab"], {"a": 0}),
    ],
)
def test_what_tiktoken_cannot_express_is_declined(backends: dict[str, Backend], path: list[str], value: object) -> None:
    assert change(backends["gpt2"], ["normalizer"], None) is not None
    assert change(backends["gpt2"], path, value) is None


def test_pattern_that_tiktoken_cannot_compile_is_declined(backends: dict[str, Backend]) -> None:
    contents = json.loads(backends["qwen2"].to_str())
    contents["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "(unclosed"
    assert TiktokenEncoder.from_settings(contents) is None


@pytest.mark.parametrize("flag", ["lstrip", "rstrip", "single_word"])
def test_added_tokens_that_swallow_their_surroundings_are_declined(backends: dict[str, Backend], flag: str) -> None:
    contents = json.loads(backends["gpt2"].to_str())
    contents["added_tokens"][0][flag] = True
    assert TiktokenEncoder.from_settings(contents) is None


def test_words_that_no_merge_makes_are_declined_where_words_are_looked_up(backends: dict[str, Backend]) -> None:
    contents = json.loads(backends["llama3"].to_str())
    contents["model"]["vocab"]["nomergemakesthis"] = 5000
    assert TiktokenEncoder.from_settings(contents) is None


def test_a_difference_on_the_probes_leaves_encoding_to_the_tokenizers_library(
    backends: dict[str, Backend], wrap: Callable[..., Tokenizer]
) -> None:
    """This pattern leaves digits unmatched: pieces of their own for tokenizers, nothing for tiktoken."""
    contents = json.loads(backends["qwen2"].to_str())
    contents["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = r"\p{L}+|\s+|[^\s\p{L}\p{N}]+"
    assert TiktokenEncoder.from_settings(contents) is not None
    tokenizer = wrap(Backend.from_str(json.dumps(contents)))
    assert tokenizer.backend == "tokenizers"
    assert tokenizer.decode(tokenizer.encode("a 12 b")) == "a 12 b"
