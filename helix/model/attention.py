"""PagedAttention as a transformers attention function: write new keys, read through block tables.

The model's own code runs unchanged; it finds this function under the name "helix" in transformers' AttentionInterface.
What to attend to travels in one context that refuses nesting: some families drop unknown keywords of a forward call.

Source: Kwon et al., arXiv 2309.06180, section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helix.kernels.attention import AttentionKernel, load_attention_kernel
from helix.kernels.build import KernelBuildError
from helix.kv_cache.pool import KVCachePool
from helix.model.batch import AttentionGroup, ForwardBatch
from helix.model.families import LayerSpec

IMPLEMENTATION = "helix"
"""Name under which transformers finds paged_attention."""


@dataclass(frozen=True, slots=True)
class AttentionContext:
    """What the attention of one forward pass works on."""

    batch: ForwardBatch
    pool: KVCachePool
    layers: Sequence[LayerSpec]
    kernel: AttentionKernel | None = None
    """None: gather each context and attend with torch's operators."""


def choose_kernel(device: torch.device, dtype: torch.dtype) -> AttentionKernel | None:
    """Return Helix's own kernel where it can be used."""
    if device.type != "cpu" or dtype is not torch.float32:
        return None
    try:
        return load_attention_kernel()
    except KernelBuildError:
        return None  # the linear layers have said why


_active: list[AttentionContext] = []


@contextmanager
def attention_context(context: AttentionContext) -> Iterator[None]:
    """Make context the one that paged_attention uses until the block ends.

    Raises:
        RuntimeError: Another forward pass is active.
    """
    if _active:
        raise RuntimeError("a forward pass is active already; models run one after another")
    _active.append(context)
    try:
        yield
    finally:
        _active.pop()


def active_context() -> AttentionContext | None:
    """Return what the forward pass that is running works on; None outside of one."""
    return _active[-1] if _active else None


def paged_attention(
    module: nn.Module,
    query: Tensor,  # [1, num_heads, num_query_tokens, key_dim]
    key: Tensor,  # [1, num_kv_heads, num_query_tokens, key_dim], positions applied
    value: Tensor,  # [1, num_kv_heads, num_query_tokens, value_dim]
    attention_mask: Tensor | None,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,  # [num_heads] attention sinks
    **_: Any,
) -> tuple[Tensor, None]:
    """Store the new tokens' KV in their slots and attend through the block tables.

    Returns:
        [1, num_query_tokens, num_heads, value_dim], and None for the attention weights nobody asked for.
    """
    context = _active[-1]
    layer = int(module.layer_idx)  # type: ignore[arg-type]
    spec = context.layers[layer]
    pool = context.pool
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if context.kernel is not None and query.dtype is torch.float32 and softcap is None and s_aux is None:
        batch = context.batch
        out = context.kernel(
            query[0], key[0], value[0], pool.keys[layer], pool.values[layer], batch.slot_mapping, batch.positions,
            batch.owners, batch.block_tables, batch.block_size, window=spec.window, chunk=spec.chunk, scale=scale,
        )  # fmt: skip
        return out[None], None
    pool.write(layer, context.batch.slot_mapping, key[0].transpose(0, 1), value[0].transpose(0, 1))
    rows = query[0].transpose(0, 1)  # [num_query_tokens, num_heads, key_dim]
    groups = context.batch.attention_groups
    if len(groups) == 1 and groups[0].query_rows is None:
        return _attend(rows[None], pool, layer, groups[0], spec, scale, softcap, s_aux), None
    out = query.new_empty(rows.shape[0], rows.shape[1], value.shape[-1])
    for group in groups:
        if group.query_rows is None:
            span = slice(group.query_start, group.query_start + group.query_lens[0])
            out[span] = _attend(rows[None, span], pool, layer, group, spec, scale, softcap, s_aux)[0]
        else:
            # Padding rows repeat the last real row, so writing all of them back is harmless.
            out[group.query_rows] = _attend(rows[group.query_rows], pool, layer, group, spec, scale, softcap, s_aux)
    return out[None], None


def _attend(
    query: Tensor,  # [num_requests, max_query_len, num_heads, key_dim]
    pool: KVCachePool,
    layer: int,
    group: AttentionGroup,
    spec: LayerSpec,
    scale: float,
    softcap: float | None,
    sinks: Tensor | None,
) -> Tensor:  # [num_requests, max_query_len, num_heads, value_dim]
    """Gather the group's contexts from the pool and attend to them, all heads of a KV head in one product."""
    num_requests, query_len, num_heads, key_dim = query.shape
    keys, values = pool.read(layer, group.kv_slots.flatten(), query.dtype)
    num_kv_heads = keys.shape[1]
    share = num_heads // num_kv_heads
    kv_shape = (num_requests, group.kv_slots.shape[1], num_kv_heads, -1)
    k, v = (tensor.view(kv_shape).transpose(1, 2) for tensor in (keys, values))
    # [num_requests, num_kv_heads, share * query_len, key_dim]: each key is read once for all heads that share it.
    q = query.view(num_requests, query_len, num_kv_heads, share, key_dim).permute(0, 2, 3, 1, 4)
    mask = group.mask(spec.window, spec.chunk)
    if softcap is None and sinks is None:
        q = q.reshape(num_requests, num_kv_heads, share * query_len, key_dim)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask.repeat(1, 1, share, 1), scale=scale)
        out = out.view(num_requests, num_kv_heads, share, query_len, -1)
    else:
        scores = torch.einsum("nhsqd,nhkd->nhsqk", q, k) * scale
        if softcap is not None:
            scores = torch.tanh(scores / softcap) * softcap
        scores = scores.masked_fill(~mask[:, :, None], torch.finfo(scores.dtype).min)
        if sinks is not None:
            sink = sinks.to(scores.dtype).view(1, num_kv_heads, share, 1, 1).expand(*scores.shape[:-1], 1)
            scores = torch.cat((scores, sink), dim=-1)
        weights = scores.softmax(dim=-1, dtype=torch.float32).to(v.dtype)
        out = torch.einsum("nhsqk,nhkd->nhsqd", weights[..., : k.shape[2]], v)
    return out.permute(0, 3, 1, 2, 4).reshape(num_requests, query_len, num_heads, -1)


def register() -> None:
    """Make paged_attention known to transformers; calling it again changes nothing."""
    from transformers import AttentionInterface

    AttentionInterface.register(IMPLEMENTATION, paged_attention)
