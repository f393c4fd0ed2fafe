"""Chooses for every request and step who drafts and how deep."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from helix.config import SpeculationMethod
from helix.request import Request
from helix.scheduler import ScheduledRequest
from helix.spec_decode.choice import Choice, ask, results
from helix.spec_decode.costs import Load, PassCosts, plain_load, verification_load
from helix.spec_decode.depth import Growth, Prices, plan
from helix.spec_decode.experience import Experiences
from helix.spec_decode.guard import Pace
from helix.spec_decode.proposer import Draft, DraftRequest, ModelProposer, Proposer
from helix.spec_decode.selection import Selection

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
        self._clock = clock
        self._experiences = Experiences()
        self._selection = Selection(self._experiences, self.models)
        self._paces: dict[tuple[frozenset[SpeculationMethod], int], Pace] = {}
        self._pace = Pace()
        """Of the requests of the last step in which some might adapt."""
        self._all_adapt = False
        """Whether all of the last step's requests that might draft choose their depth."""
        self._has_asked = False
        """Whether proposers were asked in the last step for those who adapt."""
        self._model_s = 0.0
        """What models took for it."""
        self._hindered_s = 0.0
        """What all of it took longer than it ever should: the machine did something else."""
        self._num_plain_in_a_row = 0
        self._has_paused = False

    @property
    def is_paused(self) -> bool:
        """Whether the step that drafts were asked for last goes without, because they had cost more than they gave."""
        return self._pace.guard.is_off

    def rests(self, request: Request) -> bool:
        """Return whether a request is not asked for in the next step if that is like the last one."""
        return self._pace.guard.is_off and self.adapts(request)

    def adapts(self, request: Request) -> bool:
        """Return whether the depth of a request is chosen step by step."""
        adaptive = request.params.speculation_adaptive
        return self.costs is not None and (self.is_adaptive if adaptive is None else adaptive)

    def propose(self, scheduled: Sequence[ScheduledRequest]) -> dict[str, Draft]:
        """Return at most one draft for each request, of one proposer or joined from several."""
        adaptive: list[ScheduledRequest] = []
        pinned: list[ScheduledRequest] = []
        for item in scheduled:
            if item.max_draft_tokens or item.max_predicted_tokens or item.is_resting:
                (adaptive if self.adapts(item.request) else pinned).append(item)
        self._all_adapt = bool(adaptive) and not pinned
        self._hindered_s = 0.0
        drafts = self._first(self._choices(pinned)) if pinned else {}
        if not adaptive:
            return drafts
        methods = frozenset([item.request.params.speculation_method or self.method for item in adaptive])
        alike = methods, len(adaptive).bit_length()
        if (pace := self._paces.get(alike)) is None:
            pace = self._paces[alike] = Pace()
        self._pace = pace
        best: dict[str, Draft] = {}
        self._has_asked = False
        if pace.allows and (asked := [item for item in adaptive if not item.is_resting]):
            self._has_asked = True
            self._model_s = 0.0
            started_s = self._clock()
            best = self._best(self._choices(asked), scheduled)
            self._hindered_s += pace.asking.excess(self._clock() - started_s - self._model_s)
        if not pace.guard.is_off:
            pace.note(has_drafts=bool(best))
        return drafts | best

    def observe(self, request: Request, draft: Draft | None, num_accepted_tokens: int) -> None:
        """Learn what became of a request's draft in a step that brought it tokens."""
        if draft is None:
            self._experiences.pass_over(request.request_id)
            return
        for part in draft.parts:
            num_tokens = len(part.token_ids)
            self._selection.experience(request, part.proposer).observe(part, min(num_accepted_tokens, num_tokens))
            num_accepted_tokens -= num_tokens
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
        costs = self.costs
        if costs is None or not num_catching_up:
            return None
        plain = plain_load(scheduled)
        load = verification_load(scheduled, drafts) if drafts else plain
        is_decoding = plain.num_rows == len(scheduled)  # rows of prompts cost something else: few of them get logits
        longest_s = _LONGEST_PASS * costs.seconds(load)
        self._num_plain_in_a_row = 0 if drafts else self._num_plain_in_a_row + 1
        is_news = self._num_plain_in_a_row % _PLAIN_STEPS_ALIKE == 1 or bool(drafts)
        if is_decoding and is_news and load.num_rows <= _MAX_ROWS_OBSERVED:
            change = costs.observe(load, verifying_s)
            for others in self.draft_costs.values():
                others.follow(change)
        plain_s = costs.seconds(plain) * num_tokens / num_catching_up
        if is_decoding and self._all_adapt:  # what a pinned depth loses is its request's own wish
            # A pause of the machine is nobody's fault; what asking for drafts took is speculation's in plain steps too.
            seconds = min(verifying_s, longest_s) if drafts else plain_s
            if self._has_asked:
                seconds += drafting_s - self._hindered_s
            if self._pace.guard.observe(seconds, plain_s, step_s=plain_s * num_catching_up / num_tokens):
                # Where steps are short this may happen every second.
                logger.log(logging.INFO if self._has_paused else logging.WARNING, _PAUSES)
                self._has_paused = True
        return plain_s

    def forget(self, request: Request) -> None:
        """Drop whatever is kept for a request that ended."""
        self._experiences.forget(request.request_id)
        for proposer in (*self.copying, *self.models):
            proposer.forget(request)

    def _choices(self, scheduled: Sequence[ScheduledRequest]) -> list[Choice]:
        return [
            Choice(
                DraftRequest(
                    request=item.request,
                    max_draft_tokens=item.max_draft_tokens,
                    max_predicted_tokens=item.max_predicted_tokens,
                ),
                item.request.params.speculation_method or self.method,
            )
            for item in scheduled
        ]

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
        if self._pace.is_probing:
            costs, draft_costs = costs.with_free_rows(), {}
            # One alone: to catch up with all of them could take a model many passes.
            probed = min(choices, key=self._selection.num_tokens_behind)
            probed.asked.max_draft_tokens = min(probed.asked.max_draft_tokens, _PROBE_DEPTH)
            probed.asked.max_predicted_tokens = min(probed.asked.max_predicted_tokens, _PROBE_DEPTH)
            choices = [probed]
        for proposer in self.copying:
            ask(proposer, choices)
        load = plain_load(scheduled)
        make_plan = partial(plan, costs, load=load, num_tokens=sum([item.catches_up for item in scheduled]))
        planned = self._selection.choose(choices, draft_costs, make_plan)
        for model in self.models:
            drafting = [one for one in choices if one.chosen is model and (one.depth or 0) > one.num_certain_tokens]
            if drafting:
                self._draft(model, drafting, partial(Prices, costs, planned, load, num_drafting=len(drafting)))
        return results(choices)

    def _draft(self, model: ModelProposer, choices: Sequence[Choice], price: Callable[..., Prices]) -> None:
        """Let a model draft for those who chose it, each for as long as one more token pays."""
        costs, batch = self.draft_costs.get(model.name), Load(len(choices))
        token_s = expected_s = 0.0
        if costs is not None:
            token_s = costs.seconds(batch)
            num_behind = sum([model.num_tokens_behind(choice.asked) for choice in choices])
            expected_s = costs.seconds(Load(max(num_behind, len(choices)))) - token_s
            expected_s += token_s * max(model.num_passes_through_prefix(choice.asked) for choice in choices)
        prices = price(draft_s=token_s / len(choices))
        for choice in choices:
            choice.asked.goes_on = Growth(
                self._selection.experience(choice.request, model.name),
                prices,
                planned_depth=choice.depth or 0,
                certain=self._selection.certain(choice),
                max_draft_tokens=choice.asked.max_draft_tokens,
            )
        started_s = self._clock()
        drafts = model.propose([choice.asked for choice in choices])
        elapsed_s = self._clock() - started_s
        self._model_s += elapsed_s
        for choice in choices:
            draft = drafts.get(choice.request.request_id)
            choice.chosen, choice.depth = None if draft is None else choice.within_answer(draft), None
        if costs is not None and drafts and elapsed_s > 0:
            expected_s += token_s * max(len(draft.token_ids) for draft in drafts.values())
            costs.observe(batch, token_s * elapsed_s / expected_s)
            self._hindered_s += max(elapsed_s - _LONGEST_PASS * expected_s, 0.0)


_PAUSES = "speculation pauses: it was slower than plain decoding"
_LONGEST_PASS = 1.2
"""Times as long as expected that a pass may take at most to be counted against speculation."""
_PLAIN_STEPS_ALIKE = 4
"""Plain steps in a row of which one is observed, after the first: the others say the same, and it takes some time."""
_MAX_ROWS_OBSERVED = 64
"""Steps of more rows compute prompts."""
_PROBE_DEPTH = 2
"""Deepest draft of a step that only finds out whether drafts are accepted again."""
