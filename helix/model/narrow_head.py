"""A draft model that guesses frequent tokens only: an output layer of fewer rows.

With small models and large vocabularies the output layer is a third of what a step reads. Source: FR-Spec, Zhao et al.,
arXiv 2502.14856; frequency is taken from the tokenizer, whose merges stand in the order of their frequency.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from helix.errors import ModelLoadError
from helix.text.tokenizer import Tokenizer


def frequent_ids(tokenizer: Tokenizer, size: int) -> Tensor:
    """Return the first size ids of a vocabulary and the special ones, which end answers: int64 [num_ids], sorted."""
    special = sorted(id for id in tokenizer.special_ids if id < tokenizer.vocab_size)
    return torch.tensor(sorted({*range(min(size, tokenizer.vocab_size)), *special}))


def narrow_head(module: nn.Module, ids: Tensor) -> None:
    """Give a module an output layer with the rows of ids, in their order; its embedding stays as it is.

    Raises:
        ModelLoadError: It has no plain linear output layer.
    """
    head = module.get_output_embeddings()  # type: ignore[operator]
    if type(head) is not nn.Linear:
        raise ModelLoadError(f"draft_vocabulary_size needs a linear output layer, {type(module).__name__} has none")
    with torch.device("meta"):
        narrow = nn.Linear(head.in_features, len(ids), bias=head.bias is not None)
    narrow.weight = nn.Parameter(head.weight.detach()[ids])
    if head.bias is not None:
        narrow.bias = nn.Parameter(head.bias.detach()[ids])
    module.set_output_embeddings(narrow)  # type: ignore[operator]


def widened(logits: Tensor, ids: Tensor, vocab_size: int) -> Tensor:
    """Return logits of ids, [rows, len(ids)], as those of a whole vocabulary, [rows, vocab_size]: -inf elsewhere."""
    whole = logits.new_full((logits.shape[0], vocab_size), -torch.inf)
    whole[:, ids] = logits
    return whole
