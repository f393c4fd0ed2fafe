"""Memory that is read from end to end at every step, in large pages where the system has them.

The processor reads ahead within a page only: in pages of 4 KiB one core reads less than two thirds as fast.
"""

from __future__ import annotations

import math
import mmap
import sys

import torch
from torch import Tensor

LARGE_PAGE = 2 * 2**20
"""Bytes; what one entry of a page directory covers on x86-64, and on ARM with pages of 4 KiB."""


def empty(*shape: int, dtype: torch.dtype) -> Tensor:
    """Return an uninitialised tensor on the CPU, its whole large pages marked as such.

    The rest of it, which is all of a small tensor, lies in small pages: no memory is taken that it does not fill.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    if sys.platform != "linux" or num_bytes < LARGE_PAGE:
        return torch.empty(shape, dtype=dtype)
    pages = mmap.mmap(-1, num_bytes + LARGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = -torch.frombuffer(pages, dtype=torch.uint8).data_ptr() % LARGE_PAGE
    try:
        pages.madvise(mmap.MADV_HUGEPAGE, start, num_bytes // LARGE_PAGE * LARGE_PAGE)
    except OSError:  # a kernel without them
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(pages, dtype=dtype, count=math.prod(shape), offset=start).view(shape)  # keeps the pages
