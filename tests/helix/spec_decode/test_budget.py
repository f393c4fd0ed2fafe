"""Drafts never lose more than their budget, whatever passes cost and whatever becomes of the drafts."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from helix.spec_decode.budget import ADVANCE, ADVANCE_OF_ALL, MOST_KEPT_OF_ALL, SHARE, Budgets, RegretBudget
from helix.spec_decode.chain import ProposerChain
from helix.spec_decode.costs import Load, PassCosts, plain_load, verification_load
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts


def test_at_first_an_advance_may_be_lost_and_then_a_share_of_the_time() -> None:
    budget = RegretBudget(advance=1.0, most_kept=9.0)
    assert budget.left_s(2.0) == 2.0
    budget.observe(gained_s=-1.5, plain_s=10.0, pass_s=2.0)
    assert budget.left_s(2.0) == pytest.approx(0.5)
    budget.observe(gained_s=0.0, plain_s=990.0, pass_s=2.0)
    assert budget.left_s(2.0) == pytest.approx(SHARE * 1000 - 1.5)


def test_a_long_good_time_does_not_pay_for_a_long_bad_one() -> None:
    budget = RegretBudget(advance=1.0, most_kept=9.0)
    for _ in range(100):
        budget.observe(gained_s=5.0, plain_s=0.0, pass_s=1.0)
    assert budget.left_s(1.0) == 10.0


def test_an_investment_takes_what_is_left_and_no_more() -> None:
    for invested_s, left_s in ((0.0, -4.0), (3.0, -1.0), (5.0, 0.0)):
        budget = RegretBudget(advance=1.0, most_kept=9.0)
        budget.observe(gained_s=-5.0, plain_s=0.0, pass_s=1.0, invested_s=invested_s)
        assert budget.left_s(1.0) == left_s


def test_many_requests_in_one_step_have_no_more_than_two_advances() -> None:
    budgets = Budgets()
    one, two, eight = (sum(budgets.limits_s([str(i) for i in range(n)], 1.0)) for n in (1, 2, 8))
    assert two == eight == 2 * one


def test_a_request_pays_for_its_own_drafts() -> None:
    budgets = Budgets()
    before = budgets.limits_s(["drafts", "plain"], 1.0)
    budgets.observe_step(1.4, 1.0, num_requests=2, num_tokens=2, num_drafted=4)
    budgets.observe("drafts", num_drafted=4, num_accepted=0)
    budgets.observe("plain", num_drafted=0, num_accepted=0)
    after = budgets.limits_s(["drafts", "plain"], 1.0)
    assert after[0] < before[0]
    assert after[1] == before[1]
    budgets.forget("drafts")
    assert budgets.limits_s(["drafts", "plain"], 1.0) == before


class _Eager:
    """Always drafts as much as it may, and is sure of it."""

    def __init__(self, name: str, rng: random.Random, token_s: float, times: list[float]) -> None:
        self.name = name
        self.rng = rng
        self.token_s = token_s
        self.times = times

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        return 1

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        return 0

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        drafts = {}
        for item in asked:
            confidence = [self.rng.choice([0.5, 0.99])]
            while len(confidence) < item.max_draft_tokens and (item.goes_on is None or item.goes_on(confidence)):
                confidence.append(self.rng.choice([0.5, 0.99]))
            match_len = 0 if self.token_s else self.rng.choice([2, 20])
            drafts[item.request_id] = Draft([1] * len(confidence), self.name, None, match_len, confidence)
        self.times[0] += self.token_s * max((len(draft.token_ids) for draft in drafts.values()), default=0)
        return drafts

    def forget(self, request: Request) -> None: ...


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    row_s=st.lists(st.floats(0.0, 2.0), min_size=32, max_size=32),
    token_s=st.floats(0.001, 0.5),
    num_requests=st.integers(1, 3),
    mood=st.sampled_from(["never", "seldom", "lures"]),
)
def test_speculation_never_loses_more_than_its_budget_whatever_is_accepted(
    seed: int, row_s: list[float], token_s: float, num_requests: int, mood: str
) -> None:
    """Over all steps so far, at any time: 2% of plain decoding, or the advance and what earlier gains allow.

    The one who decides what is accepted is an adversary: nothing ever, a little, or all until it is trusted and then
    nothing. A single request also keeps its own, tighter budget as long as nothing is ever accepted.
    """
    rng = random.Random(seed)
    pass_s = {1: 1.0}
    for rows, more_s in enumerate(row_s, start=2):
        pass_s[rows] = pass_s[rows - 1] + more_s
    clock = [0.0]
    chain = ProposerChain(
        [_Eager("suffix", rng, 0.0, clock)],
        [_Eager("draft", rng, token_s, clock)],
        method="auto",
        costs=PassCosts(pass_s),
        draft_costs={"draft": PassCosts({1: token_s, 64: token_s})},
        clock=lambda: clock[0],
    )
    requests = [Request(str(i), [1, 2], SamplingParams(), seed=0, max_tokens=999) for i in range(num_requests)]
    for request in requests:
        request.num_computed_tokens = 1
    truth = PassCosts(pass_s)
    plain_s = spent_s = best_s = 0.0
    whole_s = truth.seconds(Load(num_requests))
    for step in range(150):
        scheduled = [ScheduledRequest(request, 1, 8) for request in requests]
        began_s = clock[0]
        drafts = chain.propose(scheduled)
        drafting_s, verifying_s = clock[0] - began_s, truth.seconds(verification_load(scheduled, drafts))
        clock[0] += verifying_s
        generous = mood == "lures" and step < 60
        accepted = {}
        for request in requests:
            num_drafted = len(drafts[request.request_id].token_ids) if request.request_id in drafts else 0
            some = rng.randint(0, num_drafted) if mood == "seldom" and rng.random() < 0.1 else 0
            accepted[request.request_id] = num_drafted if generous else some
        num_tokens = num_requests + sum(accepted.values())
        chain.observe_step(scheduled, drafts, drafting_s=drafting_s, verifying_s=verifying_s, num_tokens=num_tokens)
        for request in requests:
            chain.observe(request, drafts.get(request.request_id), accepted[request.request_id])
        plain_s += truth.seconds(plain_load(scheduled)) * num_tokens / num_requests
        spent_s += drafting_s + verifying_s
        best_s = max(best_s, plain_s - spent_s)
        lost_s = spent_s - plain_s
        assert lost_s <= max(SHARE * plain_s, ADVANCE_OF_ALL * whole_s) + 1e-6
        assert lost_s + best_s <= SHARE * plain_s + (ADVANCE_OF_ALL + MOST_KEPT_OF_ALL) * whole_s + 1e-6
        if num_requests == 1 and mood == "never":
            assert lost_s <= max(SHARE * plain_s, ADVANCE) + 1e-6
