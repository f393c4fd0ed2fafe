from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.sampling import DrawKernel, load_draw_kernel
from helix.sampling.logits_processors import apply_temperature
from helix.sampling.noise import Stream, gumbel_noise


@pytest.fixture(scope="module", params=[variant.name for variant in supported_variants()])
def kernel(request: pytest.FixtureRequest) -> DrawKernel:
    variants = [variant for variant in supported_variants() if variant.name == request.param]
    try:
        return load_draw_kernel(variants=variants)
    except KernelBuildError as error:
        if "no C++ compiler" in str(error) or "not built on" in str(error):
            pytest.skip(str(error))
        raise


class Rows:
    """Random logits with every tenth token forbidden, and what a draw depends on."""

    def __init__(self, num_rows: int, vocab_size: int, spread: float) -> None:
        generator = torch.Generator().manual_seed(vocab_size)
        self.logits = torch.randn(num_rows, vocab_size, generator=generator) * spread + 20
        self.logits[:, 1::10] = -torch.inf
        self.temperatures = torch.rand(num_rows, generator=generator) * 2 + 0.01
        self.seeds = torch.randint(-(2**62), 2**62, (num_rows,), generator=generator)
        self.positions = torch.randint(0, 2**30, (num_rows,), generator=generator)

    def draw(self, kernel: DrawKernel, rows: slice = slice(None)) -> Tensor:
        return kernel(self.logits[rows], self.temperatures[rows], self.seeds[rows], self.positions[rows], Stream.TOKEN)

    def scores(self) -> Tensor:
        """What the drawn token has most of."""
        ids = torch.arange(self.logits.shape[1])[None]
        noise = gumbel_noise(self.seeds, self.positions, Stream.TOKEN, ids)
        return apply_temperature(self.logits, self.temperatures) + noise


@pytest.mark.parametrize("vocab_size", [1, 5, 64, 999, 50_000])
@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
def test_draws_the_largest_of_logits_and_noise(kernel: DrawKernel, vocab_size: int, spread: float) -> None:
    rows = Rows(40, vocab_size, spread)
    drawn, scores = rows.draw(kernel), rows.scores()
    score = scores.gather(1, drawn[:, None]).squeeze(1)
    assert torch.all(score >= scores.amax(1) - 2e-5 * scores.amax(1).abs().clamp(min=1))
    assert (drawn == scores.argmax(1)).float().mean() > 0.95
    assert vocab_size == 1 or len(set(drawn.tolist())) > 1, "the noise did nothing"


def test_a_row_is_drawn_by_itself_at_any_stride(kernel: DrawKernel) -> None:
    rows = Rows(30, 700, 2.0)
    expected = rows.draw(kernel)
    padded = torch.full((30, 800), 1e9)
    padded[:, :700] = rows.logits
    rows.logits = padded[:, :700]
    assert torch.equal(torch.cat([rows.draw(kernel, slice(i, i + 1)) for i in range(30)]), expected)
    assert torch.equal(rows.draw(kernel), expected)


@pytest.mark.parametrize("temperature", [0.0, 1e-38, 1e30])
def test_no_temperature_draws_what_is_forbidden(kernel: DrawKernel, temperature: float) -> None:
    rows = Rows(20, 33, 3.0)
    rows.temperatures.fill_(temperature)
    drawn = rows.draw(kernel)
    assert not torch.any(rows.logits.gather(1, drawn[:, None]) == -torch.inf)
    if temperature < 1:
        assert torch.equal(drawn, rows.logits.argmax(1))
    rows.logits.fill_(-torch.inf)
    rows.logits[:, 31] = -3e38
    assert torch.all(rows.draw(kernel) == 31)


def test_refuses_what_does_not_fit(kernel: DrawKernel) -> None:
    rows = Rows(3, 10, 1.0)
    with pytest.raises(RuntimeError, match="seeds does not fit"):
        kernel(rows.logits, rows.temperatures, rows.seeds[:2], rows.positions, 0)
    with pytest.raises(RuntimeError, match="float32"):
        kernel(rows.logits.double(), rows.temperatures, rows.seeds, rows.positions, 0)


def test_has_a_fake_implementation(kernel: DrawKernel) -> None:
    rows = Rows(3, 10, 1.0)
    for name in ("logits", "temperatures", "seeds", "positions"):
        setattr(rows, name, getattr(rows, name).to("meta"))
    assert rows.draw(kernel).shape == (3,)
