"""Small tokenizers of the families Helix meets, trained on the spot."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as Backend
from transformers import PreTrainedTokenizerFast

from helix.text.probes import probe_texts
from helix.text.tokenizer import Tokenizer

QWEN2_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
WORDS = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were her all she there would their we him been has when who will more no if out so said what up its about "
    "into than them can only other new some could time these two may then do first any my now such like our over man"
)
TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message.role }}\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if tools %}{{ tools | length }} tools{% endif %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{{ hint }}{% endif %}"
)


def corpus() -> list[str]:
    numbers = random.Random(1)
    return [" ".join(numbers.choices(WORDS.split(), k=12)) for _ in range(300)] + probe_texts()


def train_byte_level(backend: Backend) -> Backend:
    backend.decoder = decoders.ByteLevel()
    backend.train_from_iterator(
        corpus(),
        trainers.BpeTrainer(
            vocab_size=900, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())
        ),
    )
    backend.add_special_tokens([AddedToken(text, special=True) for text in ("<|start|>", "<|end|>", "<|en")])
    backend.add_tokens([AddedToken("<think>", special=False), AddedToken("\u00e9\u0301", special=False)])
    return backend


def gpt2() -> Backend:
    backend = Backend(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return train_byte_level(backend)


def qwen2() -> Backend:
    backend = Backend(models.BPE())
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return train_byte_level(backend)


def llama3() -> Backend:
    """Looks whole words up before merging, and puts a beginning of sequence before every text."""
    settings = json.loads(qwen2().to_str())
    settings["normalizer"] = None
    settings["model"]["ignore_merges"] = True
    backend = Backend.from_str(json.dumps(settings))
    start = backend.token_to_id("<|start|>")
    backend.post_processor = processors.TemplateProcessing(
        single="<|start|> $A", pair="<|start|> $A $B", special_tokens=[("<|start|>", start)]
    )
    return backend


def shuffled() -> Backend:
    """Ids that say nothing about the order of merges."""
    settings = json.loads(gpt2().to_str())
    vocab = settings["model"]["vocab"]
    ids = list(vocab.values())
    random.Random(2).shuffle(ids)
    settings["model"]["vocab"] = dict(zip(vocab, ids, strict=True))
    return Backend.from_str(json.dumps(settings))


def sentencepiece() -> Backend:
    """As Llama 2: a visible space before the first word, bytes for characters without a token."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocab = {piece: index for index, piece in enumerate([*pieces, "\u2581", *"abcdehlnort", "he", "\u2581he", "th"])}
    merges = [("h", "e"), ("\u2581", "he"), ("t", "h")]
    backend = Backend(models.BPE(vocab, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    backend.add_special_tokens([AddedToken(text, special=True) for text in ("<unk>", "<s>", "</s>")])
    return backend


def wordpiece() -> Backend:
    """As BERT: text depends on neighbours, so that there is no table of bytes."""
    pieces = ["[UNK]", *WORDS.split(), *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"), *"xyz.,"]
    backend = Backend(models.WordPiece({p: i for i, p in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.decoder = decoders.WordPiece(cleanup=False)
    backend.add_special_tokens([AddedToken("[UNK]", special=True)])
    return backend


BACKENDS: dict[str, Callable[[], Backend]] = {
    function.__name__: function for function in (gpt2, qwen2, llama3, shuffled, sentencepiece, wordpiece)
}


@pytest.fixture(scope="session")
def backends() -> dict[str, Backend]:
    """Tokenizers of the tokenizers library by family: what Helix must agree with."""
    return {name: build() for name, build in BACKENDS.items()}


@pytest.fixture(scope="session")
def wrap() -> Callable[..., Tokenizer]:
    """Returns a function that makes a Tokenizer of a backend; keywords go to transformers."""

    def wrap_backend(backend: Backend, **kwargs: object) -> Tokenizer:
        return Tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, **kwargs))

    return wrap_backend


@pytest.fixture(scope="session")
def tokenizers(backends: dict[str, Backend], wrap: Callable[..., Tokenizer]) -> dict[str, Tokenizer]:
    """The same as Helix tokenizers; gpt2 has a chat template."""
    return {
        name: wrap(backend, **({"chat_template": TEMPLATE, "eos_token": "<|end|>"} if name == "gpt2" else {}))
        for name, backend in backends.items()
    }
