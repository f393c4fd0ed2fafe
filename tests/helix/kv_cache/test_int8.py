"""What 8 bits keep of a vector, and what they may not hide."""

from __future__ import annotations

import pytest
import torch

from helix.kv_cache.int8 import NUM_SCALE_BYTES, dequantize, quantize


@pytest.mark.parametrize("size", [1, 6, 64, 107])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_number_is_off_by_half_a_step_at_most_and_vectors_know_nothing_of_each_other(
    size: int, dtype: torch.dtype
) -> None:
    vectors = (torch.randn(5, 3, size) * torch.tensor([1e-3, 1.0, 1e4])[:, None]).to(dtype)
    stored = quantize(vectors)
    assert (stored.dtype, stored.shape) == (torch.int8, (5, 3, size + NUM_SCALE_BYTES))
    error = (dequantize(stored) - vectors.float()).abs()
    assert (error <= vectors.float().abs().amax(-1, keepdim=True) / 127 * 0.501).all()
    assert torch.equal(quantize(vectors[2, 1]), stored[2, 1])


def test_nothing_stays_nothing() -> None:
    assert not quantize(torch.zeros(2, 8)).any()
    assert not dequantize(quantize(torch.full((2, 8), 1e-38))).any()
    assert not dequantize(torch.zeros(2, 12, dtype=torch.int8)).any(), "slots that were never written"


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_stored_as_one(wrong: float) -> None:
    vectors = torch.ones(2, 8)
    vectors[1, 3] = wrong
    left = dequantize(quantize(vectors))
    assert left[0].isfinite().all() and left[1].isnan().all()
