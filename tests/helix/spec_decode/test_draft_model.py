"""What the draft model is asked to compute, and what it was drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from helix.model.batch import Span
from helix.model.runner import ModelRunner
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.draft_model import DraftModelProposer
from helix.spec_decode.proposer import DraftRequest

VOCAB_SIZE = 12
TABLE = torch.randn(VOCAB_SIZE, VOCAB_SIZE + 4, generator=torch.Generator().manual_seed(0)) * 2
"""Logits of the next token by the last one; four columns are padding."""
TABLE[:, VOCAB_SIZE:] = 50


class TableRunner:
    """Notes what it computes, and answers with rows of the table."""

    def __init__(self, vocab_size: int = VOCAB_SIZE + 4) -> None:
        self.passes: list[list[Span]] = []
        self.loaded = SimpleNamespace(vocab_size=vocab_size, head_ids=None)

    def forward(self, spans: Sequence[Span]) -> Tensor:
        self.passes.append(list(spans))
        ids = [token_id for span in spans for token_id in span.token_ids[len(span.token_ids) - span.num_logits :]]
        return TABLE[ids, : self.loaded.vocab_size]

    @property
    def shapes(self) -> list[list[tuple[int, list[int], int]]]:
        """Start, tokens and number of logits of each span of each pass."""
        return [[(span.start, list(span.token_ids), span.num_logits) for span in spans] for spans in self.passes]


def _proposer(*, budget: int = 100, vocab_size: int = VOCAB_SIZE + 4) -> tuple[DraftModelProposer, TableRunner]:
    runner = TableRunner(vocab_size)
    return DraftModelProposer(cast(ModelRunner, runner), Sampler(VOCAB_SIZE), max_num_batched_tokens=budget), runner


def _item(name: str, token_ids: list[int], num_drafts: int, *, done: int = 0, **params: Any) -> DraftRequest:
    request = Request(name, token_ids[:1], SamplingParams(**({"temperature": 0} | params)), seed=3, max_tokens=50)
    request.token_ids = list(token_ids)
    request.block_table = [7, 8, 9]
    request.num_draft_computed_tokens = done
    return DraftRequest(request=request, max_draft_tokens=num_drafts)


def test_the_first_pass_computes_what_is_missing_and_each_other_one_token() -> None:
    proposer, runner = _proposer()
    item = _item("a", [1, 2, 3, 4], 3, done=2)
    draft = proposer.propose([item])["a"]
    first, second, third = draft.token_ids
    assert runner.shapes == [[(2, [3, 4], 1)], [(4, [first], 1)], [(5, [second], 1)]]
    assert first == int(TABLE[4, :VOCAB_SIZE].argmax())
    assert third == int(TABLE[second, :VOCAB_SIZE].argmax())
    assert item.request.num_draft_computed_tokens == 6, "the last draft token is never computed"
    assert all(span.block_table is item.request.block_table for spans in runner.passes for span in spans)


def test_requests_share_passes_and_leave_them_when_they_have_their_drafts() -> None:
    proposer, runner = _proposer()
    items = [_item("a", [1, 2], 1), _item("b", [3], 3), _item("c", [4, 5, 6], 2)]
    drafts = proposer.propose(items)
    assert {name: len(draft.token_ids) for name, draft in drafts.items()} == {"a": 1, "b": 3, "c": 2}
    assert [len(spans) for spans in runner.passes] == [3, 2, 1]
    for item in items:
        alone, _ = _proposer()
        request = item.request
        again = _item(request.request_id, request.token_ids, item.max_draft_tokens)
        assert alone.propose([again])[request.request_id] == drafts[request.request_id]


def test_a_draft_far_behind_catches_up_over_several_steps_and_nobody_exceeds_the_budget() -> None:
    proposer, runner = _proposer(budget=5)
    long, short = _item("long", [1 + i % 9 for i in range(12)], 2), _item("short", [3, 4], 2)
    assert set(proposer.propose([long, short])) == set()
    assert set(proposer.propose([long, short])) == set()
    assert set(proposer.propose([long, short])) == {"long", "short"}
    assert [sum(len(span.token_ids) for span in spans) for spans in runner.passes] == [5, 5, 4, 2]
    assert [span.num_logits for span in runner.passes[0]] == [0]


@pytest.mark.parametrize("params", [{}, {"temperature": 0.8, "seed": 1}])
def test_a_coupled_draft_is_certain(params: dict[str, Any]) -> None:
    proposer, _ = _proposer()
    assert proposer.propose([_item("a", [1, 2], 3, **params)])["a"].probs is None


def test_probs_are_what_each_token_was_drawn_from() -> None:
    """Recomputed, or of other parameters, they would bias the rejection rule."""
    proposer, _ = _proposer()
    items = [
        _item("hot", [1, 2], 3, temperature=1.5, top_k=4),
        _item("greedy", [1, 2], 2),
        _item("biased", [5], 2, temperature=0.7, logit_bias={3: 4.0}, presence_penalty=1.0),
    ]
    drafts = proposer.propose(items)
    assert drafts["greedy"].probs is None
    for item in (items[0], items[2]):
        draft, params = drafts[item.request.request_id], item.request.params
        assert draft.probs is not None
        assert draft.probs.shape == (len(draft.token_ids), VOCAB_SIZE)
        before = item.request.token_ids[-1]
        seen = set(item.request.output_token_ids)
        for token_id, probs in zip(draft.token_ids, draft.probs, strict=True):
            logits = TABLE[before, :VOCAB_SIZE].clone()
            for biased, bias in params.logit_bias.items():
                logits[biased] += bias
            logits[list(seen)] -= params.presence_penalty
            logits /= params.temperature
            if params.top_k:
                logits[logits < logits.topk(params.top_k).values[-1]] = -torch.inf
            assert torch.allclose(probs, logits.softmax(-1), atol=1e-6)
            assert probs[token_id] > 0
            before = token_id
            seen.add(token_id)


def test_tokens_that_the_draft_model_has_no_row_for_are_neither_drawn_nor_read() -> None:
    """Tokenizers of one family may have more tokens than its smaller models: an image marker, say."""
    proposer, runner = _proposer(vocab_size=VOCAB_SIZE - 2)
    drafts = proposer.propose(
        [_item("a", [1, 2], 40), _item("b", [1, 2], 40, temperature=100.0), _item("c", [1, 10], 4)]
    )
    assert set(drafts) == {"a", "b"}
    assert all(token_id < VOCAB_SIZE - 2 for draft in drafts.values() for token_id in draft.token_ids)
    assert drafts["b"].probs is not None
    assert drafts["b"].probs.shape == (40, VOCAB_SIZE)
    assert not drafts["b"].probs[:, VOCAB_SIZE - 2 :].any()
    assert all(token_id < VOCAB_SIZE - 2 for spans in runner.passes for span in spans for token_id in span.token_ids)


def test_where_nobody_drafts_nothing_is_computed() -> None:
    """Speculation that is off must cost what plain decoding costs."""
    proposer, runner = _proposer()
    assert proposer.propose([]) == {}
    assert runner.passes == []


def test_what_another_proposer_drafted_is_computed_and_continued() -> None:
    proposer, runner = _proposer()
    item = _item("a", [1, 2], 2, done=1)
    item.prefix = [8, 9]
    assert proposer.num_tokens_behind(item) == 3
    draft = proposer.propose([item])["a"]
    assert runner.shapes[0] == [(1, [2, 8, 9], 1)]
    assert draft.token_ids[0] == int(TABLE[9, :VOCAB_SIZE].argmax())
    assert runner.shapes[1] == [(4, draft.token_ids[:1], 1)]


def test_it_stops_behind_the_token_at_which_it_is_told_to() -> None:
    proposer, runner = _proposer()
    item = _item("a", [1, 2], 9)
    seen: list[list[float]] = []

    def goes_on(confidence: Sequence[float]) -> bool:
        seen.append(list(confidence))
        return len(confidence) < 4

    item.goes_on = goes_on
    draft = proposer.propose([item])["a"]
    assert len(draft.token_ids) == len(runner.passes) == 4
    assert [len(confidence) for confidence in seen] == [1, 2, 3, 4]
    assert draft.confidence == seen[-1]


@pytest.mark.parametrize("params", [{}, {"temperature": 0.8}, {"temperature": 0.8, "seed": 1}])
def test_confidence_is_the_largest_probability_and_not_that_of_the_drawn_token(params: dict[str, Any]) -> None:
    """Stopping by the drawn token's own probability would bias the rejection rule."""
    proposer, _ = _proposer()
    draft = proposer.propose([_item("a", [1, 2], 4, **params)])["a"]
    before = [2, *draft.token_ids[:-1]]
    expected = [float(TABLE[token_id, :VOCAB_SIZE].softmax(-1).max()) for token_id in before]
    assert draft.confidence == pytest.approx(expected, rel=1e-5)
