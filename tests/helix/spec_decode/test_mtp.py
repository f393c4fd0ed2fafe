"""What heads are asked to compute, and from whose hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from helix.model.batch import Span
from helix.model.mtp import MTPOutput, MTPRunner
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.mtp import MTPProposer
from helix.spec_decode.proposer import DraftRequest

VOCAB_SIZE = 12
TABLE = torch.randn(VOCAB_SIZE, VOCAB_SIZE, generator=torch.Generator().manual_seed(0)) * 2
"""Logits of the next token by the last one."""


class TableRunner:
    """Notes what it computes; its hidden state of a row is the number of the pass and the token."""

    def __init__(self) -> None:
        self.passes: list[list[Span]] = []
        self.given: list[list[list[float]] | None] = []

    def forward(self, spans: Sequence[Span], hidden_states: Tensor | None = None) -> MTPOutput:
        self.passes.append(list(spans))
        self.given.append(None if hidden_states is None else hidden_states.tolist())
        ids = [token_id for span in spans for token_id in span.token_ids[len(span.token_ids) - span.num_logits :]]
        states = torch.tensor([[len(self.passes), token_id] for token_id in ids], dtype=torch.float32)
        return MTPOutput(TABLE[ids], states)

    @property
    def shapes(self) -> list[list[tuple[int, list[int], int]]]:
        """Start, tokens and number of logits of each span of each pass."""
        return [[(span.start, list(span.token_ids), span.num_logits) for span in spans] for spans in self.passes]


def _proposer(*, budget: int = 100) -> tuple[MTPProposer, TableRunner]:
    runner = TableRunner()
    return MTPProposer(cast(MTPRunner, runner), Sampler(VOCAB_SIZE), max_num_batched_tokens=budget), runner


def _item(
    name: str, token_ids: list[int], num_drafts: int, *, done: int = 0, computed: int | None = None, **params: Any
) -> DraftRequest:
    request = Request(name, token_ids[:1], SamplingParams(**({"temperature": 0} | params)), seed=3, max_tokens=50)
    request.token_ids = list(token_ids)
    request.block_table = [7, 8, 9]
    request.num_computed_tokens = len(token_ids) - 1 if computed is None else computed
    request.num_mtp_computed_tokens = done
    return DraftRequest(request=request, max_draft_tokens=num_drafts)


def _next(token_id: int) -> int:
    return int(TABLE[token_id].argmax())


def test_the_first_pass_reads_the_targets_states_and_each_other_one_what_the_pass_before_found() -> None:
    proposer, runner = _proposer()
    item = _item("a", [1, 2, 3, 4], 3, done=2)
    assert proposer.num_tokens_behind(item) == 2
    draft = proposer.propose([item])["a"]
    first, second, third = draft.token_ids
    assert (first, second, third) == (_next(4), _next(first), _next(second))
    assert runner.shapes == [[(2, [3, 4], 1)], [(4, [first], 1)], [(5, [second], 1)]]
    assert runner.given == [None, [[1, 4]], [[2, first]]]
    assert draft.proposer == "mtp"


def test_tokens_of_a_draft_never_count_as_computed() -> None:
    """Their KV came of the head's own states, not the target's; counted, it would stay in the prefix cache."""
    proposer, _ = _proposer()
    item = _item("a", [1, 2, 3, 4], 3, done=2)
    proposer.propose([item])
    assert item.request.num_mtp_computed_tokens == 4


def test_requests_share_passes_and_take_their_own_states_along_when_others_leave() -> None:
    proposer, runner = _proposer()
    items = [_item("a", [1, 2], 1), _item("b", [3], 3), _item("c", [4, 5, 6], 2)]
    drafts = proposer.propose(items)
    assert {name: len(draft.token_ids) for name, draft in drafts.items()} == {"a": 1, "b": 3, "c": 2}
    assert [len(spans) for spans in runner.passes] == [3, 2, 1]
    assert runner.given == [None, [[1, 3], [1, 6]], [[2, drafts["b"].token_ids[0]]]]
    for item in items:
        alone, _ = _proposer()
        request = item.request
        again = _item(request.request_id, request.token_ids, item.max_draft_tokens)
        assert alone.propose([again])[request.request_id] == drafts[request.request_id]


def test_a_head_far_behind_catches_up_over_several_steps_and_nobody_exceeds_the_budget() -> None:
    proposer, runner = _proposer(budget=5)
    long, short = _item("long", [1 + i % 9 for i in range(12)], 2), _item("short", [3, 4], 2)
    assert set(proposer.propose([long, short])) == set()
    assert set(proposer.propose([long, short])) == set()
    assert set(proposer.propose([long, short])) == {"long", "short"}
    assert [sum(len(span.token_ids) for span in spans) for spans in runner.passes] == [5, 5, 4, 2]


def test_where_the_target_has_no_states_yet_the_head_stops_and_drafts_nothing() -> None:
    """After a preemption a request computes its prompt again and catches up in the very step that asks for drafts."""
    proposer, runner = _proposer()
    item = _item("a", [1, 2, 3, 4, 5, 6], 2, computed=3)
    assert proposer.propose([item]) == {}
    assert runner.shapes == [[(0, [1, 2, 3, 4], 0)]]
    assert item.request.num_mtp_computed_tokens == 4
    assert proposer.propose([item]) == {}
    assert len(runner.passes) == 1
    item.request.num_computed_tokens = 5
    assert len(proposer.propose([item])["a"].token_ids) == 2


def test_what_another_proposer_drafted_is_read_token_by_token_and_continued() -> None:
    proposer, runner = _proposer()
    behind, free = _item("a", [1, 2], 2, done=1), _item("b", [3, 4], 3)
    behind.prefix = [8, 9]
    assert proposer.num_passes_through_prefix(behind) == 2
    drafts = proposer.propose([behind, free])
    first, second = drafts["a"].token_ids
    assert (first, second) == (_next(9), _next(first))
    assert [spans[0] for spans in runner.shapes] == [(1, [2], 1), (2, [8], 1), (3, [9], 1), (4, [first], 1)]
    assert len(drafts["b"].token_ids) == 3
    assert drafts["a"].confidence is not None and len(drafts["a"].confidence) == 2


def test_a_coupled_draft_is_certain_and_another_comes_with_its_distribution() -> None:
    proposer, _ = _proposer()
    drafts = proposer.propose(
        [_item("seeded", [1, 2], 3, temperature=0.8, seed=1), _item("free", [1, 2], 3, temperature=0.8)]
    )
    assert drafts["seeded"].probs is None
    probs = drafts["free"].probs
    assert probs is not None
    before = 2
    for token_id, row in zip(drafts["free"].token_ids, probs, strict=True):
        assert torch.allclose(row, (TABLE[before] / 0.8).softmax(-1), atol=1e-6)
        before = token_id


def test_it_stops_behind_the_token_at_which_it_is_told_to() -> None:
    proposer, runner = _proposer()
    item = _item("a", [1, 2], 9)
    item.goes_on = lambda confidence: len(confidence) < 4
    draft = proposer.propose([item])["a"]
    assert len(draft.token_ids) == len(runner.passes) == 4
    before = [2, *draft.token_ids[:-1]]
    assert draft.confidence == pytest.approx([float(TABLE[one].softmax(-1).max()) for one in before], rel=1e-5)


def test_where_nobody_drafts_nothing_is_computed() -> None:
    proposer, runner = _proposer()
    assert proposer.propose([]) == {}
    assert runner.passes == []
