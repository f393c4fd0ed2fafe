"""A cache takes memory as it fills, and is zero before."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
import torch

from helix.kv_cache.pages import Pages, zeros

CPU = torch.device("cpu")
MIB = 2**20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8])
def test_memory_is_zero_and_keeps_what_is_written(dtype: torch.dtype) -> None:
    tensor = zeros((64, 2, 8), dtype=dtype, device=CPU)
    assert (tensor.shape, tensor.dtype, tensor.is_contiguous()) == ((64, 2, 8), dtype, True)
    assert not tensor.any()
    tensor[7] = 3
    gc.collect()
    assert tensor.sum() == 48


def test_nothing_is_no_error() -> None:
    assert zeros((0, 4), dtype=torch.float32, device=CPU).numel() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="pages are those of Linux")
def test_only_what_was_written_takes_memory_and_all_of_it_is_given_back() -> None:
    before = resident_bytes()
    tensor = zeros((256, MIB), dtype=torch.int8, device=CPU)
    assert resident_bytes() - before < 32 * MIB
    tensor[:128] = 1
    assert 100 * MIB < resident_bytes() - before < 160 * MIB
    del tensor
    gc.collect()
    assert resident_bytes() - before < 32 * MIB


@pytest.mark.skipif(sys.platform != "linux", reason="pages are those of Linux")
def test_released_rows_take_no_memory_and_their_neighbours_keep_what_they_hold() -> None:
    pages = Pages((64 * 1024, 1000), dtype=torch.int8, device=CPU)
    pages.tensor.fill_(7)
    before = resident_bytes()
    pages.release(1001, 60_001)
    assert before - resident_bytes() > 50 * MIB
    assert (pages.tensor[:1001] == 7).all() and (pages.tensor[60_001:] == 7).all()
    assert not pages.tensor[1010:59_990].any()
    pages.release(5, 6)  # less than a page
    assert (pages.tensor[5] == 7).all()
    pages.tensor[2000] = 3
    assert pages.tensor[2000].sum() == 3000


def test_memory_that_is_not_of_the_system_stays() -> None:
    pages = Pages((0, 4), dtype=torch.float32, device=CPU)
    pages.release(0, 0)
    assert pages.tensor.shape == (0, 4)
