from __future__ import annotations

import math
import random

import pytest
import torch
from torch import Tensor

from helix.sampling.logits_processors import (
    Candidates,
    apply_logit_bias,
    apply_penalties,
    apply_temperature,
    best_tokens,
    every_token,
    forbid_tokens,
    keep_tokens,
    top_tokens,
    truncate,
)

NUM_ROWS, VOCAB_SIZE = 6, 40


def random_logits(seed: int, *, step: float | None = None) -> Tensor:
    logits = torch.randn(NUM_ROWS, VOCAB_SIZE, generator=torch.Generator().manual_seed(seed)) * 3
    return logits if step is None else (logits / step).round() * step


def random_entries(seed: int) -> tuple[Tensor, Tensor]:
    """Row and token id of some logits, each at most once."""
    flat = torch.randperm(NUM_ROWS * VOCAB_SIZE, generator=torch.Generator().manual_seed(seed))[:50]
    return flat // VOCAB_SIZE, flat % VOCAB_SIZE


def nucleus_reference(logits: list[float], top_k: int, top_p: float, min_p: float) -> tuple[dict[int, float], float]:
    """Probabilities of the surviving tokens in float64, and how close any decision was to a tie."""
    order = sorted(range(len(logits)), key=lambda token_id: (-logits[token_id], token_id))
    if top_k > 0:
        order = order[:top_k]
    weights = {token_id: math.exp(logits[token_id] - logits[order[0]]) for token_id in order}
    total, better, margin = sum(weights.values()), 0.0, math.inf
    kept: list[int] = []
    for token_id in order:
        if top_p < 1 and kept:
            margin = min(margin, abs(better / total - top_p))
        if min_p > 0:
            margin = min(margin, abs(weights[token_id] - min_p))
        if (top_p == 1 or better < top_p * total) and weights[token_id] >= min_p:
            kept.append(token_id)
        better += weights[token_id]
    mass = sum(weights[token_id] for token_id in kept)
    return {token_id: weights[token_id] / mass for token_id in kept}, margin


def test_logit_bias_is_added_where_named() -> None:
    logits = random_logits(0)
    rows, token_ids = random_entries(1)
    bias = torch.linspace(-100, 100, len(rows))
    expected = logits.clone()
    for row, token_id, value in zip(rows.tolist(), token_ids.tolist(), bias.tolist(), strict=True):
        expected[row, token_id] += value
    assert torch.equal(apply_logit_bias(logits, rows, token_ids, bias), expected)
    assert torch.equal(logits, random_logits(0)), "the argument is left alone"


def test_penalties_follow_their_definition() -> None:
    logits = random_logits(2)
    rows, token_ids = random_entries(3)
    draw = random.Random(4)
    counts = [float(draw.randrange(4)) for _ in rows]
    presence = [draw.choice([0.0, 1.5, -1.5]) for _ in rows]
    frequency = [draw.choice([0.0, 0.7, -0.7]) for _ in rows]
    repetition = [draw.choice([1.0, 1.3, 0.8]) for _ in rows]
    expected = logits.double()
    for i, (row, token_id) in enumerate(zip(rows.tolist(), token_ids.tolist(), strict=True)):
        value = float(logits[row, token_id]) - frequency[i] * counts[i] - presence[i] * (counts[i] > 0)
        expected[row, token_id] = value / repetition[i] if value > 0 else value * repetition[i]
    columns = (torch.tensor(column) for column in (counts, presence, frequency, repetition))
    result = apply_penalties(logits, rows, token_ids, *columns)
    torch.testing.assert_close(result.double(), expected, rtol=1e-6, atol=1e-5)


def test_an_entry_without_occurrences_and_factors_changes_no_bit() -> None:
    logits = random_logits(5)
    rows, token_ids = random_entries(6)
    zeros, ones = torch.zeros(len(rows)), torch.ones(len(rows))
    assert torch.equal(apply_penalties(logits, rows, token_ids, zeros, ones, ones, ones), logits)


def test_forbidden_tokens_have_probability_zero() -> None:
    logits = random_logits(7)
    rows, token_ids = random_entries(8)
    result = forbid_tokens(logits, rows, token_ids)
    assert (result.softmax(-1)[rows, token_ids] == 0).all()
    assert int(result.isinf().sum()) == len(rows)


def test_kept_tokens_are_all_that_is_left_of_their_rows() -> None:
    logits = random_logits(8)
    before, rows = logits.clone(), torch.tensor([1, 4])
    allowed = torch.rand(2, VOCAB_SIZE, generator=torch.Generator().manual_seed(1)) < 0.3
    result = keep_tokens(logits, rows, allowed)
    assert torch.equal(logits, before)
    for row in range(NUM_ROWS):
        if row not in (1, 4):
            assert torch.equal(result[row], before[row])
    for number, row in enumerate((1, 4)):
        assert torch.equal(result[row][allowed[number]], before[row][allowed[number]])
        assert (result[row][~allowed[number]] == -torch.inf).all()
    assert torch.equal(keep_tokens(logits[rows], torch.arange(2), allowed), result[rows])


