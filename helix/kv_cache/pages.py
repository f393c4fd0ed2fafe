"""Memory for a cache that is mostly empty: where it was never written, the system has not given any."""

from __future__ import annotations

import math
import mmap
import sys

import torch
from torch import Tensor


class Pages:
    """A tensor of zeros; on a CPU under Linux its pages take memory from their first write until they are released.

    torch.zeros writes every page, so that a large cache takes its whole size before the first request.
    """

    def __init__(self, shape: tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> None:
        num_bytes = math.prod(shape) * dtype.itemsize
        self._mapping: mmap.mmap | None = None
        if device.type != "cpu" or sys.platform != "linux" or not num_bytes:
            self.tensor = torch.zeros(shape, dtype=dtype, device=device)
            return
        self._mapping = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.tensor = torch.frombuffer(self._mapping, dtype=dtype).view(shape)

    def release(self, start: int, end: int) -> None:
        """Give the pages that lie wholly in rows [start, end) back to the system, if they came from it: they are zero.

        What the other rows of these pages hold stays as it is; of the given rows nobody may need anything any more.
        """
        if self._mapping is None:
            return
        row_bytes = self.tensor[0].numel() * self.tensor.element_size()
        first = -(-start * row_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        last = end * row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
        if first < last:
            self._mapping.madvise(mmap.MADV_DONTNEED, first, last - first)


def zeros(shape: tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor of zeros whose pages, where they can, take memory from their first write on."""
    return Pages(shape, dtype=dtype, device=device).tensor  # which keeps the mapping


def host_zeros(shape: tuple[int, ...], *, dtype: torch.dtype, beside: torch.device) -> Tensor:
    """Return zeros in host memory for copies to and from a device; pinned for CUDA, whose copies are fast then."""
    if beside.type == "cuda":
        return torch.zeros(shape, dtype=dtype, pin_memory=True)
    return zeros(shape, dtype=dtype, device=torch.device("cpu"))
