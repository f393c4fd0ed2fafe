"""A tensor in name only: it stands where a module's weight was and reads the real one when an operator asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map


class StandIn(Tensor):
    """Has the shape and dtype of a weight and holds no memory.

    Looking up rows (`aten.embedding`) reads those rows; any other operator reads the whole weight, correctly and
    slowly. Either comes out in the dtype that the stand-in shows.
    """

    _read: Callable[[], Tensor]
    _read_rows: Callable[[Tensor], Tensor]

    @staticmethod
    def __new__(
        cls,
        shape: torch.Size,
        dtype: torch.dtype,
        read: Callable[[], Tensor],  # () -> [*shape]
        read_rows: Callable[[Tensor], Tensor],  # [...] int64 -> [..., *shape[1:]]
    ) -> StandIn:
        """Make a tensor without storage."""
        stand_in: StandIn = Tensor._make_wrapper_subclass(cls, shape, dtype=dtype, device=torch.device("cpu"))
        stand_in._read = read
        stand_in._read_rows = read_rows
        return stand_in

    def __init__(self, *_: object) -> None:
        super().__init__()

    def __repr__(self, **_: object) -> str:  # type: ignore[override]
        return f"StandIn(shape={tuple(self.shape)}, dtype={self.dtype})"

    def rows(
        self,
        indices: Tensor,  # [...] int64
    ) -> Tensor:
        """Look up rows as `F.embedding` does, without the way through torch; returns [..., *shape[1:]]."""
        return self._read_rows(indices).to(self.dtype)

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.embedding.default and isinstance(args[0], StandIn):
            return args[0].rows(args[1])

        def plain(value: Any) -> Any:
            return value._read().to(value.dtype) if isinstance(value, StandIn) else value

        return func(*tree_map(plain, args), **tree_map(plain, kwargs or {}))
