"""Which draft promises the most tokens per second to each request: one copied, one that a model makes, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from helix.request import Request
from helix.spec_decode.choice import Choice
from helix.spec_decode.costs import Load, PassCosts
from helix.spec_decode.depth import Candidate, Plan, survival
from helix.spec_decode.experience import Experiences, RequestExperience
from helix.spec_decode.proposer import Draft, DraftRequest, ModelProposer


class Option(NamedTuple):
    """What could be verified for a request, and where it comes from."""

    candidate: Candidate
    source: Draft | ModelProposer | None = None
    """None: nothing but what is certain."""
    is_model: bool = False


class Selection:
    """Weighs what could be drafted by what was learnt of it."""

    def __init__(self, experiences: Experiences, models: Sequence[ModelProposer]) -> None:
        self._experiences = experiences
        self._models = models

    def choose(
        self,
        choices: Sequence[Choice],
        draft_costs: Mapping[str, PassCosts],  # by name of the model; missing ones are free
        make_plan: Callable[..., Plan],  # `plan` of the step
    ) -> Plan:
        """Choose for each request who drafts and how deep, and return the plan for all of them.

        The passes of a model may pay only because enough requests share them: whether they do shows in the end.
        """
        planned = Plan([], 0.0)
        best: list[Option] = []
        without_models: list[Option] = []
        for choice in choices:
            promise = 0.0
            for option in self._options(choice, draft_costs, Load(len(choices))):
                alone = make_plan([option.candidate], num_sharing=len(choices))
                if alone.tokens_per_s > promise:
                    planned, promise, chosen = alone, alone.tokens_per_s, option
                if not option.is_model:
                    copied = chosen
            best.append(chosen)
            without_models.append(copied)
        if len(choices) > 1:
            planned = make_plan([option.candidate for option in best])
            if any(option.is_model for option in best):
                otherwise = make_plan([option.candidate for option in without_models])
                if otherwise.tokens_per_s > planned.tokens_per_s:
                    planned, best = otherwise, without_models
        for choice, option, depth in zip(choices, best, planned.depths, strict=True):
            choice.chosen, choice.depth = option.source, depth
        return planned

    def experience(self, request: Request, proposer: str) -> RequestExperience:
        """Return what became of the drafts of a proposer, for a request."""
        return self._experiences.of(
            request.request_id, proposer, request.params.temperature, has_grammar=request.grammar is not None
        )

    def certain(self, choice: Choice) -> list[float]:
        """Return how likely each token is that nothing else can follow but it."""
        return [
            probability
            for draft in choice.certain
            for probability in self.experience(choice.request, draft.proposer).probabilities(draft)
        ]

    def num_tokens_behind(self, choice: Choice) -> int:
        """Return how many tokens the models that a request allows would have to compute for it first."""
        return sum(model.num_tokens_behind(choice.asked) for model in self._models if choice.allows(model))

    def _options(self, choice: Choice, draft_costs: Mapping[str, PassCosts], batch: Load) -> Iterator[Option]:
        """Return what could be verified for a request; models draft for the whole batch together."""
        request, certain = choice.request, self.certain(choice)
        make = partial(Candidate, context_len=request.num_tokens, num_made=len(certain))
        yield Option(make(survival=survival(certain)))
        offered = [
            (offer, survival(certain + self.experience(request, offer.proposer).probabilities(offer)))
            for offer in choice.offers
        ]
        ending, at, chance = None, 0, 0.0
        for offer, survives in offered:
            if offer.ends_answer and (end_chance := survives.pop()) > chance:
                ending, at, chance = offer, len(survives), end_chance

        def unless_ended(survives: list[float]) -> list[float]:
            """Where the answer ends as an offer says, no other draft brings more."""
            return survives[:at] + [value * (1 - chance) for value in survives[at:]]

        for offer, survives in offered:
            if offer is ending:
                yield Option(make(survival=survives, ending=chance), offer)
            else:
                yield Option(make(survival=unless_ended(survives)), offer)
        for model in self._models:
            if choice.allows(model):
                expected = self.experience(request, model.name).expected(choice.asked.max_draft_tokens)
                candidate = make(survival=unless_ended(survival(certain + expected)))
                if (costs := draft_costs.get(model.name)) is not None:
                    candidate.next_s = costs.seconds(batch)
                    candidate.first_s = candidate.next_s * (1 + model.num_passes_through_prefix(choice.asked))
                    candidate.catch_up_s = _catch_up_s(model, choice.asked, costs)
                yield Option(candidate, model, is_model=True)


def _catch_up_s(model: ModelProposer, asked: DraftRequest, costs: PassCosts) -> float:
    """Return what a first token costs more than another one because the model is behind.

    Whole prompts are spread over the steps that will gain by it. How many these will be nobody knows; a text that goes
    on is assumed to go on for as long again.
    """
    num_behind = model.num_tokens_behind(asked)
    catch_up_s = costs.seconds(Load(max(1, num_behind))) - costs.seconds(Load(1))
    if num_behind <= asked.max_draft_tokens + 1:
        return catch_up_s
    request = asked.request
    num_left = min(request.max_tokens - request.num_output_tokens, request.num_output_tokens + _SHORT_ANSWER)
    return catch_up_s / max(1, num_left // _TOKENS_PER_STEP)


_SHORT_ANSWER = 64
"""Tokens that an answer is expected to have at least."""
_TOKENS_PER_STEP = 4
"""About what a drafting step brings."""
