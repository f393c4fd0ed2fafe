"""Attention through block tables against a loop over positions in float64."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from helix.kv_cache.pool import KVCachePool, KVLayout
from helix.model.attention import (
    IMPLEMENTATION,
    AttentionContext,
    attention_context,
    choose_kernel,
    paged_attention,
    register,
)
from helix.model.batch import ForwardBatch, Span
from helix.model.families import LayerSpec

CPU = torch.device("cpu")
BLOCK_SIZE = 4
NUM_HEADS, NUM_KV_HEADS, KEY_DIM, VALUE_DIM = 6, 2, 8, 4
LAYER = 1
"""The second of two layers, so that layers cannot be mixed up unnoticed."""
SPANS = [
    ([7, 2, 30], 9, 1),  # decoding
    ([5, 11, 3], 6, 4),  # verification across the border of a block
    ([8], 0, 3),  # a whole prompt
    (list(range(12, 27)), 17, 40),  # a long chunk, which attends alone
    ([1], 0, 1),  # one token without a past
]
"""Block table, start and number of query tokens."""


class Past:
    """Queries, keys and values of one request at every position."""

    def __init__(self, num_tokens: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.queries = torch.randn(num_tokens, NUM_HEADS, KEY_DIM, generator=generator)
        self.keys = torch.randn(num_tokens, NUM_KV_HEADS, KEY_DIM, generator=generator)
        self.values = torch.randn(num_tokens, NUM_KV_HEADS, VALUE_DIM, generator=generator)

    def attend(self, position: int, spec: LayerSpec, scale: float, softcap: float | None, sinks: Any) -> Tensor:
        """Return [num_heads, value_dim] in float64 for the query of one position."""
        seen = [
            p
            for p in range(position + 1)
            if (spec.window is None or p > position - spec.window)
            and (spec.chunk is None or p // spec.chunk == position // spec.chunk)
        ]
        heads = []
        for head in range(NUM_HEADS):
            kv_head = head // (NUM_HEADS // NUM_KV_HEADS)
            scores = self.keys[seen, kv_head].double() @ self.queries[position, head].double() * scale
            if softcap is not None:
                scores = torch.tanh(scores / softcap) * softcap
            weights = scores.exp()
            total = weights.sum() + (0 if sinks is None else sinks[head].double().exp())
            heads.append((weights / total) @ self.values[seen, kv_head].double())
        return torch.stack(heads)


def _attend(
    spans: Sequence[tuple[list[int], int, int]], spec: LayerSpec, *, kernel: bool = False, **options: Any
) -> tuple[Tensor, Tensor]:
    """Return what paged_attention computes for spans, and what it should; [num_query_tokens, num_heads, value_dim]."""
    layout = KVLayout(NUM_KV_HEADS, KEY_DIM, VALUE_DIM)
    pool = KVCachePool([layout] * 2, num_blocks=32, block_size=BLOCK_SIZE, dtype=torch.float32, device=CPU)
    for tensor in (*pool.keys, *pool.values):
        tensor.fill_(1e3)  # what others left behind
    pasts = [Past(start + num_query, seed) for seed, (_, start, num_query) in enumerate(spans)]
    for past, (table, start, _) in zip(pasts, spans, strict=True):
        slots = torch.tensor(
            [table[p // BLOCK_SIZE] * BLOCK_SIZE + p % BLOCK_SIZE for p in range(start)], dtype=torch.int64
        )
        pool.write(LAYER, slots, past.keys[:start], past.values[:start])
    batch = ForwardBatch(
        [Span(table, start, [0] * num_query, 1) for table, start, num_query in spans],
        block_size=BLOCK_SIZE,
        device=CPU,
    )
    query, key, value = (
        torch.cat([getattr(past, name)[start:] for past, (_, start, _) in zip(pasts, spans, strict=True)])
        .transpose(0, 1)
        .unsqueeze(0)
        for name in ("queries", "keys", "values")
    )
    own = choose_kernel(CPU, torch.float32) if kernel else None
    if kernel and own is None:
        pytest.skip("Helix's own kernels are not available here")
    module = cast(nn.Module, SimpleNamespace(layer_idx=LAYER))
    with attention_context(AttentionContext(batch, pool, [LayerSpec(layout, window=1), spec], own)):
        out, weights = paged_attention(module, query, key, value, None, **options)
    assert weights is None
    assert torch.equal(pool.keys[0], torch.full_like(pool.keys[0], 1e3)), "another layer was written to"
    scale = options.get("scaling") or 1 / math.sqrt(KEY_DIM)
    expected = [
        past.attend(position, spec, scale, options.get("softcap"), options.get("s_aux"))
        for past, (_, start, num_query) in zip(pasts, spans, strict=True)
        for position in range(start, start + num_query)
    ]
    return out[0], torch.stack(expected)


SPECS = {
    "everything": {},
    "window": {"window": 5},
    "window of one": {"window": 1},
    "chunks": {"chunk": 6},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "scaled": {"scaling": 0.9},
    "capped": {"softcap": 1.5},
    "with sinks": {"s_aux": torch.linspace(-2, 2, NUM_HEADS)},
    "capped with sinks": {"softcap": 2.0, "s_aux": torch.linspace(2, -1, NUM_HEADS)},
}


@pytest.mark.parametrize("kernel", [False, True], ids=["torch", "kernel"])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_it_is_attention_over_each_requests_own_past(
    spec: dict[str, int], options: dict[str, Any], kernel: bool
) -> None:
    layer = LayerSpec(KVLayout(NUM_KV_HEADS, KEY_DIM, VALUE_DIM), **spec)
    out, expected = _attend(SPANS, layer, kernel=kernel, **options)
    assert torch.allclose(out.double(), expected, atol=1e-5)


def test_a_request_alone_and_in_company_attend_alike() -> None:
    layer = LayerSpec(KVLayout(NUM_KV_HEADS, KEY_DIM, VALUE_DIM))
    together, _ = _attend(SPANS, layer)
    alone, _ = _attend(SPANS[:1], layer)
    assert torch.allclose(together[:1], alone, atol=1e-6)


def test_contexts_do_not_nest_and_end_with_an_error() -> None:
    """Two models that run at once would write into each other's pools."""
    context = cast(AttentionContext, object())
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), attention_context(context):
            with pytest.raises(RuntimeError, match="active"), attention_context(context):
                pass
            raise ZeroDivisionError


def test_transformers_finds_it_by_its_name() -> None:
    from transformers import AttentionInterface

    register()
    register()
    assert AttentionInterface()[IMPLEMENTATION] is paged_attention
