"""Which threads share the work of an operator."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
    namespace = getattr(torch.ops, f"helix_{load_linear_kernel().variant}")
    num_threads = torch.get_num_threads()
    before = namespace.set_own_threads(num_threads)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(num_threads)
        namespace.set_own_threads(before)
