"""A draft grows by what was drawn for it, and knows when it is long enough."""

from __future__ import annotations

import pytest
import torch

from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.growing_draft import GrowingDraft, draw_next
from helix.spec_decode.proposer import DraftRequest


def _growing(
    *, is_coupled: bool, max_draft_tokens: int = 3, temperature: float = 0.7, end: int | None = None
) -> GrowingDraft:
    ends = frozenset[int]() if end is None else frozenset({end})
    request = Request("a", [1, 2], SamplingParams(temperature=temperature), seed=3, max_tokens=9, eos_token_ids=ends)
    return GrowingDraft(DraftRequest(request=request, max_draft_tokens=max_draft_tokens), is_coupled)


def test_only_drafts_that_are_not_coupled_keep_what_they_were_drawn_from() -> None:
    drafts = [_growing(is_coupled=True), _growing(is_coupled=False)]
    for seed in range(2):
        logits = torch.randn(2, 8, generator=torch.Generator().manual_seed(seed))
        draw_next(Sampler(8), logits, drafts)
    coupled, own = (one.draft("x") for one in drafts)
    assert (len(coupled.token_ids), coupled.probs) == (2, None)
    assert own.probs is not None and own.probs.shape == (2, 8)
    assert (own.probs.gather(1, torch.tensor(own.token_ids)[:, None]) > 0).all()
    assert own.confidence is not None and len(own.confidence) == 2


@pytest.mark.parametrize("wanted", [1, 2, 3, 9])
def test_a_draft_goes_on_until_it_is_full_or_told_to_stop(wanted: int) -> None:
    draft = _growing(is_coupled=True)
    draft.asked.goes_on = lambda confidence: len(confidence) < wanted
    num_drawn = 0
    while num_drawn == 0 or draft.goes_on:
        draw_next(Sampler(8), torch.zeros(1, 8), [draft])
        num_drawn += 1
    assert num_drawn == len(draft.token_ids) == min(wanted, 3)


@pytest.mark.parametrize("end", [4, None])
def test_nothing_is_drafted_behind_the_end_of_the_answer(end: int | None) -> None:
    draft = _growing(is_coupled=True, temperature=0, end=end)
    for most_likely in (2, 4, 2):
        draw_next(Sampler(8), torch.eye(8)[[most_likely]], [draft])
        if not draft.goes_on:
            break
    assert draft.token_ids == ([2, 4] if end == 4 else [2, 4, 2])
