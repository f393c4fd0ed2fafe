"""The key and value tensors of one model, its hidden states where they are kept, and writing to slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from helix.kv_cache.int8 import NUM_SCALE_BYTES, dequantize, quantize
from helix.kv_cache.pages import Pages, host_zeros


@dataclass(frozen=True, slots=True)
class KVLayout:
    """Shape of one layer's cache, as a probe forward found it."""

    num_kv_heads: int
    key_dim: int
    value_dim: int

    def num_bytes_per_token(self, dtype: torch.dtype) -> int:
        """Bytes that a token takes in a pool of this type."""
        return self.num_kv_heads * (_width(self.key_dim, dtype) + _width(self.value_dim, dtype)) * dtype.itemsize


class _Blocks:
    """Tensors that are cut into blocks of slots, and host memory for blocks that were evicted from them."""

    def __init__(self, pages: Sequence[Pages], block_size: int) -> None:
        self.block_size = block_size
        self._pages = tuple(pages)
        self._tensors = tuple(one.tensor for one in pages)
        self._swapped: tuple[Tensor, ...] = tuple(tensor[:0] for tensor in self._tensors)

    @property
    def num_bytes(self) -> int:
        """Memory taken once every block was written."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self._tensors)

    def add_swap_space(self, num_blocks: int) -> None:
        """Take host memory for num_blocks blocks; their ids follow those of the pool."""
        self._swapped = tuple(
            host_zeros((num_blocks * self.block_size, *tensor.shape[1:]), dtype=tensor.dtype, beside=tensor.device)
            for tensor in self._tensors
        )

    def copy_blocks(self, copies: Sequence[tuple[int, int]]) -> None:
        """Copy whole blocks (source, destination) in every tensor, one after another."""
        for source, destination in copies:
            for tensor, swapped in zip(self._tensors, self._swapped, strict=True):
                self._block(tensor, swapped, destination).copy_(self._block(tensor, swapped, source))

    def release_blocks(self, runs: Sequence[tuple[int, int]]) -> None:
        """Give the memory of runs of blocks [start, end), of which nobody needs anything, back to the system.

        That of the pages which lie wholly in a run, on a CPU under Linux; they take memory again when they are written.
        """
        for pages in self._pages:
            for start, end in runs:
                pages.release(start * self.block_size, end * self.block_size)

    def _block(self, tensor: Tensor, swapped: Tensor, block_id: int) -> Tensor:
        start = block_id * self.block_size
        if start >= len(tensor):
            tensor, start = swapped, start - len(tensor)
        return tensor[start : start + self.block_size]


class KVCachePool(_Blocks):
    """KV memory of one model: per layer a key and a value tensor of num_blocks * block_size slots.

    Block ids mean the same in the pool of the target and in that of the draft, so that one block table, one
    allocation and one rollback serve both.

    With dtype int8 keys and values are quantised as they are written, as `kv_cache.int8` says.

    Source: Kwon et al., arXiv 2309.06180, section 4.
    """

    def __init__(
        self,
        layouts: Sequence[KVLayout],
        *,
        num_blocks: int,
        block_size: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self.num_blocks = num_blocks
        self.layouts = tuple(layouts)
        self.dtype = dtype

        # Zeroed: slots that were never written are masked, but 0 * NaN would still be NaN.
        def pages(layout: KVLayout, size: int) -> Pages:
            shape = (num_blocks * block_size, layout.num_kv_heads, _width(size, dtype))
            return Pages(shape, dtype=dtype, device=device)

        keys = [pages(layout, layout.key_dim) for layout in layouts]
        values = [pages(layout, layout.value_dim) for layout in layouts]
        self.keys = [one.tensor for one in keys]
        self.values = [one.tensor for one in values]
        super().__init__((*keys, *values), block_size)

    def write(
        self,
        layer: int,
        slots: Tensor,  # [num_query_tokens] int64
        key: Tensor,  # [num_query_tokens, num_kv_heads, key_dim]
        value: Tensor,  # [num_query_tokens, num_kv_heads, value_dim]
    ) -> None:
        """Store the keys and values of new tokens in their slots."""
        for pool, new in ((self.keys[layer], key), (self.values[layer], value)):
            pool.index_copy_(0, slots, quantize(new) if self.dtype is torch.int8 else new.to(self.dtype))

    def read(
        self,
        layer: int,
        slots: Tensor,  # [num_slots] int64
        dtype: torch.dtype,
    ) -> tuple[Tensor, Tensor]:
        """Return copies of the keys and values in some slots, [num_slots, num_kv_heads, key_dim or value_dim]."""
        key, value = (pool[layer].index_select(0, slots) for pool in (self.keys, self.values))
        if self.dtype is torch.int8:
            key, value = dequantize(key), dequantize(value)
        return key.to(dtype), value.to(dtype)


class HiddenStatePool(_Blocks):
    """What the LM head read for each token, in the slots of its KV: one vector a token.

    Heads that draft need the hidden state before each token they compute. Kept beside the KV, it is valid where the KV
    is: after a rejection, a preemption, a hit of the prefix cache or a copied block alike.
    """

    def __init__(
        self, hidden_size: int, *, num_blocks: int, block_size: int, dtype: torch.dtype, device: torch.device
    ) -> None:
        pages = Pages((num_blocks * block_size, hidden_size), dtype=dtype, device=device)
        self._states = pages.tensor
        super().__init__((pages,), block_size)

    def write(
        self,
        slots: Tensor,  # [num_query_tokens] int64
        hidden_states: Tensor,  # [num_query_tokens, hidden_size]
    ) -> None:
        """Store the hidden states of new tokens in their slots."""
        self._states.index_copy_(0, slots, hidden_states.to(self._states.dtype))

    def read(
        self,
        slots: Tensor,  # [num_query_tokens] int64
    ) -> Tensor:
        """Return a copy of the hidden states in some slots, [num_query_tokens, hidden_size]."""
        return self._states.index_select(0, slots)


def num_bytes_per_block(layouts: Sequence[KVLayout], *, block_size: int, dtype: torch.dtype) -> int:
    """Bytes that one block takes in a pool of these layers."""
    return block_size * sum(layout.num_bytes_per_token(dtype) for layout in layouts)


def _width(size: int, dtype: torch.dtype) -> int:
    """Elements that a vector takes in a pool."""
    return size + NUM_SCALE_BYTES if dtype is torch.int8 else size
