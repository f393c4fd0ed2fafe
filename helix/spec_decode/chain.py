"""Chooses for every request and step who drafts and how deep."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from helix.config import SpeculationMethod
from helix.request import Request
from helix.scheduler import ScheduledRequest
from helix.spec_decode.budget import Budgets
from helix.spec_decode.choice import Choice, ask, results
from helix.spec_decode.costs import Load, PassCosts, plain_load, verification_load
from helix.spec_decode.depth import Candidate, Guard, Prices, behind, plan
from helix.spec_decode.experience import Experience, RequestExperience
from helix.spec_decode.proposer import Draft, DraftRequest, ModelProposer, Proposer

logger = logging.getLogger(__name__)


class ProposerChain:
    """Asks several proposers in order.

    Adaptive requests get the draft that promises the most tokens per second, cut to the depth that does, or none; the
    depths of all of them are chosen together. For the others the first proposer that guesses drafts as deep as it may.
    """

    def __init__(
        self,
        copying: Sequence[Proposer] = (),  # free, so all of them are asked
        models: Sequence[ModelProposer] = (),
        *,
        method: SpeculationMethod,
        is_adaptive: bool = True,
        costs: PassCosts | None = None,  # of the target; None: nothing adapts
        draft_costs: Mapping[str, PassCosts] | None = None,  # by name of the model proposer; missing ones are free
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.copying = list(copying)
        self.models = list(models)
        self.method = method
        self.is_adaptive = is_adaptive
        self.costs = costs
        self.draft_costs = dict(draft_costs or {})
        self.guard = Guard()
        self._clock = clock
        self._budgets = Budgets()
        self._general = Experience()
        self._experience: dict[str, RequestExperience] = {}
        self._num_drafted_in_a_row = _MAX_STEPS_IN_A_ROW - _FIRST_STEPS_IN_A_ROW
        self._num_plain_in_a_row = 0

    def adapts(self, request: Request) -> bool:
        """Return whether the depth of a request is chosen step by step."""
        adaptive = request.params.speculation_adaptive
        return self.costs is not None and (self.is_adaptive if adaptive is None else adaptive)

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> dict[str, Draft]:
        """Return at most one draft for each request, of one proposer or joined from several."""
        choices = [
            Choice(
                DraftRequest(
                    request=item.request,
                    max_draft_tokens=item.max_draft_tokens,
                    max_predicted_tokens=item.max_predicted_tokens,
                ),
                item.request.params.speculation_method or self.method,
            )
            for item in scheduled
            if item.max_draft_tokens or item.max_predicted_tokens
        ]
        drafts = self._first([choice for choice in choices if not self.adapts(choice.request)])
        adaptive = [choice for choice in choices if self.adapts(choice.request)]
        if not adaptive:
            return drafts
        is_plain = self.guard.is_off or self._num_drafted_in_a_row >= _MAX_STEPS_IN_A_ROW
        best = {} if is_plain else self._best(adaptive, scheduled)
        self._num_drafted_in_a_row = self._num_drafted_in_a_row + 1 if best else 0
        self._num_plain_in_a_row = 0 if best else self._num_plain_in_a_row + 1
        return drafts | best

    def observe(self, request: Request, draft: Draft | None, num_accepted_tokens: int) -> None:
        """Learn what became of a request's draft in a step that brought it tokens."""
        experience = self._experience_of(request)
        num_drafted = 0 if draft is None else len(draft.token_ids)
        self._budgets.observe(request.request_id, num_drafted=num_drafted, num_accepted=num_accepted_tokens)
        if draft is None:
            experience.pass_over()
            return
        for part in draft.parts:
            experience.observe(part, min(num_accepted_tokens, len(part.token_ids)))
            num_accepted_tokens -= len(part.token_ids)
            if num_accepted_tokens < 0:
                break

    def observe_step(
        self,
        scheduled: Sequence[ScheduledRequest],
        drafts: Mapping[str, Draft],
        *,
        drafting_s: float,
        verifying_s: float,
        num_tokens: int,
    ) -> float | None:
        """Learn what a step cost that brought num_tokens tokens.

        Returns:
            Seconds that plain decoding would have taken for as many tokens; None where costs are not known.
        """
        num_catching_up = sum(item.catches_up for item in scheduled)
        if self.costs is None or not num_catching_up:
            return None
        load, num_drafted = verification_load(scheduled, drafts), sum(len(draft.token_ids) for draft in drafts.values())
        pass_s = self.costs.seconds(plain_load(scheduled))
        plain_s = pass_s * num_tokens / num_catching_up
        # A pause of the machine is nobody's fault, and a plain step never speculation's.
        spent_s = drafting_s + min(verifying_s, _LONGEST_PASS * self.costs.seconds(load)) if num_drafted else plain_s
        if load.num_rows <= _MAX_ROWS_OBSERVED:
            self.costs.observe(load, verifying_s)
        self._budgets.observe_step(
            spent_s, pass_s, num_requests=num_catching_up, num_tokens=num_tokens, num_drafted=num_drafted
        )
        drafting = [item.request for item in scheduled if item.max_draft_tokens or item.max_predicted_tokens]
        if drafting and all(map(self.adapts, drafting)):  # what a pinned depth loses is its request's own wish
            speed_up = self.guard.observe(spent_s, plain_s)
            if speed_up is not None:
                logger.warning("speculation pauses: it was slower than plain decoding (%.2fx)", speed_up)
        return plain_s

    def forget(self, request: Request) -> None:
        """Drop whatever is kept for a request that ended."""
        self._experience.pop(request.request_id, None)
        self._budgets.forget(request.request_id)
        for proposer in (*self.copying, *self.models):
            proposer.forget(request)

    def _experience_of(self, request: Request) -> RequestExperience:
        return self._experience.setdefault(request.request_id, RequestExperience(self._general))

    def _first(self, choices: Sequence[Choice]) -> dict[str, Draft]:
        """Take the first guess for each request."""
        for proposer in (*self.copying, *self.models):
            ask(proposer, [choice for choice in choices if not choice.offers])
        for choice in choices:
            choice.chosen = choice.offers[0] if choice.offers else None
        return results(choices)

    def _best(self, choices: Sequence[Choice], scheduled: Sequence[ScheduledRequest]) -> dict[str, Draft]:
        """Take the guess of best promise for each request; models are asked only where they win."""
        assert self.costs is not None, "requests adapt only where costs are known"
        costs, draft_costs = self.costs, self.draft_costs
        load, num_tokens = plain_load(scheduled), sum(item.catches_up for item in scheduled)
        pass_s = costs.seconds(load)
        limit_s = self._budgets.limit_s(pass_s)
        own_limits_s = self._budgets.limits_s([choice.request.request_id for choice in choices], pass_s)
        if self._num_plain_in_a_row >= _MAX_STEPS_IN_A_ROW:
            depth = self._probe_depth(load, len(choices), min(limit_s, *own_limits_s))
            costs, draft_costs = costs.with_free_rows(), {}
            for choice in choices:
                choice.asked.max_draft_tokens = min(choice.asked.max_draft_tokens, depth)
                choice.asked.max_predicted_tokens = min(choice.asked.max_predicted_tokens, depth)
            if not depth:
                return {}
        for proposer in self.copying:
            ask(proposer, choices)
        # What is certain is not lost.
        certain_s = [choice.num_certain_tokens * pass_s / num_tokens for choice in choices]
        limit_s += sum(certain_s)
        limits_s = [own_s + more_s for own_s, more_s in zip(own_limits_s, certain_s, strict=True)]
        plan_for = partial(plan, costs, load=load, num_tokens=num_tokens, limit_s=limit_s)
        candidates = []
        for choice, own_limit_s in zip(choices, limits_s, strict=True):
            offered = self._candidates(choice, draft_costs)
            rates = [plan_for([candidate], limits_s=[own_limit_s]).tokens_per_s for candidate, _ in offered]
            candidate, choice.chosen = offered[rates.index(max(rates))]
            choice.limit_s = own_limit_s
            candidates.append(candidate)
        planned = plan_for(candidates, limits_s=limits_s)
        for choice, depth in zip(choices, planned.depths, strict=True):
            choice.depth = depth
        for model in self.models:
            drafting = [one for one in choices if one.chosen is model and (one.depth or 0) > one.num_certain_tokens]
            if drafting:
                prices = Prices(costs, planned, load, num_drafting=len(drafting))
                self._draft(model, drafting, prices, limit_s)
        return results(choices)

    def _probe_depth(self, load: Load, num_requests: int, limit_s: float) -> int:
        """Return how deep a draft may be that only finds out whether drafts are accepted again; 0: not at all."""
        assert self.costs is not None, "requests adapt only where costs are known"
        drafting = [self.draft_costs[model.name] for model in self.models if model.name in self.draft_costs]
        token_s = max((costs.seconds(Load(num_requests)) for costs in drafting), default=0.0)
        for depth in range(_PROBE_DEPTH, 0, -1):
            probing = load.plus(depth * num_requests, load.context // load.num_rows)
            if self.costs.seconds(probing) - self.costs.seconds(load) + depth * token_s <= limit_s:
                return depth
        return 0

    def _candidates(
        self, choice: Choice, draft_costs: Mapping[str, PassCosts]
    ) -> list[tuple[Candidate, Draft | ModelProposer | None]]:
        """Return what a request could have verified, and where it comes from."""
        request, experience = choice.request, self._experience_of(choice.request)
        certain = self._certain(choice)
        make = partial(Candidate, context_len=request.num_tokens, num_made=len(certain))
        candidates: list[tuple[Candidate, Draft | ModelProposer | None]] = [(make(survival=certain), None)]
        for offer in choice.offers:
            candidates.append((make(survival=behind(certain, experience.survival(offer))), offer))
        for model in self.models:
            if choice.allows(model):
                made = make(survival=behind(certain, experience.expected(model.name, choice.asked.max_draft_tokens)))
                if (costs := draft_costs.get(model.name)) is not None:
                    token_s = costs.seconds(Load(1))
                    made = replace(
                        made,
                        token_s=token_s,
                        before_s=token_s * model.num_passes_through_prefix(choice.asked),
                        invested_s=self._catch_up_s(model, choice.asked, costs),
                    )
                candidates.append((made, model))
        return candidates

    def _catch_up_s(self, model: ModelProposer, asked: DraftRequest, costs: PassCosts) -> float:
        """Return what a first token costs more than another one because the model is behind.

        Whole prompts are spread over the steps that will gain by it. How many these will be nobody knows; a text
        that goes on is assumed to go on for as long again.
        """
        num_behind = model.num_tokens_behind(asked)
        catch_up_s = costs.seconds(Load(max(1, num_behind))) - costs.seconds(Load(1))
        if num_behind <= asked.max_draft_tokens + 1:
            return catch_up_s
        request = asked.request
        num_left = min(request.max_tokens - request.num_output_tokens, request.num_output_tokens + _SHORT_ANSWER)
        return catch_up_s / max(1, num_left // _TOKENS_PER_STEP)

    def _draft(self, model: ModelProposer, choices: Sequence[Choice], prices: Prices, limit_s: float) -> None:
        """Let a model draft for those who chose it, each for as long as more tokens pay and the budget bears them."""
        costs, batch = self.draft_costs.get(model.name), Load(len(choices))
        token_s = expected_s = 0.0
        if costs is not None:
            token_s = costs.seconds(batch)
            num_behind = [model.num_tokens_behind(choice.asked) for choice in choices]
            expected_s = costs.seconds(Load(max(*num_behind, len(choices)))) - token_s
            expected_s += token_s * max(model.num_passes_through_prefix(choice.asked) for choice in choices)
            for choice, num_tokens in zip(choices, num_behind, strict=True):
                catch_up_s = costs.seconds(Load(max(1, num_tokens))) - costs.seconds(Load(1))
                self._budgets.invest(choice.request.request_id, catch_up_s)
        for choice in choices:
            choice.asked.goes_on = partial(self._goes_on, choice, model.name, prices, token_s / len(choices))
            affordable = prices.affordable(
                choice.depth or 0,
                choice.num_certain_tokens + choice.asked.max_draft_tokens,
                draft_s=token_s / len(choices),
                limit_s=min(choice.limit_s, limit_s / len(choices)),
            )
            choice.asked.max_draft_tokens = affordable - choice.num_certain_tokens
        started_s = self._clock()
        drafts = model.propose([choice.asked for choice in choices])
        elapsed_s = self._clock() - started_s
        for choice in choices:
            choice.chosen, choice.depth = drafts.get(choice.request.request_id), None
        if costs is not None and drafts and elapsed_s > 0:
            expected_s += token_s * max(len(draft.token_ids) for draft in drafts.values())
            costs.observe(batch, token_s * elapsed_s / expected_s)

    def _goes_on(self, choice: Choice, name: str, prices: Prices, token_s: float, confidence: Sequence[float]) -> bool:
        """Return whether some more tokens of a draft are together likely enough to be worth their time."""
        expected = self._experience_of(choice.request).expected(name, choice.asked.max_draft_tokens, confidence)
        num_made = choice.num_certain_tokens + len(confidence)
        gained = 0.0
        for num_tokens, chance in enumerate(behind(self._certain(choice), expected)[num_made:], start=num_made + 1):
            gained += chance - prices.of(num_tokens - (choice.depth or 0), token_s)
            if gained > 0:
                return True
        return False

    def _certain(self, choice: Choice) -> list[float]:
        """Return the survival of the tokens that nothing else can follow but them."""
        experience = self._experience_of(choice.request)
        result: list[float] = []
        for draft in choice.certain:
            result = behind(result, experience.survival(draft))
        return result


_LONGEST_PASS = 1.5
"""Times as long as expected that a pass may take at most to be counted against speculation."""
_MAX_ROWS_OBSERVED = 64
"""Steps of more rows compute prompts."""
_MAX_STEPS_IN_A_ROW = 100
"""Then one step is done the other way, with or without drafts, so that what it costs stays known."""
_FIRST_STEPS_IN_A_ROW = 8
"""The first plain step comes sooner."""
_SHORT_ANSWER = 64
"""Tokens that an answer is expected to have at least."""
_TOKENS_PER_STEP = 4
"""About what a drafting step brings."""
_PROBE_DEPTH = 2
"""Deepest draft of a step that only finds out whether drafts are accepted again."""
