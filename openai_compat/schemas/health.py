"""GET /health."""

from __future__ import annotations

from msgspec import Struct


class Health(Struct, kw_only=True):
    """Whether the engine serves, and how busy it is."""

    status: str
    model: str
    num_running: int
    num_waiting: int
    num_blocks: int
    num_free_blocks: int
