from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.sampling import Limits, SamplingKernel, load_sampling_kernel
from helix.sampling.logits_processors import Candidates, apply_temperature, every_token, truncate
from helix.sampling.noise import Stream, gumbel_noise


@pytest.fixture(scope="module", params=[variant.name for variant in supported_variants()])
def kernel(request: pytest.FixtureRequest) -> SamplingKernel:
    variants = [variant for variant in supported_variants() if variant.name == request.param]
    try:
        return load_sampling_kernel(variants=variants)
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
        self.limits = Limits(
            temperatures=torch.rand(num_rows, generator=generator) * 2 + 0.01,
            top_k=torch.zeros(num_rows, dtype=torch.int64),
            top_p=torch.ones(num_rows),
            min_p=torch.zeros(num_rows),
        )
        self.seeds = torch.randint(-(2**62), 2**62, (num_rows,), generator=generator)
        self.positions = torch.randint(0, 2**30, (num_rows,), generator=generator)

    def truncated(self) -> Rows:
        """The same rows with limits of all kinds."""
        times = -(-len(self.logits) // 60)
        self.limits = Limits(
            self.limits.temperatures,
            torch.tensor([0, 0, 1, 5, 2000]).repeat(12 * times)[: len(self.logits)],
            torch.tensor([1.0, 0.01, 0.6, 0.999]).repeat(15 * times)[: len(self.logits)],
            torch.tensor([0.0, 0.02, 0.9]).repeat_interleave(20 * times)[: len(self.logits)],
        )
        return self

    def draw(self, kernel: SamplingKernel, rows: slice = slice(None)) -> Tensor:
        limits = Limits(*(limit[rows] for limit in self.limits))
        return kernel.draw(self.logits[rows], limits, self.seeds[rows], self.positions[rows], Stream.TOKEN)

    def scores(self, candidates: Candidates) -> Tensor:
        """What the drawn token has most of."""
        return candidates.logits + gumbel_noise(self.seeds, self.positions, Stream.TOKEN, candidates.token_ids)


@pytest.mark.parametrize("vocab_size", [1, 5, 64, 999, 50_000])
@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
def test_draws_the_largest_of_logits_and_noise(kernel: SamplingKernel, vocab_size: int, spread: float) -> None:
    rows = Rows(40, vocab_size, spread)
    drawn = rows.draw(kernel)
    scores = rows.scores(every_token(apply_temperature(rows.logits, rows.limits.temperatures)))
    score = scores.gather(1, drawn[:, None]).squeeze(1)
    assert torch.all(score >= scores.amax(1) - 2e-5 * scores.amax(1).abs().clamp(min=1))
    assert (drawn == scores.argmax(1)).float().mean() > 0.95
    assert vocab_size == 1 or len(set(drawn.tolist())) > 1, "the noise did nothing"


@pytest.mark.parametrize("vocab_size", [1, 7, 300, 9001])
@pytest.mark.parametrize("spread", [0.0, 1.0, 8.0])
def test_keeps_what_the_processors_keep(kernel: SamplingKernel, vocab_size: int, spread: float) -> None:
    rows = Rows(60, vocab_size, spread).truncated()
    kept, token_ids = kernel.truncate(rows.logits, rows.limits)
    expected = truncate(apply_temperature(rows.logits, rows.limits.temperatures), *rows.limits[1:])
    mine, theirs = Candidates(kept, token_ids).probs(vocab_size), expected.probs(vocab_size)
    # Tokens on the edge of a nucleus may fall on either side of it.
    assert ((mine - theirs).abs().sum(1) < 2e-3).float().mean() > 0.9
    assert torch.all((mine - theirs).abs().sum(1) < 0.05)
    assert torch.all(kept[:, 0] == 0)
    assert torch.equal(kept, kept.sort(descending=True).values)


def test_draws_only_from_what_is_kept(kernel: SamplingKernel) -> None:
    rows = Rows(400, 300, 3.0).truncated()
    kept = Candidates(*kernel.truncate(rows.logits, rows.limits))
    best = rows.scores(kept).argmax(1, keepdim=True)
    drawn = rows.draw(kernel)
    assert torch.all(((kept.token_ids == drawn[:, None]) & (kept.logits > -torch.inf)).any(1))
    assert (kept.token_ids.gather(1, best).squeeze(1) == drawn).float().mean() > 0.98


def test_a_row_is_computed_by_itself_at_any_stride(kernel: SamplingKernel) -> None:
    rows = Rows(60, 700, 2.0).truncated()
    drawn, (kept, token_ids) = rows.draw(kernel), kernel.truncate(rows.logits, rows.limits)
    padded = torch.full((60, 800), 1e9)
    padded[:, :700] = rows.logits
    rows.logits = padded[:, :700]
    for row in range(60):
        at = slice(row, row + 1)
        assert torch.equal(rows.draw(kernel, at), drawn[at])
        alone, ids = kernel.truncate(rows.logits[at], Limits(*(limit[at] for limit in rows.limits)))
        width = alone.shape[1]
        assert torch.equal(alone, kept[at, :width])
        assert torch.equal(ids, token_ids[at, :width])
        assert torch.all(kept[at, width:] == -torch.inf)


@pytest.mark.parametrize("temperature", [0.0, 1e-38, 1e30])
@pytest.mark.parametrize("is_truncated", [False, True])
def test_no_temperature_draws_what_is_forbidden(kernel: SamplingKernel, temperature: float, is_truncated: bool) -> None:
    rows = Rows(60, 33, 3.0)
    if is_truncated:
        rows.truncated()
    rows.limits.temperatures.fill_(temperature)
    drawn = rows.draw(kernel)
    assert not torch.any(rows.logits.gather(1, drawn[:, None]) == -torch.inf)
    if temperature < 1:
        assert torch.equal(drawn, rows.logits.argmax(1))
    rows.logits.fill_(-torch.inf)
    rows.logits[:, 31] = -3e38
    assert torch.all(rows.draw(kernel) == 31)


def test_refuses_what_does_not_fit(kernel: SamplingKernel) -> None:
    rows = Rows(3, 10, 1.0)
    rows.logits = rows.logits.double()
    with pytest.raises(RuntimeError, match="float32"):
        rows.draw(kernel)
    rows = Rows(3, 10, 1.0)
    rows.seeds = rows.seeds[:2]
    with pytest.raises(RuntimeError, match="seeds does not fit"):
        rows.draw(kernel)
    with pytest.raises(RuntimeError, match="top_k does not fit"):
        kernel.truncate(rows.logits, rows.limits._replace(top_k=torch.zeros(3)))


def test_has_a_fake_implementation(kernel: SamplingKernel) -> None:
    rows = Rows(3, 10, 1.0)
    rows.logits, rows.limits = rows.logits.to("meta"), Limits(*(limit.to("meta") for limit in rows.limits))
    rows.seeds, rows.positions = rows.seeds.to("meta"), rows.positions.to("meta")
    assert rows.draw(kernel).shape == (3,)
