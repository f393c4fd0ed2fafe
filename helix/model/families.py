"""What a probe forward found out about each layer; which architectures are refused and why.

Nothing is guessed from names in a config: one forward pass of a few tokens with a recording attention function says
how many KV heads and dimensions each layer has, which window or chunk it sees, and whether every layer calls the
attention function once. Families that bypass it would be served wrongly without any error; they are refused here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from helix.errors import ModelLoadError
from helix.kv_cache.pool import KVLayout

PROBE = "helix_probe"


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """What one layer's attention needs."""

    kv: KVLayout
    window: int | None = None
    """Sliding window in tokens, the current one included; None: the whole context."""
    chunk: int | None = None
    """Chunked attention: only positions of the same chunk of this many tokens."""


@dataclass(frozen=True, slots=True)
class _MaskSpec:
    """Stands in for a mask during the probe."""

    window: int | None
    chunk: int | None
    is_known: bool


def probe(model: nn.Module, architecture: str) -> list[LayerSpec]:
    """Run a forward pass of three tokens and return the spec of each layer, in order of layer_idx.

    Raises:
        ModelLoadError: The family cannot be served through paged attention; says which and why.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    calls: dict[int, LayerSpec] = {}

    def refuse(why: str) -> ModelLoadError:
        return ModelLoadError(f"{architecture} cannot be served with paged attention: {why}.")

    def record(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        sliding_window: int | None = None,
        **_: Any,
    ) -> tuple[Tensor, None]:
        layer = getattr(module, "layer_idx", None)
        if layer is None:
            raise refuse("its attention layers are not numbered")
        if layer in calls:
            raise refuse(f"layer {layer} attends more than once per pass")
        if key.shape[2] != query.shape[2]:
            raise refuse(f"layer {layer} attends to other tokens than its own")
        if attention_mask is not None and not (isinstance(attention_mask, _MaskSpec) and attention_mask.is_known):
            raise refuse(f"layer {layer} uses an attention mask of its own")
        window, chunk = sliding_window, None
        if isinstance(attention_mask, _MaskSpec):
            window, chunk = attention_mask.window, attention_mask.chunk
        kv = KVLayout(num_kv_heads=key.shape[1], key_dim=key.shape[3], value_dim=value.shape[3])
        calls[layer] = LayerSpec(kv, window=window, chunk=chunk)
        return query.new_zeros(1, query.shape[2], query.shape[1], value.shape[3]), None

    AttentionInterface.register(PROBE, record)
    AttentionMaskInterface.register(PROBE, _describe_mask)
    try:
        model.set_attn_implementation(PROBE)  # type: ignore[operator]
        device = next(model.parameters()).device
        ids = torch.zeros(1, 3, dtype=torch.int64, device=device)
        positions = torch.arange(3, device=device)[None]
        with torch.inference_mode():
            model(input_ids=ids, position_ids=positions, use_cache=False)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise refuse(f"the probe failed ({error})") from error
    text_config = model.config.get_text_config()  # type: ignore[union-attr, operator]
    num_layers = int(text_config.num_hidden_layers)
    if sorted(calls) != list(range(num_layers)):
        raise refuse(f"{len(calls)} of its {num_layers} layers use the attention interface")
    return [calls[layer] for layer in range(num_layers)]


def _describe_mask(*, mask_function: Callable[..., Tensor], local_size: int | None = None, **_: Any) -> _MaskSpec:
    """Find out what a mask means by asking it about a few positions."""

    def sees(query: int, key: int) -> bool:
        index = torch.zeros((), dtype=torch.int64)
        return bool(mask_function(index, index, index + query, index + key))

    if local_size is None:
        return _MaskSpec(None, None, is_known=sees(5, 0) and not sees(5, 6))
    if sees(local_size, local_size - 1):  # a window slides over the border that a chunk ends at
        is_known = sees(local_size, 1) and not sees(local_size, 0)
        return _MaskSpec(local_size, None, is_known=is_known)
    is_known = sees(local_size - 1, 0) and sees(2 * local_size - 1, local_size)
    return _MaskSpec(None, local_size, is_known=is_known)
