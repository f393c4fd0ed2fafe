"""What is dropped must come back as it was; what has no file behind it must not be dropped at all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from helix.model.mapped_files import MappedFiles, forgotten_behind

NUM_FLOATS = 2**20  # 4 MiB

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell what is mapped")


@pytest.fixture
def mapped(tmp_path: Path) -> Tensor:
    path = tmp_path / "weights"
    path.write_bytes(torch.arange(NUM_FLOATS, dtype=torch.float32).numpy().tobytes())
    return torch.from_file(str(path), shared=False, size=NUM_FLOATS)


def resident_file_bytes() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssFile"))


def test_a_mapped_weight_is_dropped_and_read_again(mapped: Tensor) -> None:
    expected = float(mapped.double().sum())
    before = resident_file_bytes()
    part = mapped[100 : NUM_FLOATS - 100]
    dropped = MappedFiles().forget(part)
    assert part.numel() * 4 - 2 * 4096 <= dropped <= part.numel() * 4
    assert before - resident_file_bytes() > dropped / 2
    assert float(mapped.double().sum()) == expected


def test_what_was_written_to_is_kept(mapped: Tensor) -> None:
    mapped[5000] = -1.0
    assert MappedFiles().forget(mapped) == 0
    assert mapped[5000] == -1.0


def test_what_lies_in_no_file_or_in_pieces_is_kept(mapped: Tensor) -> None:
    plain = torch.ones(NUM_FLOATS)
    files = MappedFiles()
    assert files.forget(plain) == 0 and plain.sum() == NUM_FLOATS
    assert files.forget(mapped.view(2, -1).T) == 0
    assert files.forget(mapped[:3]) == 0


def test_a_model_that_ran_over_its_files_holds_none_of_them(mapped: Tensor) -> None:
    """A probe reads all weights: a checkpoint would be in memory as a whole before the first layer is packed."""
    layers = nn.ModuleList(nn.Linear(1024, 256, bias=False) for _ in range(4))
    for layer, weight in zip(layers, mapped.view(4, 256, 1024), strict=True):
        layer.weight = nn.Parameter(weight, requires_grad=False)
    x = torch.ones(1024)
    expected = [layer(x) for layer in layers]
    before = resident_file_bytes()
    with forgotten_behind(layers):
        passed = [layer(x) for layer in layers]
    assert before - resident_file_bytes() > NUM_FLOATS * 4 // 2
    assert all(torch.equal(a, b) for a, b in zip(passed, expected, strict=True))
    assert not any(layer._forward_hooks for layer in layers)
