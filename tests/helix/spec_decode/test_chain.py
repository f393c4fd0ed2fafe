"""Who guesses for whom, and how deep, in a chain of proposers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from helix.spec_decode.chain import ProposerChain
from helix.spec_decode.choice import Choice
from helix.spec_decode.costs import PassCosts
from helix.spec_decode.guard import NEXT_CREDIT, SHARE
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts


class Scripted:
    """Guesses token 1 for the requests it knows; as a model, for as long as it may go on."""

    def __init__(
        self, name: str, knows: set[str], *, match_len: int = 0, confidence: float | None = None, longest: int = 99
    ) -> None:
        self.name = name
        self.match_len = match_len
        self.confidence = confidence
        self.knows = knows
        self.longest = longest
        self.asked: list[list[str]] = []
        self.prefixes: list[list[int]] = []
        self.forgotten: list[Request] = []

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        return 1

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        return 0

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        self.asked.append([item.request_id for item in asked])
        self.prefixes += [item.prefix for item in asked]
        return {item.request_id: self._draft(item) for item in asked if item.request_id in self.knows}

    def _draft(self, item: DraftRequest) -> Draft:
        confidence = [] if self.confidence is None else [self.confidence]
        num_tokens = 1
        while num_tokens < min(self.longest, item.max_draft_tokens):
            if item.goes_on is not None and not item.goes_on(confidence * num_tokens):
                break
            num_tokens += 1
        return Draft([1] * num_tokens, self.name, match_len=self.match_len, confidence=confidence * num_tokens or None)

    def forget(self, request: Request) -> None:
        self.forgotten.append(request)


def _item(name: str, num_drafts: int = 4, **params: Any) -> ScheduledRequest:
    request = Request(name, [1, 2], SamplingParams(**params), seed=0, max_tokens=9)
    request.num_computed_tokens = 1
    return ScheduledRequest(request, 1, num_drafts)


def _copy(*knows: str, match_len: int = 8) -> Scripted:
    return Scripted("suffix", set(knows), match_len=match_len)


def _draft_model(*knows: str, confidence: float = 0.85) -> Scripted:
    return Scripted("draft", set(knows), confidence=confidence)


FLAT = {1: 1.0, 17: 1.0}
"""Verification costs nothing: an accelerator."""
STEEP = {1: 1.0, 17: 17.0}
"""Every row costs a pass."""
STOPPED = float
"""A clock that stands still; drafting takes no time beyond what was measured."""


def _chain(
    *proposers: Scripted, target_s: dict[int, float] | None = FLAT, draft_s: float = 0.1, **settings: Any
) -> ProposerChain:
    return ProposerChain(
        [one for one in proposers if one.name != "draft"],
        [one for one in proposers if one.name == "draft"],
        method=settings.pop("method", "auto"),
        costs=None if target_s is None else PassCosts(target_s),
        draft_costs={"draft": PassCosts({1: draft_s, 100: draft_s})},
        clock=STOPPED,
        **settings,
    )


def _step(chain: ProposerChain, item: ScheduledRequest, token_id: int, *, row_s: float | None = None) -> Draft | None:
    """Propose, and tell of a target that wants token_id for ever."""
    drafts = chain.propose([item])
    draft = drafts.get(item.request.request_id)
    num_accepted = len(draft.token_ids) if draft is not None and token_id == 1 else 0
    chain.observe(item.request, draft, num_accepted)
    if row_s is not None:
        seconds = 1 + row_s * _depth(draft)
        chain.observe_step([item], drafts, drafting_s=0.0, verifying_s=seconds, num_tokens=num_accepted + 1)
    return draft


def _depth(draft: Draft | None) -> int:
    return 0 if draft is None else len(draft.token_ids)


def test_a_prediction_is_used_whatever_the_method_and_with_a_limit_of_its_own() -> None:
    for method, others in (("auto", "suffix"), ("suffix", "suffix"), ("draft", "draft")):
        limits: dict[str, tuple[int, int]] = {}

        class Asked(Scripted):
            def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
                limits[self.name] = asked[0].max_draft_tokens, asked[0].max_predicted_tokens  # noqa: B023
                return {}

        chain = _chain(Asked("predicted", set()), Asked("suffix", set()), Asked("draft", set()), target_s=None)
        chain.propose([ScheduledRequest(_item("a", speculation_method=method).request, 1, 4, 9)])
        assert limits["predicted"] == limits[others] == (4, 9)


def test_before_the_first_token_only_the_prediction_is_asked() -> None:
    predicted, other = Scripted("predicted", {"a"}), _copy("a")
    for target_s in (None, FLAT):
        item = _item("a", 0)
        item.max_predicted_tokens = 5
        drafts = _chain(predicted, other, target_s=target_s).propose([item])
        assert drafts["a"].proposer == "predicted"
    assert len(predicted.asked) == 2
    assert other.asked == []


def test_without_costs_the_first_that_guesses_wins_and_the_others_are_not_asked() -> None:
    first, second = _copy("a"), _draft_model("a", "b")
    drafts = _chain(first, second, target_s=None).propose([_item("a"), _item("b"), _item("c"), _item("full", 0)])
    assert {name: draft.proposer for name, draft in drafts.items()} == {"a": "suffix", "b": "draft"}
    assert first.asked == [["a", "b", "c"]]
    assert second.asked == [["b", "c"]]


@pytest.mark.parametrize(
    ("engine_method", "request_method", "asked"),
    [
        ("auto", None, ["suffix", "draft"]),
        ("auto", "suffix", ["suffix"]),
        ("suffix", None, ["suffix"]),
        ("suffix", "draft", ["draft"]),
        ("draft", "auto", ["suffix", "draft"]),
        ("none", "draft", ["draft"]),
        ("none", None, []),
        ("auto", "none", []),
    ],
)
def test_a_request_chooses_its_method_and_the_engine_for_the_rest(
    engine_method: Any, request_method: Any, asked: list[str]
) -> None:
    for target_s in (None, FLAT):
        proposers = [_copy(), _draft_model()]
        chain = _chain(*proposers, target_s=target_s, method=engine_method)
        chain.propose([_item("a", speculation_method=request_method)])
        assert [proposer.name for proposer in proposers if proposer.asked] == asked


@pytest.mark.parametrize(("engine", "request_", "is_pinned"), [(True, False, True), (False, True, False)])
def test_a_depth_is_a_maximum_unless_it_is_pinned(engine: bool, request_: bool, is_pinned: bool) -> None:
    """Nothing pays here, so what adapts does not draft."""
    chain = _chain(_draft_model("a", "b"), target_s=STEEP, is_adaptive=engine)
    drafts = chain.propose([_item("a", 7, speculation_adaptive=request_), _item("b", 7)])
    assert _depth(drafts.get("a")) == (7 if is_pinned else 0)
    assert _depth(drafts.get("b")) == (0 if is_pinned else 7)


def test_a_long_match_is_copied_and_a_short_one_left_to_the_draft_model() -> None:
    for match_len, expected in ((8, "suffix"), (1, "draft")):
        chain = _chain(_copy("a", match_len=match_len), _draft_model("a"))
        assert chain.propose([_item("a")])["a"].proposer == expected


@pytest.mark.parametrize(("num_left", "drafts"), [(400, True), (3, False)])
def test_a_long_prompt_is_computed_by_the_draft_model_where_enough_of_the_answer_is_to_come(
    num_left: int, drafts: bool
) -> None:
    model = _draft_model("a")
    model.num_tokens_behind = lambda asked: 1000  # type: ignore[method-assign]
    chain = ProposerChain(
        models=[model],
        method="auto",
        costs=PassCosts(FLAT),
        draft_costs={"draft": PassCosts({1: 0.1, 1000: 8.0})},
        clock=STOPPED,
    )
    request = Request("a", [1, 2], SamplingParams(), seed=0, max_tokens=num_left)
    request.num_computed_tokens = 1
    assert bool(chain.propose([ScheduledRequest(request, 1, 4)])) == drafts


def test_what_is_certain_is_taken_and_the_others_continue_behind_it() -> None:
    for target_s in (None, FLAT):
        forced = Scripted("grammar", {"a"}, confidence=1.0, longest=2)
        copying, model = _copy(), _draft_model("a")
        draft = _chain(forced, copying, model, target_s=target_s).propose([_item("a", 5)])["a"]
        assert [(part.proposer, len(part.token_ids)) for part in draft.parts] == [("grammar", 2), ("draft", 3)]
        assert copying.prefixes == model.prefixes == [[1, 1]]


@pytest.mark.parametrize("target_s", [None, FLAT])
@pytest.mark.parametrize("proposer", ["suffix", "grammar", "draft"])
def test_no_draft_goes_on_behind_the_end_of_the_answer(proposer: str, target_s: dict[int, float] | None) -> None:
    """Not even where it was copied from a text that went on, or is forced, or made by a model that did not look."""
    confidence = {"grammar": 1.0, "draft": 0.85}.get(proposer)
    for name in ("a", "b"):
        guessing = Scripted(proposer, {name}, match_len=8 if confidence is None else 0, confidence=confidence)
        behind = [_draft_model(name)] if proposer == "grammar" else []
        item = _item(name, 5, stop_token_ids=(1,), min_tokens=2) if name == "a" else _item(name, 5)
        (part,) = _chain(guessing, *behind, target_s=target_s).propose([item])[name].parts
        # Of the three tokens of the answer the target says the last one in the pass that verifies the others.
        assert (part.proposer, len(part.token_ids)) == (proposer, 2 if name == "a" else 5)
        assert not any(other.asked for other in behind)


def test_an_end_that_was_drawn_is_judged() -> None:
    choice = Choice(DraftRequest(request=_item("a", stop_token_ids=(1,)).request, max_draft_tokens=4), "auto")
    for probs, num_tokens in ((torch.full((3, 8), 1 / 8), 2), (None, 1)):
        choice.chosen = choice.within_answer(Draft([2, 1, 3], "draft", probs))
        result = choice.result()
        assert result is not None and len(result.token_ids) == num_tokens
        assert probs is None or (result.probs is not None and len(result.probs) == num_tokens)


def test_no_model_is_asked_where_a_copy_knows_that_the_answer_ends() -> None:
    """However many tokens a model would draft: they would not be asked for."""
    for stop_token_ids, proposer in (((), "draft"), ((1,), "suffix")):
        copying, model = _copy("a", match_len=16), _draft_model("a")
        copying.longest = 2
        chain = _chain(copying, model, draft_s=0.01)
        draft = chain.propose([_item("a", 8, stop_token_ids=stop_token_ids, min_tokens=1)])["a"]
        assert draft.proposer == proposer


def test_what_is_certain_may_fill_the_whole_draft() -> None:
    model = _draft_model("a")
    draft = _chain(Scripted("grammar", {"a"}, confidence=1.0), model).propose([_item("a", 3)])["a"]
    assert [(part.proposer, len(part.token_ids)) for part in draft.parts] == [("grammar", 3)]
    assert model.asked == []


def test_each_part_of_a_draft_is_judged_by_itself() -> None:
    chain = _chain(Scripted("grammar", {"a"}, confidence=1.0, longest=2), _draft_model("a"))
    item = _item("a", 5)
    for _ in range(12):
        draft = chain.propose([item]).get("a")
        chain.observe(item.request, draft, 2)  # what was certain, and nothing of the rest
    (grammar,) = chain.propose([item])["a"].parts
    assert grammar.proposer == "grammar"


def test_a_proposer_that_keeps_missing_gives_way_for_that_request() -> None:
    model = _draft_model("good", "bad")
    chain = _chain(_copy("good", "bad"), model)
    good, bad = _item("good"), _item("bad")
    for _ in range(6):
        _step(chain, good, token_id=1)
        _step(chain, bad, token_id=2)
    assert ["bad"] in model.asked
    assert ["good"] not in model.asked


def test_nothing_is_drafted_where_nothing_pays_and_it_is_tried_again_later() -> None:
    chain = _chain(_draft_model("a"), target_s={1: 1.0, 17: 2.0}, draft_s=0.2)
    depths = [_depth(_step(chain, _item("a"), 2)) for _ in range(300)]
    assert depths[0] > 0, "the draft model starts with credit"
    assert 0 in depths[:30], "it misses and is left out"
    assert any(depths[100:]), "and asked again"
    assert depths[30:].count(0) > 200, "but seldom"


def test_where_rows_cost_as_much_as_passes_nobody_drafts() -> None:
    copying, model = _copy("a"), _draft_model("a")
    assert _chain(copying, model, target_s=STEEP).propose([_item("a")]) == {}
    assert model.asked == []


def test_a_draft_is_as_deep_as_pays() -> None:
    """Seven rows cost a second pass, six none."""
    for proposer in (_copy("a", match_len=2), _draft_model("a")):
        chain = _chain(proposer, target_s={1: 1.0, 6: 1.0, 7: 2.0, 17: 2.0}, draft_s=0.01)
        assert _depth(chain.propose([_item("a", 16)]).get("a")) in ((5,) if proposer.name == "suffix" else range(4, 17))


def test_a_model_stops_where_it_is_not_sure_and_goes_on_where_it_is() -> None:
    depths = {}
    for confidence in (0.3, 0.7, 0.99):
        chain = _chain(_draft_model("a", confidence=confidence), target_s={1: 1.0, 17: 1.6}, draft_s=0.1)
        depths[confidence] = _depth(chain.propose([_item("a", 16)]).get("a"))
    assert 1 <= depths[0.3] < depths[0.7] < depths[0.99]


def test_many_requests_draft_less() -> None:
    chain = _chain(_draft_model(*(str(i) for i in range(6))), target_s={1: 1.0, 8: 1.1, 16: 3.0}, draft_s=0.01)
    alone = chain.propose([_item("0")])
    together = chain.propose([_item(str(i)) for i in range(6)])
    assert _depth(together.get("1")) < _depth(alone["0"])


def test_costs_are_corrected_by_what_steps_take() -> None:
    """The table says that rows are free; they are not, and drafting stops although every guess is right."""
    chain, item = _chain(_copy("a")), _item("a")
    depths = [_depth(_step(chain, item, 1, row_s=2.0)) for _ in range(160)]
    assert depths[0] == 4
    assert sum(depths[-20:]) <= 4


def test_the_guard_pauses_what_loses_although_the_plan_likes_it(caplog: pytest.LogCaptureFixture) -> None:
    """Drafting itself takes long, which no table knows."""
    chain, item = _chain(_copy("a")), _item("a")
    with caplog.at_level("WARNING"):
        depths = []
        for _ in range(2000):
            drafts = chain.propose([item])
            depths.append(_depth(drafts.get("a")))
            chain.observe(item.request, drafts.get("a"), depths[-1])
            chain.observe_step(
                [item], drafts, drafting_s=9.0 if drafts else 0.0, verifying_s=1.0, num_tokens=depths[-1] + 1
            )
    pause = depths.index(0, 10)
    assert pause < 40
    assert not any(depths[pause : pause + int(NEXT_CREDIT / SHARE)])
    assert any(depths[pause:])
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "slower than plain decoding" in caplog.text


def test_a_pinned_depth_that_loses_pauses_nobody() -> None:
    chain, pinned, adaptive = _chain(_copy("a", "b")), _item("a", speculation_adaptive=False), _item("b")
    for _ in range(100):
        drafts = chain.propose([pinned, adaptive])
        chain.observe_step([pinned, adaptive], drafts, drafting_s=9.0, verifying_s=1.0, num_tokens=2)
    assert not chain.is_paused


def test_a_method_that_loses_pauses_no_request_with_another() -> None:
    chain, loser, other = _chain(_copy("a", "b")), _item("a", speculation_method="ngram"), _item("b")
    for _ in range(20):
        drafts = chain.propose([loser])
        chain.observe_step([loser], drafts, drafting_s=9.0, verifying_s=1.0, num_tokens=1)
    assert chain.is_paused and not chain.propose([loser])
    assert chain.propose([other]) and not chain.is_paused
    assert not chain.propose([loser]) and chain.is_paused


def test_plain_time_is_estimated_for_the_tokens_of_a_step() -> None:
    chain, item = _chain(_copy("a"), target_s={1: 2.0, 17: 2.0}), _item("a")
    drafts = chain.propose([item])
    assert chain.observe_step([item], drafts, drafting_s=0.1, verifying_s=2.0, num_tokens=4) == pytest.approx(8.0)
    without = _chain(_copy("a"), target_s=None)
    assert without.observe_step([item], {}, drafting_s=0.1, verifying_s=2.0, num_tokens=4) is None


def test_now_and_then_a_step_is_plain() -> None:
    chain, item = _chain(_copy("a")), _item("a")
    drafts = [_step(chain, item, 1) for _ in range(300)]
    assert 2 <= drafts.count(None) <= 3


def test_now_and_then_a_short_draft_is_tried_whatever_it_seems_to_cost() -> None:
    chain, item = _chain(_copy("a"), target_s=STEEP), _item("a")
    depths = [_depth(_step(chain, item, 2)) for _ in range(300)]
    assert 2 <= len(depths) - depths.count(0) <= 3
    assert max(depths) == 2


def test_a_trial_makes_a_model_catch_up_with_one_request_alone() -> None:
    """With the one that it is least behind."""

    class Behind(Scripted):
        def num_tokens_behind(self, asked: DraftRequest) -> int:
            return {"a": 50, "b": 20, "c": 80}[asked.request_id]

    model = Behind("draft", {"a", "b", "c"}, confidence=0.5)
    chain = _chain(model, target_s=STEEP)
    items = [_item(name) for name in "abc"]
    for _ in range(150):
        chain.observe_step(items, chain.propose(items), drafting_s=0.0, verifying_s=3.0, num_tokens=3)
    assert model.asked == [["b"]]


def test_where_asking_takes_long_it_is_seldom_done_in_vain() -> None:
    """Every question takes as long as a pass, and nothing is ever worth verifying."""
    now = [0.0]

    class Slow(Scripted):
        def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
            now[0] += 1.0
            return super().propose(asked)

    copying = Slow("suffix", {"a"})
    chain = ProposerChain([copying], method="auto", costs=PassCosts(STEEP), clock=lambda: now[0])
    item = _item("a")
    for _ in range(1000):
        began_s = now[0]
        drafts = chain.propose([item])
        chain.observe_step([item], drafts, drafting_s=now[0] - began_s, verifying_s=1.0, num_tokens=1)
    assert 4 <= len(copying.asked) <= 30


def test_everybody_forgets_a_request_that_ended() -> None:
    proposers, request = [_copy(), _draft_model()], _item("a").request
    _chain(*proposers).forget(request)
    assert [proposer.forgotten for proposer in proposers] == [[request], [request]]


def test_passes_through_what_another_one_drafted_are_paid_for() -> None:
    """Heads read a prefix token by token; as cheap as one pass, they would be asked where they only cost."""

    class Forced(Scripted):
        def _draft(self, item: DraftRequest) -> Draft:
            return Draft([1, 1], self.name, confidence=[1.0, 1.0])

    for num_passes, is_asked in ((0, True), (40, False)):
        model = _draft_model("a")
        model.num_passes_through_prefix = lambda asked, n=num_passes: n  # type: ignore[method-assign, misc]
        chain = _chain(Forced("grammar", {"a"}), model, draft_s=0.05)
        assert chain.propose([_item("a", 4)])["a"].token_ids[:2] == [1, 1]
        assert bool(model.asked) == is_asked


def test_while_speculation_pauses_requests_rest_but_for_those_of_pinned_depth_and_it_comes_back() -> None:
    chain, item = _chain(_copy("a")), _item("a")
    pinned = _item("b", speculation_adaptive=False)
    assert not chain.rests(item.request)
    while not chain.rests(item.request):
        chain.observe_step([item], chain.propose([item]), drafting_s=9.0, verifying_s=1.0, num_tokens=1)
    assert not chain.rests(pinned.request)
    resting = replace(item, max_draft_tokens=0, is_resting=True)
    for _ in range(2000):
        assert chain.propose([resting]) == {}
        chain.observe_step([resting], {}, drafting_s=0.5, verifying_s=1.0, num_tokens=1)
    assert not chain.rests(item.request), "not to ask costs nothing, however long that takes"
    assert chain.propose([item])


def test_what_loses_with_many_requests_pauses_no_single_one() -> None:
    chain, items = _chain(_copy("0", "1", "2", "3")), [_item(str(i)) for i in range(4)]
    while not chain.is_paused:
        chain.observe_step(items, chain.propose(items), drafting_s=9.0, verifying_s=1.0, num_tokens=4)
    assert chain.propose(items[:1]) and not chain.is_paused
    assert not chain.propose(items) and chain.is_paused


def test_requests_share_the_passes_of_a_model() -> None:
    """Half a pass for a drafted token of one request would hold up the five others; drafting for all of them pays."""
    chain = _chain(_draft_model(*map(str, range(6))), target_s={1: 1.0, 32: 1.1}, draft_s=0.5)
    assert len(chain.propose([_item(str(i)) for i in range(6)])) == 6
    alone = _item("0")
    others = [_item(str(i), speculation_method="ngram") for i in range(1, 6)]
    chain = _chain(_draft_model("0"), target_s={1: 1.0, 32: 1.1}, draft_s=0.5)
    assert chain.propose([alone]) and not chain.propose([alone, *others])


def test_where_a_models_passes_do_not_pay_after_all_what_was_copied_is_taken() -> None:
    """One of six may have a model draft, and would pay for it alone; it copies instead."""
    items = [_item("0"), *(_item(str(i), speculation_method="suffix") for i in range(1, 6))]
    chain = _chain(_copy("0", match_len=1), _draft_model("0"), target_s={1: 1.0, 32: 1.1}, draft_s=3.0)
    drafts = chain.propose(items)
    assert [draft.proposer for draft in drafts.values()] == ["suffix"]
