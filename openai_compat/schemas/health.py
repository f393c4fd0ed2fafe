"""GET /health and /ready."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Health(Struct, kw_only=True):
    """Whether the engine serves, what it runs on, and how busy it is; of a model that is loading less is known."""

    status: Literal["ok", "loading", "draining", "unavailable"]
    """Draining: the server was told to stop and finishes what runs. Unavailable: the engine has ended."""
    model: str
    device: str | UnsetType = UNSET
    dtype: str | UnsetType = UNSET
    num_running: int | UnsetType = UNSET
    num_waiting: int | UnsetType = UNSET
    num_blocks: int | UnsetType = UNSET
    num_free_blocks: int | UnsetType = UNSET
    """KV blocks that could be handed out now, cached ones that nobody uses included."""
    block_size: int | UnsetType = UNSET
    """Tokens per block."""
    kv_cache_dtype: str | UnsetType = UNSET
    kv_cache_bytes: int | UnsetType = UNSET
    """Of all blocks, in the pools of the model and of what drafts for it."""
