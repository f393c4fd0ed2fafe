from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from helix.kernels import linear
from helix.kernels.quantized import WEIGHT_FORMATS
from helix.kernels.weight_memory import LARGE_PAGE, empty


def flags_of(tensor: Tensor) -> set[str]:
    """What the system was told about the mapping that holds the first byte of a tensor."""
    is_here = False
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        if not fields[0].endswith(":"):
            first, _, last = fields[0].partition("-")
            is_here = int(first, 16) <= tensor.data_ptr() < int(last, 16)
        elif is_here and fields[0] == "VmFlags:":
            return set(fields[1:])
    return set()


def mapped_bytes() -> int:
    return sum(
        int(last, 16) - int(first, 16)
        for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        for first, _, last in [line.split()[0].partition("-")]
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems are not asked for large pages")
def test_packed_weights_lie_in_large_pages() -> None:
    """In small ones a step takes half as long again."""
    weight = torch.randn(1024, 4096 + 2048)
    for packed in (*(f.pack(weight) for f in WEIGHT_FORMATS.values()), linear.pack_weight(weight.bfloat16())):
        assert packed.data_ptr() % LARGE_PAGE == 0
        assert "hg" in flags_of(packed) or not Path("/sys/kernel/mm/transparent_hugepage").exists()


def test_a_tensor_holds_its_memory_and_gives_it_back() -> None:
    tensor = empty(3, LARGE_PAGE // 2, dtype=torch.float32).fill_(7)
    rows = tensor[2]
    del tensor
    gc.collect()
    assert (rows == 7).all()
    if sys.platform == "linux":
        before = mapped_bytes()
        del rows
        gc.collect()
        assert before - mapped_bytes() >= 3 * LARGE_PAGE


@pytest.mark.parametrize("shape", [(0, 5), (1,), (3, 7), (2 * LARGE_PAGE + 3,)])
def test_has_the_shape_and_format_asked_for(shape: tuple[int, ...]) -> None:
    tensor = empty(*shape, dtype=torch.int16)
    assert tensor.shape == shape and tensor.dtype is torch.int16 and tensor.is_contiguous()
    assert torch.equal(tensor.fill_(3), torch.full(shape, 3, dtype=torch.int16))
