from __future__ import annotations

import torch

from helix.kernels.int8 import pack_weight, unpack_weight


def test_the_largest_weight_of_an_output_stays_and_others_move_by_half_a_step_at_most() -> None:
    weight = torch.randn(50, 90, generator=torch.Generator().manual_seed(0)) * torch.logspace(-6, 6, 50)[:, None]
    error = (unpack_weight(pack_weight(weight), 50, 90) - weight).abs()
    largest, places = weight.abs().max(1)
    assert (error <= largest[:, None] / 127 * 0.5001).all()
    assert (error.gather(1, places[:, None])[:, 0] <= largest * 1e-6).all()


def test_zeros_and_narrow_formats_are_exact() -> None:
    weight = torch.tensor([[0.0, 0.0, 0.0], [127.0, -1.0, 64.0]])
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert torch.equal(unpack_weight(pack_weight(weight.to(dtype)), 2, 3), weight)


def test_a_weight_takes_a_byte_and_an_output_four() -> None:
    packed = pack_weight(torch.randn(64, 256))
    assert packed.numel() * packed.element_size() == 64 * 256 + 64 * 4
