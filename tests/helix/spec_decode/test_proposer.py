"""Who guesses for whom, in a chain of proposers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from helix.spec_decode.depth import PassCosts
from helix.spec_decode.proposer import Draft, Drafts, ProposerChain


class Scripted:
    """Guesses for the requests it knows."""

    def __init__(self, name: str, knows: set[str], *, match_len: int = 0) -> None:
        self.name = name
        self.runs_model = name == "draft"
        self.match_len = match_len
        self.knows = knows
        self.asked: list[list[str]] = []
        self.forgotten: list[str] = []

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        self.asked.append([item.request.request_id for item in scheduled])
        return {
            item.request.request_id: Draft([1] * item.max_draft_tokens, self.name, match_len=self.match_len)
            for item in scheduled
            if item.request.request_id in self.knows
        }

    def forget(self, request_id: str) -> None:
        self.forgotten.append(request_id)


def _item(name: str, num_drafts: int = 2, **params: Any) -> ScheduledRequest:
    request = Request(name, [1, 2], SamplingParams(**params), seed=0, max_tokens=9)
    return ScheduledRequest(request, 1, num_drafts)


FLAT = PassCosts({1: 1.0, 17: 1.0}, draft_s=0.1)
"""Verification costs nothing: an accelerator."""
STOPPED = float
"""A clock that stands still; nothing is observed."""
STEEP = PassCosts({1: 1.0, 17: 17.0}, draft_s=0.1)
"""Every row costs a pass."""


def _step(chain: ProposerChain, item: ScheduledRequest, token_id: int, *, depth: int = 4) -> Draft | None:
    """Propose, and commit what a target would that wants token_id for ever."""
    item.max_draft_tokens = depth
    draft = chain.propose([item]).get(item.request.request_id)
    drafted = [] if draft is None else draft.token_ids
    item.request.token_ids += [token_id] * (1 + (len(drafted) if token_id == 1 else 0))
    return draft


def test_the_first_that_guesses_wins_and_the_others_are_not_asked() -> None:
    first, second = Scripted("ngram", {"a"}), Scripted("draft", {"a", "b"})
    chain = ProposerChain([first, second], method="auto")
    drafts = chain.propose([_item("a"), _item("b"), _item("c"), _item("full", 0)])
    assert {name: draft.proposer for name, draft in drafts.items()} == {"a": "ngram", "b": "draft"}
    assert first.asked == [["a", "b", "c"]]
    assert second.asked == [["b", "c"]]


@pytest.mark.parametrize(
    ("engine_method", "request_method", "asked"),
    [
        ("auto", None, ["ngram", "draft"]),
        ("auto", "ngram", ["ngram"]),
        ("ngram", None, ["ngram"]),
        ("ngram", "draft", ["draft"]),
        ("draft", "auto", ["ngram", "draft"]),
        ("none", "draft", ["draft"]),
        ("none", None, []),
        ("auto", "none", []),
    ],
)
def test_a_request_chooses_its_method_and_the_engine_for_the_rest(
    engine_method: Any, request_method: Any, asked: list[str]
) -> None:
    proposers = [Scripted("ngram", set()), Scripted("draft", set())]
    ProposerChain(proposers, method=engine_method).propose([_item("a", speculation_method=request_method)])
    assert [proposer.name for proposer in proposers if proposer.asked] == asked


def test_a_long_match_is_copied_and_a_short_one_left_to_the_draft_model() -> None:
    for match_len, expected in ((8, "ngram"), (1, "draft")):
        proposers = [Scripted("ngram", {"a"}, match_len=match_len), Scripted("draft", {"a"})]
        chain = ProposerChain(proposers, method="auto", costs=FLAT, clock=STOPPED)
        assert chain.propose([_item("a", 4)])["a"].proposer == expected


def test_a_proposer_that_keeps_missing_gives_way_for_that_request_alone() -> None:
    proposers = [Scripted("ngram", {"good", "bad"}, match_len=8), Scripted("draft", {"good", "bad"})]
    chain = ProposerChain(proposers, method="auto", costs=FLAT, clock=STOPPED)
    good, bad = _item("good"), _item("bad")
    for _ in range(6):
        _step(chain, good, token_id=1)
        _step(chain, bad, token_id=2)
    drafts = chain.propose([good, bad])
    assert {name: draft.proposer for name, draft in drafts.items()} == {"good": "ngram", "bad": "draft"}


def test_nothing_is_drafted_where_nothing_pays_and_it_is_tried_again_later() -> None:
    chain = ProposerChain(
        [Scripted("draft", {"a"})], method="auto", costs=PassCosts({1: 1.0, 17: 2.0}, 0.2), clock=STOPPED
    )
    item = _item("a")
    depths = [0 if draft is None else len(draft.token_ids) for draft in (_step(chain, item, 2) for _ in range(60))]
    assert depths[0] > 0, "the draft model starts with credit"
    assert 0 in depths[:10], "it misses and is left out"
    assert any(depths[10:]), "and asked again"
    assert depths.count(0) > 40, "but seldom"


def test_where_rows_cost_as_much_as_passes_nobody_drafts() -> None:
    proposers = [Scripted("ngram", {"a"}, match_len=8), Scripted("draft", {"a"})]
    assert ProposerChain(proposers, method="auto", costs=STEEP, clock=STOPPED).propose([_item("a")]) == {}
    assert proposers[1].asked == []


def test_a_draft_is_as_deep_as_pays() -> None:
    """Seven rows cost a second pass, six none."""
    costs = PassCosts({1: 1.0, 6: 1.0, 7: 2.0, 17: 2.0}, draft_s=0.01)
    for name in ("ngram", "draft"):
        chain = ProposerChain([Scripted(name, {"a"}, match_len=2)], method="auto", costs=costs, clock=STOPPED)
        assert len(chain.propose([_item("a", 16)])["a"].token_ids) == 5


def test_many_requests_draft_less() -> None:
    costs = PassCosts({1: 1.0, 8: 1.1, 16: 3.0}, draft_s=0.01)
    proposer = Scripted("draft", {str(i) for i in range(6)})
    chain = ProposerChain([proposer], method="auto", costs=costs, clock=STOPPED)
    alone = chain.propose([_item("0", 4)])
    together = chain.propose([_item(str(i), 4) for i in range(6)])
    assert len(together.get("1", Draft([], "none")).token_ids) < len(alone["0"].token_ids)


def test_a_method_that_was_asked_for_is_not_judged() -> None:
    proposers = [Scripted("ngram", {"a"}, match_len=1), Scripted("draft", {"a"})]
    chain = ProposerChain(proposers, method="auto", costs=STEEP, clock=STOPPED)
    assert len(chain.propose([_item("a", 9, speculation_method="ngram")])["a"].token_ids) == 9


def test_costs_are_corrected_by_what_steps_take() -> None:
    """The table says that rows are free; they are not, and drafting stops although every guess is right."""
    now = [0.0]
    proposers = [Scripted("ngram", {"a"}, match_len=8)]
    chain = ProposerChain(proposers, method="auto", costs=PassCosts({1: 1.0, 17: 1.0}), clock=lambda: now[0])
    item, depths = _item("a"), []
    for _ in range(160):
        draft = _step(chain, item, 1)
        depths.append(0 if draft is None else len(draft.token_ids))
        now[0] += 1 + 2 * depths[-1]
    assert depths[0] == 4
    assert sum(depths[-20:]) <= 4


def test_now_and_then_a_step_is_plain() -> None:
    chain = ProposerChain([Scripted("ngram", {"a"}, match_len=8)], method="auto", costs=FLAT, clock=STOPPED)
    item = _item("a")
    drafts = [_step(chain, item, 1) for _ in range(300)]
    assert 2 <= drafts.count(None) <= 3


def test_now_and_then_a_draft_is_tried_whatever_it_seems_to_cost() -> None:
    chain = ProposerChain([Scripted("ngram", {"a"}, match_len=8)], method="auto", costs=STEEP, clock=STOPPED)
    item = _item("a")
    drafts = [_step(chain, item, 2) for _ in range(300)]
    assert 2 <= len(drafts) - drafts.count(None) <= 3


def test_everybody_forgets_a_request_that_ended() -> None:
    proposers = [Scripted("ngram", set()), Scripted("draft", set())]
    ProposerChain(proposers, method="auto").forget("a")
    assert [proposer.forgotten for proposer in proposers] == [["a"], ["a"]]
