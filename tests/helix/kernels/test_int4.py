from __future__ import annotations

import pytest
import torch

from helix.kernels.int4 import GROUP, pack_weight, unpack_weight


def test_weights_move_by_half_a_step_of_their_group_and_the_far_end_by_one() -> None:
    """Of sixteen steps eight are on one side of zero and seven on the other."""
    weight = torch.randn(50, 96, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 6, 50)[:, None]
    groups = weight.view(50, 3, GROUP)
    error = (unpack_weight(pack_weight(weight), 50, 96) - weight).view(50, 3, GROUP).abs()
    step = groups.abs().amax(-1, keepdim=True) / 8
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    at_far_end = groups * -largest.sign() > 7.4 * step
    assert (error <= torch.where(at_far_end, 1.05, 0.55) * step).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_are_exact_whatever_the_sign_of_the_largest(sign: int) -> None:
    weight = sign * torch.arange(-8.0, 8.0).repeat(2, 4)
    assert torch.equal(unpack_weight(pack_weight(weight), 2, 64), weight)


def test_a_group_of_zeros_stays_zero_and_a_group_that_is_not_full_has_its_own_scale() -> None:
    weight = torch.zeros(3, 40)
    weight[1, 32:] = 1e-3
    assert torch.equal(unpack_weight(pack_weight(weight), 3, 40), weight.bfloat16().float())


def test_a_weight_takes_four_and_a_half_bits() -> None:
    packed = pack_weight(torch.randn(64, 256))
    assert packed.numel() * packed.element_size() * 8 == 64 * 256 * 4.5
