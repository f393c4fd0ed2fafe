"""Weights that are views of a mapped checkpoint, and giving their memory back before all of them are gone.

A checkpoint is mapped as one piece: as long as one tensor of it is held, every page that was ever read stays in this
process's memory. Packing reads all of them, so that a model would take its size on disk beside its packed weights.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

_SMAPS = Path("/proc/self/smaps")


class MappedFiles:
    """Files that are mapped privately and that nobody has written to, as of now.

    Empty on systems that do not tell.
    """

    def __init__(self) -> None:
        self._ranges = _clean_ranges(_SMAPS.read_text(encoding="utf-8")) if sys.platform == "linux" else []

    def forget(self, tensor: Tensor) -> int:
        """Drop a contiguous tensor's whole pages from memory and return their bytes.

        Nothing is lost: who looks at the tensor again, or at another one in the same pages, reads the file again. Does
        nothing to a tensor that lies elsewhere.
        """
        start = tensor.data_ptr()
        end = start + tensor.numel() * tensor.element_size()
        if not tensor.is_contiguous() or not any(first <= start and end <= last for first, last in self._ranges):
            return 0
        start = -(-start // mmap.PAGESIZE) * mmap.PAGESIZE
        end = end // mmap.PAGESIZE * mmap.PAGESIZE
        if end <= start:
            return 0
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        return 0 if advise(start, end - start, mmap.MADV_DONTNEED) else end - start


@contextmanager
def forgotten_behind(model: nn.Module) -> Iterator[None]:
    """While the block runs, drop each module's mapped weights as soon as it has computed with them."""
    files = MappedFiles()

    def forget(module: nn.Module, *_: Any) -> None:
        for weight in module.parameters(recurse=False):
            files.forget(weight)

    handles = [module.register_forward_hook(forget) for module in model.modules() if module._parameters]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _clean_ranges(smaps: str) -> list[tuple[int, int]]:
    """Return the addresses of private file mappings without a page of their own."""
    ranges: list[tuple[int, int]] = []
    current: tuple[int, int] | None = None
    for line in smaps.splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):  # "start-end permissions offset device inode path"
            start, _, end = fields[0].partition("-")
            is_file = fields[1].endswith("p") and fields[4] != "0"
            current = (int(start, 16), int(end, 16)) if is_file else None
        elif fields[0] == "Anonymous:" and fields[1] == "0" and current is not None:
            ranges.append(current)
    return ranges
