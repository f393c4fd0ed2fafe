"""Drafts of several proposers become one, row for row."""

from __future__ import annotations

import torch

from helix.spec_decode.proposer import Draft, join


def test_one_draft_stays_as_it_is() -> None:
    draft = Draft([1, 2], "ngram")
    assert join([draft]) is draft
    assert draft.parts == (draft,)


def test_tokens_follow_one_another_and_keep_their_proposers() -> None:
    joined = join([Draft([1, 2], "grammar"), Draft([3], "ngram")])
    assert joined.token_ids == [1, 2, 3]
    assert joined.probs is None
    assert [(part.proposer, part.token_ids) for part in joined.parts] == [("grammar", [1, 2]), ("ngram", [3])]


def test_what_is_certain_before_a_drawn_token_is_certain_in_its_distribution() -> None:
    drawn = torch.tensor([[0.25, 0.75, 0.0], [0.5, 0.0, 0.5]])
    joined = join([Draft([2], "grammar"), Draft([1, 0], "draft", drawn)])
    assert joined.probs is not None
    assert torch.equal(joined.probs, torch.cat([torch.tensor([[0.0, 0.0, 1.0]]), drawn]))


def test_a_cut_draft_loses_its_last_tokens_with_all_that_belongs_to_them() -> None:
    draft = Draft([1, 0, 1], "draft", torch.full((3, 2), 0.5), confidence=[0.9, 0.8, 0.7]).cut(2)
    assert draft.token_ids == [1, 0]
    assert draft.probs is not None and len(draft.probs) == 2
    assert draft.confidence == [0.9, 0.8]
