"""Chi-square tests here fail by chance once in 10**9 draws of the seeds, which are fixed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from helix.sampling.noise import Stream, gumbel_noise, uniform

WORD = 2**32
FIRST, SECOND = 0x21F0AAAD, 0x735A2D97
FALSE_ALARM = 1e-9


def mix(word: int) -> int:
    word = (word ^ word >> 16) * FIRST % WORD
    word = (word ^ word >> 15) * SECOND % WORD
    return word ^ word >> 15


def keys(seed: int, position: int, stream: Stream) -> tuple[int, int]:
    result = []
    for salt in (0x9E3779B9, 0x7F4A7C15):
        key = mix(salt ^ seed % WORD)
        key = mix((key + salt) % WORD ^ (seed >> 32) % WORD)
        result.append(mix((key + salt) % WORD ^ (4 * position + stream) % WORD))
    return result[0], result[1]


def word_of(seed: int, position: int, stream: Stream, token_id: int) -> int:
    first, second = keys(seed, position, stream)
    word = token_id ^ first
    word = (word ^ word >> 16) * FIRST % WORD ^ second
    word = (word ^ word >> 15) * SECOND % WORD
    return word ^ word >> 15


def token_of(seed: int, position: int, stream: Stream, word: int) -> int:
    """The one token id below 2**32 that hashes to word."""
    first, second = keys(seed, position, stream)
    word ^= word >> 15 ^ word >> 30
    word = word * pow(SECOND, -1, WORD) % WORD
    word ^= word >> 15 ^ word >> 30
    word = (word ^ second) * pow(FIRST, -1, WORD) % WORD
    return word ^ word >> 16 ^ first


def signed(seed: int) -> int:
    return (seed + 2**63) % 2**64 - 2**63


def ids(num: int) -> Tensor:
    return torch.arange(num).unsqueeze(0)


def p_value(statistic: float, degrees: int) -> float:
    half = torch.tensor([degrees / 2, statistic / 2], dtype=torch.float64)
    return float(torch.special.gammaincc(half[0], half[1]))


def uniformity(cells: Tensor, num_cells: int) -> float:
    counts = torch.bincount(cells.flatten(), minlength=num_cells).double()
    expected = counts.sum() / num_cells
    return p_value(float(((counts - expected) ** 2 / expected).sum()), num_cells - 1)


SEEDS = [0, 1, -1, 7, 2**32, -(2**63), 2**63 - 1, 2**64 - 1, 0x123456789ABCDEF0]


@pytest.mark.parametrize("seed", SEEDS)
def test_hashes_are_those_of_integers_without_overflow(seed: int) -> None:
    token_ids = [0, 1, 2, 4095, 4096, 151_935, 2**20]
    for stream in Stream:
        for position in (0, 1, 5, 100_000):
            u = uniform(torch.tensor([signed(seed)]), torch.tensor([position]), stream, torch.tensor([token_ids]))
            words = [word_of(seed, position, stream, token_id) for token_id in token_ids]
            expected = (torch.tensor([words]).float() + 0.5) / WORD
            assert torch.equal(u, expected.clamp(max=1 - 2**-24))


def test_the_smallest_and_the_largest_hash_stay_inside_the_open_interval_and_finite() -> None:
    extremes = [0, 1, 2, WORD // 2, WORD - 300, WORD - 2, WORD - 1]
    token_ids = torch.tensor([[token_of(11, 3, Stream.TOKEN, word) for word in extremes]])
    row = torch.tensor([11]), torch.tensor([3])
    u = uniform(*row, Stream.TOKEN, token_ids)
    assert u[0, 0] == 0.5 / WORD and u[0, 1] == 1.5 / WORD
    assert (u > 0).all() and (u < 1).all()
    noise = gumbel_noise(*row, Stream.TOKEN, token_ids)
    assert noise.isfinite().all()
    assert noise[0, 0].item() == pytest.approx(-math.log(0.5 / WORD), rel=1e-6)
    assert (noise[0, :4].diff() < 0).all(), "the winning tail is resolved"


@pytest.mark.parametrize("vary", ["seed", "position"])
def test_noise_is_uniform_and_independent_of_its_neighbours(vary: str) -> None:
    """A bias of one part in a hundred in any of 256 cells, alone or in pairs, is found."""
    num_rows, num_tokens = 64, 2**14
    counter = torch.arange(num_rows) - (32 if vary == "seed" else 0)
    fixed = torch.full_like(counter, 1234)
    seeds, positions = (counter, fixed) if vary == "seed" else (fixed, counter)
    u = torch.stack([uniform(seeds, positions, stream, ids(num_tokens)) for stream in Stream])
    assert uniformity((u * 256).long(), 256) > FALSE_ALARM
    sixteen = (u * 16).long()
    for dim, neighbours in enumerate(("stream", "row", "token id")):
        length = sixteen.shape[dim] - 1
        pairs = sixteen.narrow(dim, 0, length) * 16 + sixteen.narrow(dim, 1, length)
        assert uniformity(pairs, 256) > FALSE_ALARM, neighbours
    # Every pair of rows, by correlation: |z| of the worst of 32640 pairs is above 7 once in 10**7 runs.
    rows = (u.flatten(0, 1) - 0.5) * math.sqrt(12)
    correlation = (rows @ rows.T / math.sqrt(num_tokens)).fill_diagonal_(0)
    assert correlation.abs().max() < 7


def test_noise_does_not_depend_on_the_rows_and_columns_beside_it() -> None:
    seeds, positions = torch.tensor([5, -9, 2**40]), torch.tensor([0, 7, 7])
    noise = gumbel_noise(seeds, positions, Stream.TOKEN, ids(20_000))
    for row in range(3):
        some = torch.tensor([[19_999, 3, 16_384, 16_383, 3]])
        alone = gumbel_noise(seeds[row : row + 1], positions[row : row + 1], Stream.TOKEN, some)
        assert torch.equal(alone[0], noise[row, some[0]])


def test_a_stream_per_row_equals_the_stream_alone() -> None:
    seeds, positions = torch.tensor([5, 5]), torch.tensor([1, 1])
    streams = torch.tensor([Stream.RESIDUAL, Stream.TOKEN])
    mixed = gumbel_noise(seeds, positions, streams, ids(10))
    assert torch.equal(mixed[:1], gumbel_noise(seeds[:1], positions[:1], Stream.RESIDUAL, ids(10)))
    assert torch.equal(mixed[1:], gumbel_noise(seeds[:1], positions[:1], Stream.TOKEN, ids(10)))
    assert not torch.equal(mixed[0], mixed[1])


def test_the_largest_of_logits_and_gumbel_noise_is_a_draw_from_their_softmax() -> None:
    """200,000 draws: a total variation of 0.01 is found practically always."""
    num_draws = 200_000
    probs = torch.tensor([0.5, 0.25, 0.125, 0.1, 0.02, 0.005])
    zeros = torch.zeros(num_draws, dtype=torch.int64)
    for seeds, positions in ((torch.arange(num_draws), zeros), (zeros, torch.arange(num_draws))):
        drawn = (probs.log() + gumbel_noise(seeds, positions, Stream.TOKEN, ids(6))).argmax(-1)
        counts, expected = torch.bincount(drawn, minlength=6), probs.double() * num_draws
        assert p_value(float(((counts - expected) ** 2 / expected).sum()), 5) > FALSE_ALARM
