"""Multi-token prediction: a head of the target that guesses the token after the next, and running it over pages.

A row of the head stands for one token, as a row of a draft model does: from the embedding of token p and the target's
hidden state at p - 1 it predicts token p + 1. So its KV lies in the slot of token p and depends on no later token, and
blocks, prefix cache and rollback serve it as they serve a draft model. The first token has no state before it: zeros.

Source: DeepSeek-AI, arXiv 2412.19437, section 2.2, with one module run again and again, its own output in place of the
target's hidden state, as Li et al. do (EAGLE, arXiv 2401.15077).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from helix.kv_cache.pool import KVCachePool
from helix.model.attention import AttentionContext, attention_context, choose_kernel
from helix.model.batch import ForwardBatch, Span
from helix.model.families import LayerSpec
from helix.model.runner import ModelRunner, time_passes


class MTPModule(nn.Module):
    """The head's own weights, under the names of Qwen's checkpoints; embeddings and LM head are the target's."""

    def __init__(self, layer: nn.Module, norms: Sequence[nn.Module], hidden_size: int) -> None:
        """Take a decoder layer of the target's class and three norms of its norm's."""
        super().__init__()
        self.pre_fc_norm_embedding, self.pre_fc_norm_hidden, self.norm = norms
        self.fc = nn.Linear(2 * hidden_size, hidden_size, bias=False)
        self.layers = nn.ModuleList([layer])

    def forward(
        self,
        embeddings: Tensor,  # [1, num_tokens, hidden_size] of the tokens
        hidden_states: Tensor,  # [1, num_tokens, hidden_size] before them
        **attention: Any,  # what the layer wants besides
    ) -> Tensor:
        """Return what the LM head reads, [1, num_tokens, hidden_size]."""
        both = torch.cat((self.pre_fc_norm_embedding(embeddings), self.pre_fc_norm_hidden(hidden_states)), dim=-1)
        output = self.layers[0](self.fc(both), **attention)
        normed: Tensor = self.norm(output[0] if isinstance(output, tuple) else output)
        return normed


class MTPOutput(NamedTuple):
    """What a pass found for the rows that asked for logits."""

    logits: Tensor  # [sum of num_logits, vocab_size]
    hidden_states: Tensor  # [sum of num_logits, hidden_size]


class MTPRunner:
    """A head of a target over a KV pool of its own that shares the target's block ids."""

    def __init__(self, module: MTPModule, layer: LayerSpec, target: ModelRunner, pool: KVCachePool) -> None:
        """Take a target that keeps its hidden states."""
        assert target.hidden_states is not None, "heads read the target's hidden states"
        self.loaded = target.loaded
        self.pool = pool
        self._module = module
        self._layer = layer
        self._hidden_states = target.hidden_states
        self._kernel = choose_kernel(target.loaded.device, target.loaded.dtype)
        model: Any = target.loaded.module
        self._embed, self._lm_head = model.get_input_embeddings(), model.get_output_embeddings()
        self._rotary: nn.Module = model.get_decoder().rotary_emb

    @torch.inference_mode()
    def forward(
        self,
        spans: Sequence[Span],
        hidden_states: Tensor | None = None,  # [num_query_tokens, hidden_size] before the tokens; None: the target's
    ) -> MTPOutput:
        """Compute the spans in one pass, write their KV, and return what they ask for, span after span."""
        batch = ForwardBatch(spans, block_size=self.pool.block_size, device=self.loaded.device)
        if hidden_states is None:
            hidden_states = self._before(batch)
        embeddings = self._embed(batch.input_ids[None])
        positions = batch.positions[None]
        with attention_context(AttentionContext(batch, self.pool, [self._layer], self._kernel)):
            states = self._module(
                embeddings,
                hidden_states[None].to(embeddings.dtype),
                attention_mask=None,
                position_ids=positions,
                position_embeddings=self._rotary(embeddings, positions),
                use_cache=False,
            )
        states = states[0, batch.logits_indices]
        if not len(states):
            return MTPOutput(states.new_empty(0, self.loaded.vocab_size), states)
        return MTPOutput(self._lm_head(states), states)

    def time_passes(self, rows: Sequence[int], *, context_len: int = 0, budget_s: float = 2.0) -> dict[int, float]:
        """Return the seconds of a pass by its number of rows, as for any model."""
        return time_passes(
            lambda spans: self.forward(spans).logits, self.pool, rows, context_len=context_len, budget_s=budget_s
        )

    def _before(self, batch: ForwardBatch) -> Tensor:  # [num_query_tokens, hidden_size]
        """Return the target's hidden state before each token; zeros before a first token."""
        size = batch.block_size
        slots = [
            span.block_table[p // size] * size + p % size if p >= 0 else 0
            for span in batch.spans
            for p in range(span.start - 1, span.seq_len - 1)
        ]
        states = self._hidden_states.read(torch.tensor(slots, dtype=torch.int64, device=batch.device))
        return states.masked_fill_((batch.positions == 0)[:, None], 0)
