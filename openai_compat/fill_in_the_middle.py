"""Completions with a suffix: the prompt in the form that code models learned for text between two others.

Which form is found out from the vocabulary: its markers have tokens of their own, or the model never learned it.

Source: Bavarian et al., arXiv 2207.14255; the models' own documentation for their markers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openai_compat.engine import ChatTokenizer
from openai_compat.errors import UnsupportedParameter
from openai_compat.prompts import split_prompts
from openai_compat.schemas.completions import CompletionRequest

_SPACE_MARK = "\N{LOWER ONE EIGHTH BLOCK}"
_NEIGHBOUR = "\N{WHITE SMILING FACE}"
"""A sign that no tokenizer joins with what follows."""


@dataclass(frozen=True, slots=True)
class Markers:
    """Token ids that stand before the prompt, before the suffix and before the answer, and those that end it."""

    prefix: int
    suffix: int
    middle: int
    ends: tuple[int, ...]

    def prompt(self, prefix: str, suffix: str, tokenizer: ChatTokenizer) -> list[int]:
        """Return the ids of a prompt whose answer belongs between prefix and suffix."""
        return [
            *tokenizer.encode(""),  # such as a beginning of sequence
            self.prefix,
            *(tokenizer.encode(prefix, add_special_tokens=False) if prefix else ()),
            self.suffix,
            *_encode_behind(suffix, tokenizer),
            self.middle,
        ]


def markers_of(request: CompletionRequest, tokenizer: ChatTokenizer) -> Markers | None:
    """Return the model's markers, or None where no suffix is asked for.

    Raises:
        UnsupportedParameter: The model has none, or another field cannot be had together with a suffix.
    """
    if not request.suffix:
        return None
    found = find_markers(tokenizer)
    if found is None:
        raise UnsupportedParameter("suffix", "suffix is not supported: this model has no fill-in-the-middle tokens.")
    if request.echo and request.logprobs is not None:
        raise UnsupportedParameter("suffix", "suffix is not supported together with echo and logprobs.")
    if not all(isinstance(prompt, str) for prompt in split_prompts(request)):
        raise UnsupportedParameter("suffix", "suffix is not supported for prompts of token ids; send text.")
    return found


def encode_infilling(request: CompletionRequest, markers: Markers, tokenizer: ChatTokenizer) -> list[list[int]]:
    """Return the ids of each prompt of a request that passed markers_of."""
    prompts = [prompt for prompt in split_prompts(request) if isinstance(prompt, str)]
    return [markers.prompt(prompt, request.suffix or "", tokenizer) for prompt in prompts]


def find_markers(tokenizer: ChatTokenizer) -> Markers | None:
    """Return the first family's markers that are all in the vocabulary; None if there is no such family."""
    for names, ends in _FAMILIES:
        ids = [_token_id(name, tokenizer) for name in names]
        if None not in ids:
            prefix, suffix, middle = (token_id for token_id in ids if token_id is not None)
            known = (_token_id(end, tokenizer) for end in (*names, *ends))
            return Markers(prefix, suffix, middle, tuple(token_id for token_id in known if token_id is not None))
    return None


_FAMILIES: Sequence[tuple[tuple[str, str, str], tuple[str, ...]]] = (
    # Qwen2.5-Coder, and CodeGemma with its own separator
    (
        ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
        ("<|endoftext|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>", "<|file_separator|>"),
    ),
    # StarCoder, StarCoder2, Granite
    (("<fim_prefix>", "<fim_suffix>", "<fim_middle>"), ("<|endoftext|>", "<fim_pad>", "<repo_name>", "<file_sep>")),
    # SantaCoder
    (("<fim-prefix>", "<fim-suffix>", "<fim-middle>"), ("<|endoftext|>", "<fim-pad>")),
    # DeepSeek-Coder
    (
        ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
        ("<\uff5cend\u2581of\u2581sentence\uff5c>", "<|EOT|>"),
    ),
    # CodeLlama
    (("\u2581<PRE>", "\u2581<SUF>", "\u2581<MID>"), ("\u2581<EOT>",)),
)
"""Names of prefix, suffix and middle marker, and of tokens that end the middle besides the model's own."""


def _token_id(name: str, tokenizer: ChatTokenizer) -> int | None:
    """Return the token that is written so, None where it takes several."""
    ids = tokenizer.encode(name, add_special_tokens=False)
    spellings = (name.encode(), name.replace(_SPACE_MARK, " ").encode())
    return ids[0] if len(ids) == 1 and tokenizer.token_bytes(ids[0]) in spellings else None


def _encode_behind(text: str, tokenizer: ChatTokenizer) -> list[int]:
    """Return the ids of a text that begins no document: without the space that SentencePiece puts before it."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    if not ids or text.startswith(" ") or not tokenizer.token_bytes(ids[0]).startswith(b" "):
        return ids
    together = tokenizer.encode(_NEIGHBOUR + text, add_special_tokens=False)
    num_bytes, start = len(f" {_NEIGHBOUR}".encode()), 0
    while num_bytes > 0:
        num_bytes -= len(tokenizer.token_bytes(together[start]))
        start += 1
    return together[start:]
