"""Puts the fused decoder in the place of a model's own where both compute the same."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from helix.kernels.build import KernelBuildError
from helix.kernels.decoder import load_decoder_kernel
from helix.kv_cache.pool import KVCachePool
from helix.model.attention import AttentionContext, active_context, attention_context, choose_kernel
from helix.model.batch import ForwardBatch, Span
from helix.model.families import LayerSpec
from helix.model.fused_decoder import FusedDecoder, UnfusableError
from helix.model.stand_in import StandIn

logger = logging.getLogger(__name__)


class DecoderOutput(NamedTuple):
    """What hooks read of a decoder's output, under the names that transformers uses."""

    last_hidden_state: Tensor  # [1, num_query_tokens, hidden_size]


class FusedModel:
    """A model whose decoder runs fused wherever paged attention would; else, and for its hooks, it is as it was."""

    def __init__(self, module: nn.Module, fused: FusedDecoder) -> None:
        model: Any = module
        self._fused = fused
        self._decoder = model.get_decoder()
        self._embed: nn.Module = model.get_input_embeddings()
        self._lm_head: nn.Module = model.get_output_embeddings()
        self._own_forward = self._decoder.forward
        self._decoder.forward = self._forward

    def logits(
        self,
        batch: ForwardBatch,
        rows: Tensor,  # [num_logits] int64
    ) -> Tensor:  # [num_logits, vocab_size]
        """Compute a batch in the active context and return the logits of some of its rows."""
        if 2 * rows.shape[0] <= batch.num_query_tokens and not self._decoder._forward_hooks:
            kept: Tensor = self._lm_head(self.hidden_states(batch, rows))
            return kept
        return self.logits_of(self.hidden_states(batch), rows)

    def hidden_states(
        self,
        batch: ForwardBatch,
        kept: Tensor | None = None,  # [num_kept] int64; None: all rows
    ) -> Tensor:  # [num_query_tokens, or as many as are kept, hidden_size]
        """Compute a batch in the active context and return what the LM head reads; hooks want all rows."""
        context = active_context()
        if context is not None and not self._decoder._forward_hooks:
            return self._fused(_look_up(self._embed, batch.input_ids), context, kept)
        output = self._decoder(input_ids=batch.input_ids[None], position_ids=batch.positions[None])
        states: Tensor = output.last_hidden_state[0]
        return states if kept is None else states[kept]

    def logits_of(
        self,
        states: Tensor,  # [num_query_tokens, hidden_size]
        rows: Tensor,  # [num_logits] int64
    ) -> Tensor:  # [num_logits, vocab_size]
        """Return the logits of some rows of hidden states."""
        logits: Tensor = self._lm_head(states if rows.shape[0] == states.shape[0] else states[rows])
        return logits

    def _forward(self, input_ids: Tensor | None = None, **others: Any) -> Any:
        context = active_context()
        if context is None or input_ids is None:
            return self._own_forward(input_ids=input_ids, **others)
        return DecoderOutput(self._fused(_look_up(self._embed, input_ids[0]), context)[None])


def fuse(module: nn.Module, specs: Sequence[LayerSpec], *, is_quantised: bool) -> FusedModel | None:
    """Fuse the decoder of a model with packed linear layers and paged attention; None leaves it as it is."""
    try:
        fused = FusedDecoder(module.get_decoder(), specs, load_decoder_kernel())  # type: ignore[operator]
        _compare(module, specs, fused, limit=0.2 if is_quantised else 1e-2)
    except (AttributeError, KernelBuildError, RuntimeError, TypeError, UnfusableError) as error:
        logger.info("%s runs layer by layer: %s", type(module).__name__, str(error).splitlines()[0])
        return None
    return FusedModel(module, fused)


@torch.inference_mode()
def _compare(module: nn.Module, specs: Sequence[LayerSpec], fused: FusedDecoder, *, limit: float) -> None:
    """Compute two requests in two passes, layer by layer on the same inputs; raises UnfusableError beyond the limit.

    The limit is on the largest difference in units of the spread of what a layer adds.
    """
    model: Any = module
    decoder, lm_head = model.get_decoder(), model.get_output_embeddings()
    own, other = (_pool(specs) for _ in range(2))
    kernel = choose_kernel(torch.device("cpu"), torch.float32)
    ids = [i % model.config.get_text_config().vocab_size for i in range(2, 17)]
    first, second = (2, 0, 5), (1, 4)
    for spans in (
        [Span(first, 0, ids[:7], 1), Span(second, 0, ids[7:10], 1)],
        [Span(first, 7, ids[10:12], 1), Span(second, 3, ids[12:15], 1)],
    ):
        batch = ForwardBatch(spans, block_size=own.block_size, device=torch.device("cpu"))
        context = AttentionContext(batch, other, specs)
        with attention_context(AttentionContext(batch, own, specs, kernel)), _recorded(decoder.layers) as passed:
            output = module(input_ids=batch.input_ids[None], position_ids=batch.positions[None], use_cache=False)
        if not torch.equal(passed[0][0], _look_up(decoder.embed_tokens, batch.input_ids)):
            raise UnfusableError("its layers read something else than embeddings")
        for index, (x, y) in enumerate(passed):
            difference, spread = (fused.layer(index, x, context) - y).abs().max(), (y - x).std()
            if not difference <= limit * spread + 1e-6 * y.abs().max():
                raise UnfusableError(f"layer {index} differs by {float(difference / spread):.2g} of what it adds")
        if not torch.allclose(lm_head(decoder.norm(passed[-1][1])), output.logits[0], rtol=1e-3, atol=1e-4):
            raise UnfusableError("its logits are not what its last layer says")


@contextmanager
def _recorded(layers: nn.ModuleList) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Collect what each layer reads and returns, [num_query_tokens, hidden_size], while the block runs."""
    passed: list[tuple[Tensor, Tensor]] = []

    def record(_: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> None:
        passed.append((arguments[0][0], output[0]))

    handles = [layer.register_forward_hook(record) for layer in layers]
    try:
        yield passed
    finally:
        for handle in handles:
            handle.remove()


def _look_up(embeddings: nn.Module, ids: Tensor) -> Tensor:  # [num_query_tokens, hidden_size] float32
    """Return rows of a table, on a shorter way where Helix keeps it."""
    weight = embeddings.weight
    rows: Tensor = weight.rows(ids) if isinstance(weight, StandIn) else embeddings(ids)
    return rows


def _pool(specs: Sequence[LayerSpec]) -> KVCachePool:
    return KVCachePool(
        [spec.kv for spec in specs], num_blocks=6, block_size=4, dtype=torch.float32, device=torch.device("cpu")
    )
