from __future__ import annotations

import pytest
import torch

from helix.kernels.int4 import Int4Layout

LAYOUTS = [Int4Layout(size, has_zero_points=has) for size in (32, 64) for has in (False, True)]
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=str)


def random(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if not layout.has_zero_points], ids=str)
def test_weights_move_by_half_a_step_of_their_group_and_the_far_end_by_one(layout: Int4Layout) -> None:
    """Of sixteen steps eight are on one side of zero and seven on the other."""
    weight = random(50, 192) * torch.logspace(-6, 6, 50)[:, None]
    groups = weight.view(50, -1, layout.group_size)
    error = (layout.unpack(layout.pack(weight), 50, 192) - weight).view_as(groups).abs()
    step = groups.abs().amax(-1, keepdim=True) / 8
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    at_far_end = groups * -largest.sign() > 7.4 * step
    assert (error <= torch.where(at_far_end, 1.05, 0.55) * step).all()


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.has_zero_points], ids=str)
def test_with_zero_points_steps_reach_from_the_smallest_to_the_largest(layout: Int4Layout) -> None:
    """All on one side of zero, they reach to it: so a zero is left as it is, padding too."""
    weight = random(50, 192) * torch.logspace(-6, 6, 50)[:, None] + torch.linspace(-3, 3, 50)[:, None]
    weight[7] = weight[7].abs()
    weight[8] = -weight[8].abs()
    weight[:, ::17] = 0
    groups = weight.view(50, -1, layout.group_size)
    left = layout.unpack(layout.pack(weight), 50, 192)
    step = (groups.amax(-1, keepdim=True).clamp(min=0) - groups.amin(-1, keepdim=True).clamp(max=0)) / 15
    assert ((left - weight).view_as(groups).abs() <= 1.05 * step).all()
    assert (left[:, ::17] == 0).all()


@every_layout
@pytest.mark.parametrize("sign", [1, -1])
def test_whole_numbers_are_exact_whatever_the_sign_of_the_largest(layout: Int4Layout, sign: int) -> None:
    weight = sign * torch.arange(-8.0, 8.0).repeat(2, 8)
    assert torch.equal(layout.unpack(layout.pack(weight), 2, 128), weight)


@pytest.mark.parametrize("layout", [layout for layout in LAYOUTS if layout.has_zero_points], ids=str)
def test_zero_points_double_the_steps_of_numbers_of_one_sign(layout: Int4Layout) -> None:
    weight = torch.arange(16.0).repeat(20, 8) * torch.tensor([1.0, -1.0]).repeat(10)[:, None]
    assert torch.equal(layout.unpack(layout.pack(weight), 20, 128), weight)


@every_layout
def test_a_group_of_zeros_stays_zero_and_a_group_that_is_not_full_has_its_own_scale(layout: Int4Layout) -> None:
    weight = torch.zeros(3, 72)
    weight[1, 64:] = 1e-3
    left = layout.unpack(layout.pack(weight), 3, 72)
    torch.testing.assert_close(left, weight, rtol=2**-8, atol=0)


@every_layout
def test_a_weight_takes_the_bits_that_it_says(layout: Int4Layout) -> None:
    """A scale has 16 bits and a zero point 4."""
    packed = layout.pack(torch.randn(64, 256))
    bits = 4 + (20 if layout.has_zero_points else 16) / layout.group_size
    assert packed.numel() * packed.element_size() * 8 == 64 * 256 * bits
