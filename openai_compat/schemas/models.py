"""The models resource."""

from __future__ import annotations

from msgspec import Struct


class Model(Struct, kw_only=True):
    """A name under which the engine answers."""

    id: str
    object: str = "model"
    created: int
    owned_by: str = "helix"
    max_model_len: int
    """Longest prompt plus completion in tokens; beyond OpenAI's fields."""


class ModelList(Struct, kw_only=True):
    """All names under which the engine answers."""

    object: str = "list"
    data: list[Model]
