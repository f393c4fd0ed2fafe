"""The tokenizer of the built-in models: byte-level BPE with 4,096 entries, trained on the corpus itself.

A word is cut into the same pieces whether a space, a quotation mark or a line break stands before it; only its first
piece has two forms, with and without the space. So a small model that has learned to copy a word in a sentence can
copy it into JSON or onto a line of its own.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

VOCAB_SIZE = 4096
END_OF_TEXT, TURN_START, TURN_END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
MARKUP = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Entries of their own that are part of the text, so that decoding keeps them."""
MIN_RESERVED = 4
CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"
SPACE = "Ġ"
"""How byte-level BPE writes a space."""
BLANK = SPACE + "Ċčĉ"
"""Likewise space, line feed, carriage return and tab."""
PATTERN = r" ?\p{L}+| ?\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Words, digits one by one, and runs of signs, each with the one space before it."""
BARE_PATTERN = r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+| (?=\S)|\s+(?!\S)|\s+"
"""The same with that space by itself."""


def train_tokenizer(texts: Sequence[str]) -> Tokenizer:
    """Learn the merges from texts; ids are the 256 bytes, the merges in their order, then the special tokens.

    BPE learns pieces from words without their space. The last merges put the space before those pieces that begin a
    word after a space in the texts; every other merge goes first, so the rest of the word is cut as without it.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    room = VOCAB_SIZE - len(alphabet) - len((END_OF_TEXT, TURN_START, TURN_END, *MARKUP)) - MIN_RESERVED
    bare = Tokenizer(models.BPE())
    bare.pre_tokenizer = _split(BARE_PATTERN)
    trainer = trainers.BpeTrainer(vocab_size=len(alphabet) + room, initial_alphabet=alphabet, show_progress=False)
    bare.train_from_iterator(texts, trainer)
    merges = [(left, right) for left, right in json.loads(bare.to_str())["model"]["merges"]]
    split = _split(PATTERN)
    words = {word for text in texts for word, _ in split.pre_tokenize_str(text)}
    after_space = [word[1:] for word in words if word[0] == SPACE and word.strip(BLANK)]

    def first_pieces(num_merges: int) -> list[str]:
        """Return the pieces that begin a word after a space, if so many merges are kept."""
        model = _model(alphabet, merges[:num_merges])
        return sorted({model.tokenize(word)[0].value for word in after_space})

    kept = bisect_right(range(len(merges)), room, key=lambda number: number + len(first_pieces(number))) - 1
    merges = merges[:kept] + [(SPACE, piece) for piece in first_pieces(kept)]
    tokenizer = Tokenizer(_model(alphabet, merges))
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    reserved = [f"<|reserved_{i}|>" for i in range(MIN_RESERVED + room - len(merges))]
    special = [END_OF_TEXT, TURN_START, TURN_END, *reserved]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in MARKUP])
    return tokenizer


def bare_forms(vocab: dict[str, int]) -> list[int]:
    """Return for each id the id of the same piece without a space before it, or the id itself."""
    forms = list(range(len(vocab)))
    for token, token_id in vocab.items():
        if token[0] == SPACE and token[1:] in vocab:
            forms[token_id] = vocab[token[1:]]
    return forms


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    """Return what cuts a text into words and writes their bytes as letters."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _model(alphabet: list[str], merges: list[tuple[str, str]]) -> models.BPE:
    """Return the model of these merges, its ids in their order."""
    vocab = {token: token_id for token_id, token in enumerate([*alphabet, *(a + b for a, b in merges)])}
    return models.BPE(vocab=vocab, merges=merges)


def wrap(tokenizer: Tokenizer, max_length: int) -> PreTrainedTokenizerFast:
    """Return the tokenizer as transformers saves it, with the chat template."""
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=TURN_END,
        pad_token=END_OF_TEXT,
        model_max_length=max_length,
        clean_up_tokenization_spaces=False,
    )
    wrapped.chat_template = CHAT_TEMPLATE.read_text()
    return wrapped
