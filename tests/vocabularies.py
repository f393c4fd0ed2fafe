"""Tokenizers and models of different vocabularies that say the same: a text that goes round in a circle."""

from __future__ import annotations

import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as Backend
from torch import nn
from transformers import PreTrainedTokenizerFast

from helix.text.tokenizer import Tokenizer
from tests.models import tiny_llama

CIRCLE = "abcdefghijklmnopqrstuvwxyz0123456789 "
"""Every character once, so that what follows is known by the last one."""


def circle_tokenizer(piece_len: int, *, eos: str = "<|end|>") -> Tokenizer:
    """Return byte-level BPE that cuts the circle into pieces of piece_len characters."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [_spelled(CIRCLE[start : start + piece_len]) for start in range(0, len(CIRCLE), piece_len)]
    merges = [(piece[:end], piece[end]) for piece in pieces for end in range(1, len(piece))]
    merged = [left + right for left, right in merges]
    # The order of the ids differs with the pieces, as it does between real vocabularies.
    vocab = {token: index for index, token in enumerate([*merged, *alphabet[piece_len:], *alphabet[:piece_len]])}
    backend = Backend(models.BPE(vocab, merges))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(eos, special=True)])
    return Tokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=eos))


def circle_model(tokenizer: Tokenizer, *, seed: int = 0, strength: float = 8.0) -> nn.Module:
    """Return a Llama that goes on round the circle, with some noise: a table of the next token by the last one."""
    size = -(-tokenizer.vocab_size // 4) * 4
    model = tiny_llama(seed=seed, vocab_size=size, hidden_size=size, num_hidden_layers=1)
    table = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    for token_id in range(tokenizer.vocab_size):
        text = tokenizer.token_text(token_id)
        if len(text) and text in CIRCLE * 2:
            rest = (CIRCLE * 3)[(CIRCLE * 2).index(text) + len(text) :][: len(CIRCLE)]
            table[tokenizer.encode(rest)[0], token_id] += strength
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                parameter.zero_()
        model.get_input_embeddings().weight.copy_(torch.eye(size))  # type: ignore[operator]
        model.get_output_embeddings().weight.copy_(table / size**0.5)  # type: ignore[operator]
    return model


def _spelled(text: str) -> str:
    """Return text as byte-level vocabularies spell it."""
    return text.replace(" ", "Ġ")
