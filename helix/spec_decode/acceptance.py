"""The two rules that accept draft tokens without loss, as pure functions: match and rejection.

Either way the output of speculative decoding is distributed as sampling from the target alone. Under match it is even
the same tokens, whatever was drafted; under rejection a draft model's samples are accepted more often, and a whole
draft is judged at once, which accepts more of it than token after token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

_NO_MASS = 1e-6
"""A residual lighter than this is float32 rounding of equal distributions."""


class Draws(Protocol):
    """The verifier's randomness; rows are rows of target_probs."""

    def uniform(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        """Return one number of the open interval (0, 1) for each draft token; all [num_draft_tokens].

        They are drawn anew in every step, also at a place that an earlier step drafted in vain: what was accepted then
        depended on the coins and draft tokens behind it.
        """
        ...

    def choose(self, weights: Tensor, rows: Tensor, is_recovered: Tensor) -> Tensor:
        """Return one token id per request, drawn in proportion to weights [num_requests, vocab_size].

        rows and is_recovered are [num_requests]; where is_recovered is false the token is a bonus token.
        """
        ...


def match_sample(
    target_token_ids: Sequence[int],  # drawn by the target, one for each draft token and one more
    draft_token_ids: Sequence[int],
) -> list[int]:
    """Return the target's own tokens up to and including the first one that was not drafted.

    Rows after it are conditioned on a token that was not drawn and are dropped. Never empty.

    Raises:
        ValueError: There is not exactly one target token more than draft tokens.
    """
    if len(target_token_ids) != len(draft_token_ids) + 1:
        raise ValueError(f"{len(draft_token_ids)} draft tokens need one target token more, got {len(target_token_ids)}")
    num_accepted = 0
    for drawn, drafted in zip(target_token_ids, draft_token_ids, strict=False):
        if drawn != drafted:
            break
        num_accepted += 1
    return list(target_token_ids[: num_accepted + 1])


def rejection_sample(
    draft_token_ids: Tensor,  # [num_draft_tokens] int64
    draft_probs: Tensor,  # [num_draft_tokens, vocab_size] float32: what each token was really drawn from
    target_probs: Tensor,  # [num_draft_tokens + num_requests, vocab_size] float32
    draft_lens: Sequence[int],  # per request; zero is allowed
    draws: Draws,
) -> tuple[Tensor, Tensor]:
    """Count each request's accepted draft tokens and draw the token that follows them.

    The tokens of a draft are judged together, which never accepts fewer of them on average than one by one. Let c_0 = 1
    and c_i = min(1, c_{i-1} target(x_i) / draft(x_i)) for the draft tokens x_i, and r_i = max(c_i target - draft, 0)
    for the token behind the first i, of total mass s_i. The first i tokens pass with probability c_i if the draft ends
    there, else s_i / (s_i + 1 - c_i). The longest prefix that passes is accepted, or none. The recovered token behind
    it is drawn from r_i, normalised; behind a whole draft the bonus token is drawn from the target. Tokens outside the
    vocabulary are rejected. Where a draft ends may depend on its own tokens, and on nothing that is drawn here.

    Returns:
        Number of accepted tokens and the recovered or bonus token id, both [num_requests] int64.

    Raises:
        ValueError: Row counts disagree with draft_lens.

    Source: Sun et al., arXiv 2403.10444, block verification. A draft of one token is accepted as by Leviathan et al.,
    arXiv 2211.17192. Their p is target_probs, their q draft_probs in the latter, and the other way round in the former.
    """
    num_rows, vocab_size = target_probs.shape
    num_requests, num_draft_tokens = len(draft_lens), sum(draft_lens)
    if len(draft_token_ids) != num_draft_tokens or num_rows != num_draft_tokens + num_requests:
        raise ValueError(f"{len(draft_token_ids)} draft tokens and {num_rows} target rows do not fit {draft_lens}")
    if draft_probs.shape != (num_draft_tokens, vocab_size):
        raise ValueError(f"draft_probs is {list(draft_probs.shape)}, not {[num_draft_tokens, vocab_size]}")
    device = target_probs.device
    lens = torch.tensor(draft_lens, dtype=torch.int64)
    first_draft = lens.cumsum(0) - lens
    owner = torch.arange(num_requests).repeat_interleave(lens)
    place = torch.arange(num_draft_tokens) - first_draft[owner]
    lens, first_draft, owner, place = (
        index.to(device, non_blocking=True) for index in (lens, first_draft, owner, place)
    )
    first_row = first_draft + torch.arange(num_requests, device=device)
    rows = first_row[owner] + place
    in_vocabulary = (draft_token_ids >= 0) & (draft_token_ids < vocab_size)
    token_ids = draft_token_ids.clamp(0, vocab_size - 1)

    # 1. c_i, and for each draft token the residual at its place.
    ratios = target_probs[rows, token_ids] / draft_probs.gather(-1, token_ids.unsqueeze(-1)).squeeze(-1)
    carried = target_probs.new_ones(num_requests, max(draft_lens, default=0) + 1)
    carried[owner, place + 1] = torch.where(in_vocabulary, ratios.nan_to_num(0.0), 0.0)
    for i in range(1, carried.shape[1]):  # at most as many as the deepest draft
        carried[:, i] = (carried[:, i - 1] * carried[:, i]).clamp_max_(1)
    residuals = (target_probs[rows] * carried[owner, place].unsqueeze(-1)).sub_(draft_probs).clamp_min_(0)

    # 2. Toss a coin for every prefix and keep the longest that passes.
    mass, chance = residuals.sum(-1).roll(-1), carried[owner, place + 1]
    is_whole = place + 1 == lens[owner]
    coins = draws.uniform(rows, token_ids)
    passes = torch.where(is_whole, coins < chance, coins * (mass + 1 - chance) < mass)
    passed = torch.zeros(carried.shape, dtype=torch.int64, device=device)
    passed[owner, place + 1] = (place + 1) * passes
    num_accepted = passed.amax(-1)

    # 3. Draw what follows: from the residual after a rejection, else from the target.
    is_recovered = num_accepted < lens
    last_row = first_row + num_accepted
    weights = target_probs[last_row]
    if num_draft_tokens:
        residual = residuals[(first_draft + num_accepted).clamp_max(num_draft_tokens - 1)]
        has_mass = is_recovered & (residual.sum(-1) > _NO_MASS)
        weights = torch.where(has_mass.unsqueeze(-1), residual, weights)
    return num_accepted, draws.choose(weights, last_row, is_recovered)