@pytest.mark.parametrize("temperature", [1e-45, 1e-20, 0.01, 1.0, 2.0, 1e30])
def test_temperature_divides_and_never_overflows(temperature: float) -> None:
    logits = random_logits(9) * 1000
    result = apply_temperature(logits, torch.full((NUM_ROWS,), temperature))
    assert not result.isnan().any()
    assert (result.amax(-1) == 0).all()
    assert torch.equal(result.argmax(-1), logits.argmax(-1))
    if 0.01 <= temperature <= 2:
        expected = (logits.double() / temperature).softmax(-1)
        torch.testing.assert_close(result.softmax(-1).double(), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("step", [None, 0.5, 4.0])
@pytest.mark.parametrize("seed", range(40))
def test_truncation_keeps_exactly_what_its_definition_keeps(seed: int, step: float | None) -> None:
    """Rows with different parameters side by side; a coarse step makes many equal logits."""
    draw = random.Random(seed)
    logits = random_logits(seed, step=step)
    logits[0, ::3] = -math.inf
    scaled = apply_temperature(logits, torch.ones(NUM_ROWS))
    top_k = [draw.choice([0, 0, 1, 2, 7, VOCAB_SIZE - 1, VOCAB_SIZE, 1000]) for _ in range(NUM_ROWS)]
    top_p = [draw.choice([1.0, 1.0, 1e-6, draw.random(), 0.9, 0.999, 1 - 2**-24]) for _ in range(NUM_ROWS)]
    min_p = [draw.choice([0.0, 0.0, draw.random(), 0.02, 1.0]) for _ in range(NUM_ROWS)]
    candidates = truncate(scaled, torch.tensor(top_k), torch.tensor(top_p), torch.tensor(min_p))
    probs = candidates.probs(VOCAB_SIZE)
    for row in range(NUM_ROWS):
        expected, margin = nucleus_reference(scaled[row].tolist(), top_k[row], top_p[row], min_p[row])
        expected = {token_id: p for token_id, p in expected.items() if p > 0}
        if margin < 1e-5 and min_p[row] < 1:
            continue
        survivors = probs[row].nonzero().squeeze(-1).tolist()
        assert survivors == sorted(expected), (top_k[row], top_p[row], min_p[row])
        assert probs[row, survivors].tolist() == pytest.approx([expected[i] for i in survivors], rel=1e-4)


def test_a_row_is_truncated_alike_alone_and_in_company() -> None:
    scaled = apply_temperature(random_logits(1, step=0.25), torch.ones(NUM_ROWS))
    top_k = torch.tensor([0, 3, 0, 20, 0, 5])
    top_p = torch.tensor([0.9, 1.0, 1.0, 0.5, 0.3, 0.99])
    min_p = torch.tensor([0.0, 0.0, 0.1, 0.0, 0.01, 0.2])
    together = truncate(scaled, top_k, top_p, min_p)
    for row in range(NUM_ROWS):
        only = slice(row, row + 1)
        alone = truncate(scaled[only], top_k[only], top_p[only], min_p[only])
        kept = alone.logits[0] > -math.inf
        width = int(kept.sum())
        assert kept[:width].all() and torch.equal(alone.logits[0, :width], together.logits[row, :width])
        assert torch.equal(alone.token_ids[0, :width], together.token_ids[row, :width])
        assert (together.logits[row, width:] == -math.inf).all()


def test_the_nucleus_of_a_large_flat_vocabulary_is_exact() -> None:
    logits = torch.randn(2, 50_000, generator=torch.Generator().manual_seed(0)) * 2
    scaled = apply_temperature(logits, torch.ones(2))
    top_p = torch.tensor([0.95, 0.2])
    probs = truncate(scaled, torch.zeros(2, dtype=torch.int64), top_p, torch.zeros(2)).probs(50_000)
    expected, order = logits.double().softmax(-1).sort(dim=-1, descending=True, stable=True)
    num_kept = (expected.cumsum(-1) - expected < top_p.unsqueeze(-1)).sum(-1)
    for row in range(2):
        assert abs(int((probs[row] > 0).sum()) - int(num_kept[row])) <= 1, "float32 sums 1e-7 beside float64"
        assert (probs[row, order[row, : int(num_kept[row]) - 1]] > 0).all()


def test_best_tokens_are_sorted_with_the_lowest_id_first_among_equals() -> None:
    logits = random_logits(3, step=2.0)
    best = best_tokens(logits, torch.full((NUM_ROWS, 1), -math.inf))
    for row in range(NUM_ROWS):
        expected = sorted(range(VOCAB_SIZE), key=lambda token_id: (-float(logits[row, token_id]), token_id))
        assert best.token_ids[row].tolist() == expected
    top = top_tokens(logits, 5)
    assert torch.equal(top.token_ids, best.token_ids[:, :5]) and torch.equal(top.logits, best.logits[:, :5])
    assert top_tokens(logits, VOCAB_SIZE + 3).token_ids.shape == (NUM_ROWS, VOCAB_SIZE)


def test_padding_does_not_disturb_the_probability_of_token_zero() -> None:
    candidates = Candidates(torch.tensor([[0.0, 0.0, -math.inf]]), torch.tensor([[0, 2, 0]]))
    assert candidates.probs(4).tolist() == [[0.5, 0.0, 0.5, 0.0]]


def test_every_token_shares_its_ids_between_rows() -> None:
    logits = random_logits(0)
    candidates = every_token(logits)
    assert candidates.token_ids.shape == (1, VOCAB_SIZE)
    assert torch.equal(candidates.probs(VOCAB_SIZE), logits.softmax(-1))
