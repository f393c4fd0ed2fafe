"""Muon turns a gradient into a step of equal length in every direction."""

from __future__ import annotations

import pytest
import torch

from helix.demo.optimizer import Muon, orthogonalise


@pytest.mark.parametrize("shape", [(16, 16), (8, 32), (32, 8)])
def test_all_singular_values_come_near_one_in_the_directions_they_had(shape: tuple[int, int]) -> None:
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    u, _, vh = torch.linalg.svd(noise, full_matrices=False)
    matrix = u @ torch.diag(torch.logspace(0, -1.5, min(shape))) @ vh
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert values.min() > 0.3 and values.max() < 1.7, "they were 1 to 1/32; four polynomials are enough for Muon"
    cosine = (orthogonalise(matrix) * (u @ vh)).sum() / (orthogonalise(matrix).norm() * (u @ vh).norm())
    assert cosine > 0.9


def test_a_step_goes_down_and_decays() -> None:
    weight = torch.nn.Parameter(torch.eye(4))
    optimizer = Muon([weight], lr=0.1)
    weight.grad = torch.eye(4)
    optimizer.step()
    assert (weight.diagonal() < 1).all()
    still = torch.nn.Parameter(torch.eye(4))
    optimizer = Muon([still], lr=0.1, weight_decay=0.5)
    still.grad = torch.zeros(4, 4)
    optimizer.step()
    torch.testing.assert_close(still.detach(), 0.95 * torch.eye(4))
