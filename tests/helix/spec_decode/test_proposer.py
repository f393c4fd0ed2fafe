"""Who guesses for whom, in a chain of proposers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from helix.spec_decode.proposer import MIN_DRAFT_TOKENS_TO_JUDGE, Draft, Drafts, ProposerChain


class Scripted:
    """Guesses for the requests it knows."""

    def __init__(self, name: str, knows: set[str]) -> None:
        self.name = name
        self.knows = knows
        self.asked: list[list[str]] = []
        self.forgotten: list[str] = []

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> Drafts:
        self.asked.append([item.request.request_id for item in scheduled])
        return {name: Draft([1], self.name) for name in self.asked[-1] if name in self.knows}

    def forget(self, request_id: str) -> None:
        self.forgotten.append(request_id)


def _item(name: str, num_drafts: int = 2, **params: Any) -> ScheduledRequest:
    request = Request(name, [1, 2], SamplingParams(**params), seed=0, max_tokens=9)
    return ScheduledRequest(request, 1, num_drafts)


def _miss(item: ScheduledRequest, proposer: str, *, num_draft_tokens: int, num_accepted_tokens: int) -> None:
    item.request.metrics.spec.observe(
        proposer=proposer,
        num_draft_tokens=num_draft_tokens,
        num_accepted_tokens=num_accepted_tokens,
        num_emitted=num_accepted_tokens + 1,
    )


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


def test_a_proposer_that_keeps_missing_gives_way_for_that_request_alone() -> None:
    first, second = Scripted("ngram", {"good", "bad"}), Scripted("draft", {"good", "bad"})
    chain = ProposerChain([first, second], method="auto")
    good, bad = _item("good"), _item("bad")
    _miss(good, "ngram", num_draft_tokens=20, num_accepted_tokens=15)
    _miss(bad, "ngram", num_draft_tokens=20, num_accepted_tokens=2)
    drafts = chain.propose([good, bad])
    assert {name: draft.proposer for name, draft in drafts.items()} == {"good": "ngram", "bad": "draft"}


def test_nobody_is_judged_by_a_few_misses_and_the_last_one_never() -> None:
    first, second = Scripted("ngram", {"a"}), Scripted("draft", {"a"})
    item = _item("a")
    _miss(item, "ngram", num_draft_tokens=MIN_DRAFT_TOKENS_TO_JUDGE - 1, num_accepted_tokens=0)
    _miss(item, "draft", num_draft_tokens=100, num_accepted_tokens=0)
    assert ProposerChain([first, second], method="auto").propose([item])["a"].proposer == "ngram"
    _miss(item, "ngram", num_draft_tokens=1, num_accepted_tokens=0)
    assert ProposerChain([first, second], method="auto").propose([item])["a"].proposer == "draft"


def test_a_method_that_was_asked_for_is_not_judged() -> None:
    first, second = Scripted("ngram", {"a"}), Scripted("draft", {"a"})
    item = _item("a", speculation_method="ngram")
    _miss(item, "ngram", num_draft_tokens=100, num_accepted_tokens=0)
    assert ProposerChain([first, second], method="auto").propose([item])["a"].proposer == "ngram"


def test_everybody_forgets_a_request_that_ended() -> None:
    proposers = [Scripted("ngram", set()), Scripted("draft", set())]
    ProposerChain(proposers, method="auto").forget("a")
    assert [proposer.forgotten for proposer in proposers] == [["a"], ["a"]]
