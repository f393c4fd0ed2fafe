"""The threads that share the work of an operator: they help whoever comes, and nobody waits for one that does not."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from helix.kernels.linear import load_linear_kernel, pack_weight
from helix.kernels.threads import own_threads

_FORK = """
import os, torch
from helix.kernels.linear import load_linear_kernel, pack_weight
from helix.kernels.threads import own_threads
torch.set_num_threads(3)
kernel = load_linear_kernel()
packed, x = pack_weight(torch.randn(2048, 512)), torch.randn(4, 512)
with own_threads():
    before = kernel(x, packed, None, 2048)
    child = os.fork()
    if not child:
        os._exit(0 if torch.equal(kernel(x, packed, None, 2048), before) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_own_threads_are_those_of_the_block() -> None:
    num_threads = torch.get_num_threads()
    with own_threads():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == num_threads


def test_callers_at_the_same_time_get_the_bits_that_each_gets_alone() -> None:
    """One of them has the helpers, the others compute alone."""
    kernel, generator = load_linear_kernel(), torch.Generator().manual_seed(0)
    packed = pack_weight(torch.randn(2048, 512, generator=generator))
    rows = [torch.randn(1 + i % 5, 512, generator=generator) for i in range(200)]
    alone = [kernel(x, packed, None, 2048) for x in rows]  # by torch's threads

    def multiply(x: Tensor) -> Tensor:
        with own_threads():
            return kernel(x, packed, None, 2048)

    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(multiply, rows))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_forked_process_computes_without_the_threads_it_lost() -> None:
    """Its copy of the pool counts helpers that exist no more."""
    subprocess.run([sys.executable, "-c", _FORK], check=True, timeout=120)
