"""Which threads share the work of an operator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

import torch

from helix.kernels.linear import load_linear_kernel


@contextmanager
def own_threads() -> Iterator[None]:
    """Share the work of operators called on this thread among Helix's own threads, as many as torch would use.

    Torch itself computes on the calling thread alone meanwhile: its threads look for more work for milliseconds, on the
    cores that Helix's are about to need. So this is for passes of which all that takes long are Helix's operators.

    Raises:
        KernelBuildError: There are no operators here.
    """
    set_own_threads = _operator()
    num_threads = torch.get_num_threads()
    before = set_own_threads(num_threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)
        set_own_threads(before)


@cache
def _operator() -> Callable[[int], int]:
    """Return what sets the number and returns that before; found once, since finding it reads the kernels' files."""
    operator: Callable[[int], int] = getattr(torch.ops, f"helix_{load_linear_kernel().variant}").set_own_threads.default
    return operator
