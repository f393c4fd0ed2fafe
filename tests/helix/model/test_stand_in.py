"""A stand-in holds nothing, and is read as the weight that it stands for."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from helix.model.stand_in import StandIn

WEIGHT = torch.arange(24, dtype=torch.bfloat16).reshape(6, 4)


def _stand_in(reads: list[str]) -> StandIn:
    def read() -> torch.Tensor:
        reads.append("all")
        return WEIGHT

    def read_rows(indices: torch.Tensor) -> torch.Tensor:
        reads.append("rows")
        return WEIGHT[indices]

    return StandIn(WEIGHT.shape, torch.float32, read, read_rows)


def test_it_shows_shape_and_dtype_without_reading_anything() -> None:
    reads: list[str] = []
    stand_in = _stand_in(reads)
    assert (stand_in.shape, stand_in.dtype, stand_in.device.type) == ((6, 4), torch.float32, "cpu")
    assert stand_in.numel() == 24
    assert "shape=(6, 4)" in repr(stand_in)
    assert reads == []


def test_a_lookup_reads_the_rows_alone() -> None:
    reads: list[str] = []
    rows = F.embedding(torch.tensor([[5, 0]]), _stand_in(reads))
    assert reads == ["rows"]
    assert torch.equal(rows, WEIGHT[[5, 0]].float()[None])


def test_any_other_operator_gets_the_whole_weight_in_the_shown_dtype() -> None:
    reads: list[str] = []
    product = torch.ones(1, 4) @ _stand_in(reads).T
    assert reads == ["all"]
    assert product.dtype is torch.float32
    assert torch.equal(product, torch.ones(1, 4) @ WEIGHT.float().T)
