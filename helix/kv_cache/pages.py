"""Memory for a cache that is mostly empty: where it was never written, the system has not given any."""

from __future__ import annotations

import math
import mmap
import sys

import torch
from torch import Tensor


def zeros(shape: tuple[int, ...], *, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a tensor of zeros; on a CPU under Linux its pages take memory from their first write on.

    torch.zeros writes every page, so that a large cache takes its whole size before the first request.
    """
    num_bytes = math.prod(shape) * dtype.itemsize
    if device.type != "cpu" or sys.platform != "linux" or not num_bytes:
        return torch.zeros(shape, dtype=dtype, device=device)
    pages = mmap.mmap(-1, num_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return torch.frombuffer(pages, dtype=dtype).view(shape)  # which keeps the pages


def host_zeros(shape: tuple[int, ...], *, dtype: torch.dtype, beside: torch.device) -> Tensor:
    """Return zeros in host memory for copies to and from a device; pinned for CUDA, whose copies are fast then."""
    if beside.type == "cuda":
        return torch.zeros(shape, dtype=dtype, pin_memory=True)
    return zeros(shape, dtype=dtype, device=torch.device("cpu"))
