"""Runs one model over one batch; everything on the device happens here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from helix.errors import ModelLoadError
from helix.kv_cache.pool import HiddenStatePool, KVCachePool
from helix.model.attention import IMPLEMENTATION, AttentionContext, attention_context, choose_kernel
from helix.model.batch import ForwardBatch, Span
from helix.model.loader import LoadedModel


class ModelRunner:
    """A model and its KV pool, and a pool of its hidden states if somebody reads them."""

    def __init__(self, loaded: LoadedModel, pool: KVCachePool, hidden_states: HiddenStatePool | None = None) -> None:
        self.loaded = loaded
        self.pool = pool
        self.hidden_states = hidden_states
        self.attention_kernel = choose_kernel(loaded.device, loaded.dtype)
        self._last_hidden_states: Tensor | None = None
        if hidden_states is not None and loaded.fused is None:
            loaded.module.get_decoder().register_forward_hook(self._catch)  # type: ignore[operator]

    @torch.inference_mode()
    def forward(self, spans: Sequence[Span]) -> Tensor:  # [sum of num_logits, vocab_size]
        """Compute the spans in one pass, write their KV, and return the logits they ask for, span after span.

        Where hidden states are kept, those of all tokens computed are written too.
        """
        batch = ForwardBatch(spans, block_size=self.pool.block_size, device=self.loaded.device)
        rows = batch.logits_indices
        num_logits = rows.shape[0]
        if not num_logits:  # a chunk inside a prompt; the LM head wants at least one row
            rows = torch.zeros(1, dtype=torch.int64, device=self.loaded.device)
        with attention_context(AttentionContext(batch, self.pool, self.loaded.layers, self.attention_kernel)):
            logits = self._logits(batch, rows)
        if self.hidden_states is not None:
            assert self._last_hidden_states is not None, "the decoder ran without its hook"
            self.hidden_states.write(batch.slot_mapping, self._last_hidden_states)
            self._last_hidden_states = None
        return logits if num_logits else logits[:0]

    def time_passes(self, rows: Sequence[int], *, context_len: int = 0, budget_s: float = 2.0) -> dict[int, float]:
        """Return the seconds of a pass by its number of rows, as `time_passes` finds them."""
        return time_passes(self.forward, self.pool, rows, context_len=context_len, budget_s=budget_s)

    def _logits(self, batch: ForwardBatch, rows: Tensor) -> Tensor:
        if (fused := self.loaded.fused) is not None:
            if self.hidden_states is None:
                return fused.logits(batch, rows)
            self._last_hidden_states = fused.hidden_states(batch)
            return fused.logits_of(self._last_hidden_states, rows)
        output = self.loaded.module(
            input_ids=batch.input_ids[None],
            position_ids=batch.positions[None],
            use_cache=False,
            logits_to_keep=rows,
        )
        logits: Tensor = output.logits[0]
        return logits

    def _catch(self, module: nn.Module, arguments: Any, output: Any) -> None:
        """Keep what the decoder returns, which is what the LM head reads: behind the final norm."""
        self._last_hidden_states = output.last_hidden_state[0]


def time_passes(
    forward: Callable[[Sequence[Span]], Tensor],
    pool: KVCachePool,
    rows: Sequence[int],
    *,
    context_len: int = 0,
    budget_s: float = 2.0,
) -> dict[int, float]:
    """Return the seconds of a pass by its number of rows behind context_len tokens; overwrites the first blocks.

    The best of some: after a pass to warm up, numbers of rows take turns until the budget is spent.
    """
    table = range(-(-(context_len + max(rows)) // pool.block_size))
    if len(table) > pool.num_blocks:
        raise ValueError(f"{context_len + max(rows)} tokens do not fit {pool.num_blocks} blocks")
    best = dict.fromkeys(rows, float("inf"))
    forward([Span(table, context_len, [0] * max(rows), 1)])
    started_s = time.perf_counter()
    for turn in range(_MAX_TURNS):
        if turn and time.perf_counter() - started_s > budget_s:
            break
        for num_rows in rows:
            began_s = time.perf_counter()
            logits = forward([Span(table, context_len, [0] * num_rows, num_rows)])
            logits[-1, 0].item()  # wait for an accelerator
            best[num_rows] = min(best[num_rows], time.perf_counter() - began_s)
    return best


_MAX_TURNS = 4


@torch.inference_mode()
def self_test(loaded: LoadedModel, *, block_size: int, kv_dtype: torch.dtype | None = None) -> float:
    """Compare paged logits with the model's own attention and return the largest difference, in units of their spread.

    The paged side computes a random prompt in two chunks, writes wrong drafts, and rolls back over scattered blocks.
    Where activations are rounded, to narrow floats or, most, to 8 bits, the two may round differently; a family that is
    served wrongly is several standard deviations off. Where the KV cache is to be narrower than the model, of kv_dtype,
    the comparison is made with such a one as well, and the difference returned is that.

    Raises:
        ModelLoadError: The two disagree: the family would be served wrongly.
    """
    num_tokens = min(3 * block_size + 3, loaded.max_model_len - 4)
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, loaded.vocab_size, (num_tokens,), generator=generator).tolist()
    loaded.module.set_attn_implementation("eager")  # type: ignore[operator]
    try:
        stock = loaded.module(
            input_ids=torch.tensor([ids], device=loaded.device),
            position_ids=torch.arange(num_tokens, device=loaded.device)[None],
            use_cache=False,
        ).logits[0]
    finally:
        loaded.module.set_attn_implementation(IMPLEMENTATION)  # type: ignore[operator]
    is_exact = loaded.dtype is torch.float32 and loaded.matmul_precision == "float32"
    limit = 0.5 if loaded.quantization != "none" else 2e-3 if is_exact else 0.2
    difference = 0.0
    for dtype in dict.fromkeys((loaded.dtype, kv_dtype or loaded.dtype)):
        is_narrow = dtype is not loaded.dtype
        most = 0.5 if is_narrow else limit
        paged = _paged_logits(loaded, ids, block_size=block_size, dtype=dtype)
        difference = float((paged.float() - stock.float()).abs().max() / stock.float().std().clamp(min=1e-6))
        if not difference < most:
            cache = f" and a KV cache of {str(dtype).removeprefix('torch.')}" if is_narrow else ""
            raise ModelLoadError(
                f"{loaded.architecture} cannot be served with paged attention{cache}: its logits differ from the "
                f"model's own by {difference:.2g} standard deviations (limit {most})."
            )
    return difference


def _paged_logits(loaded: LoadedModel, ids: list[int], *, block_size: int, dtype: torch.dtype) -> Tensor:
    """Compute a prompt in parts behind a table of scattered blocks; returns [len(ids), vocab_size]."""
    num_tokens = len(ids)
    num_blocks = num_tokens // block_size + 2
    pool = KVCachePool(
        [layer.kv for layer in loaded.layers],
        num_blocks=num_blocks,
        block_size=block_size,
        dtype=dtype,
        device=loaded.device,
    )
    runner = ModelRunner(loaded, pool)
    table = torch.randperm(num_blocks, generator=torch.Generator().manual_seed(0)).tolist()
    first, second = num_tokens // 3, 2 * num_tokens // 3
    paged = [runner.forward([Span(table, 0, ids[:first], first)])]
    paged.append(runner.forward([Span(table, first, ids[first:second], second - first)]))
    runner.forward([Span(table, second, [ids[0], ids[1], ids[2]], 3)])  # drafts that are rejected
    paged.append(runner.forward([Span(table, second, ids[second:], num_tokens - second)]))
    return torch.cat(paged)
