from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from helix.spec_decode.acceptance import match_sample, rejection_sample


@dataclass
class GivenDraws:
    """Coins as given; the heaviest token is chosen, and what was asked is kept."""

    coins: list[float]
    weights: Tensor = field(default_factory=lambda: torch.empty(0))
    rows: list[int] = field(default_factory=list)
    is_recovered: list[bool] = field(default_factory=list)

    def uniform(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        assert len(rows) == len(token_ids) == len(self.coins)
        return torch.tensor(self.coins)

    def choose(self, weights: Tensor, rows: Tensor, is_recovered: Tensor) -> Tensor:
        self.weights, self.rows, self.is_recovered = weights, rows.tolist(), is_recovered.tolist()
        return weights.argmax(-1)


def reject(
    drafts: list[list[int]], draft_probs: list[list[float]], target_probs: list[list[float]], draws: GivenDraws
) -> tuple[list[int], list[int]]:
    target = torch.tensor(target_probs)
    num_accepted, token_ids = rejection_sample(
        torch.tensor([token_id for draft in drafts for token_id in draft], dtype=torch.int64),
        torch.tensor(draft_probs).reshape(-1, target.shape[1]),
        target,
        [len(draft) for draft in drafts],
        draws,
    )
    return num_accepted.tolist(), token_ids.tolist()


@pytest.mark.parametrize(
    ("drawn", "drafted", "kept"),
    [
        ([5], [], [5]),
        ([5, 6], [5], [5, 6]),
        ([5, 6], [4], [5]),
        ([5, 6, 7, 8], [5, 6, 7], [5, 6, 7, 8]),
        ([5, 6, 7, 8], [5, 9, 7], [5, 6]),
        ([5, 6, 7], [-1, 6], [5]),
    ],
)
def test_match_keeps_the_targets_tokens_up_to_the_first_surprise(
    drawn: list[int], drafted: list[int], kept: list[int]
) -> None:
    assert match_sample(drawn, drafted) == kept


def test_match_refuses_rows_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="one target token more"):
        match_sample([1, 2], [1, 2])


def test_ragged_drafts_are_verified_side_by_side() -> None:
    """One request without a draft, one rejected at its second token, one accepted whole."""
    p, q = [0.5, 0.3, 0.2], [0.2, 0.2, 0.6]
    draws = GivenDraws([0.9, 0.9, 0.3])
    num_accepted, token_ids = reject([[], [0, 2], [2]], [q, q, q], [p, p, p, p, p, p], draws)
    assert num_accepted == [0, 1, 1]
    assert draws.rows == [0, 2, 5]
    assert draws.is_recovered == [False, True, False]
    torch.testing.assert_close(draws.weights, torch.tensor([p, [0.3, 0.1, 0.0], p]))
    assert token_ids == [0, 0, 0]


@pytest.mark.parametrize(("coin", "accepted"), [(0.3333, 1), (0.3334, 0)])
def test_the_coin_is_compared_with_the_ratio(coin: float, accepted: int) -> None:
    num_accepted, _ = reject([[1]], [[0.1, 0.9]], [[0.7, 0.3], [0.5, 0.5]], GivenDraws([coin]))
    assert num_accepted == [accepted]


@pytest.mark.parametrize(
    ("coins", "accepted", "weights"),
    [
        ([0.16, 0.12], 1, [0.7 / 6, 0.0, 0.1 / 6]),
        ([0.17, 0.12], 0, [0.3, 0.1, 0.0]),
        ([0.99, 0.11], 2, [0.5, 0.3, 0.2]),
    ],
)
def test_a_prefix_is_accepted_whatever_the_coins_of_shorter_ones(
    coins: list[float], accepted: int, weights: list[float]
) -> None:
    """The first token passes by 2/15 / (2/15 + 2/3) = 1/6, and both by 1/3 * 0.3 / 0.9 = 1/9."""
    p = [0.5, 0.3, 0.2]
    draws = GivenDraws(coins)
    num_accepted, _ = reject([[2, 1]], [[0.2, 0.2, 0.6], [0.05, 0.9, 0.05]], [p, p, p], draws)
    assert num_accepted == [accepted]
    torch.testing.assert_close(draws.weights, torch.tensor([weights]))


def test_a_token_that_the_target_cannot_draw_is_rejected_by_the_smallest_coin() -> None:
    num_accepted, token_ids = reject([[1]], [[0.5, 0.5]], [[1.0, 0.0], [0.5, 0.5]], GivenDraws([2.0**-33]))
    assert (num_accepted, token_ids) == ([0], [0])


def test_equal_laws_accept_even_the_largest_coin() -> None:
    law = torch.rand(50, generator=torch.Generator().manual_seed(0)).softmax(-1).tolist()
    for token_id in range(50):
        num_accepted, _ = reject([[token_id]], [law], [law, law], GivenDraws([1 - 2.0**-24]))
        assert num_accepted == [1]


@pytest.mark.parametrize("token_id", [-1, 2, 10**6])
def test_a_token_outside_the_vocabulary_is_rejected(token_id: int) -> None:
    num_accepted, _ = reject([[token_id]], [[0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], GivenDraws([0.1]))
    assert num_accepted == [0]


def test_a_residual_of_rounding_errors_is_replaced_by_the_target() -> None:
    """Otherwise the recovered token would be drawn from noise of the last bit."""
    target = [0.5, 0.3, 0.2]
    draft = [0.5, 0.3 - 3e-8, 0.2 + 3e-8]
    draws = GivenDraws([0.5])
    num_accepted, token_ids = reject([[7]], [draft], [target, target], draws)
    assert num_accepted == [0]
    assert draws.weights.tolist() == [pytest.approx(target)]
    assert draws.is_recovered == [True]
    assert token_ids == [0]


def test_no_request_at_all_is_nothing() -> None:
    num_accepted, token_ids = rejection_sample(
        torch.empty(0, dtype=torch.int64), torch.empty(0, 4), torch.empty(0, 4), [], GivenDraws([])
    )
    assert num_accepted.tolist() == []
    assert len(token_ids) == 0


def test_rejection_refuses_rows_that_do_not_fit() -> None:
    token_ids, draft_probs = torch.zeros(2, dtype=torch.int64), torch.full((2, 2), 0.5)
    with pytest.raises(ValueError, match="do not fit"):
        rejection_sample(token_ids, draft_probs, torch.full((2, 2), 0.5), [2], GivenDraws([]))
    with pytest.raises(ValueError, match="do not fit"):
        rejection_sample(token_ids, draft_probs, torch.full((4, 2), 0.5), [1, 2], GivenDraws([]))
    with pytest.raises(ValueError, match="draft_probs"):
        rejection_sample(token_ids, draft_probs[:1], torch.full((3, 2), 0.5), [2], GivenDraws([]))
