"""How many tokens to draft: as many as bring the most tokens per second, by measured costs and past acceptance.

The choice looks at earlier steps and at what is known before a token is drawn, so every accept rule stays exact; it
changes the speed and never the text.

Source: Leviathan et al., arXiv 2211.17192, theorem 3.8; goodput and trimming by survival as in SmartSpec,
arXiv 2406.14066, with measured costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf, prod
from operator import mul

from helix.spec_decode.costs import Load, PassCosts
from helix.spec_decode.experience import RequestExperience


@dataclass(slots=True, kw_only=True)
class Candidate:
    """A draft that one request could have verified, made already or to be made by a model."""

    survival: Sequence[float]
    """Probability that this token and all before it are accepted; falls from token to token."""
    context_len: int
    """Tokens that each of its rows attends to."""
    num_made: int = 0
    """Tokens at its beginning that are there already; a model makes the others."""
    ending: float = 0.0
    """Probability that the answer ends with the pass that verifies all of it."""
    first_s: float = 0.0
    """Seconds for the first token to be made, in a pass that others share."""
    next_s: float = 0.0
    """Seconds for each further one."""
    catch_up_s: float = 0.0
    """Seconds that the first one takes longer because of this request alone."""

    def drafting_s(self, depth: int) -> float:
        """Return the time to make what is missing of a draft of so many tokens."""
        num_missing = depth - self.num_made
        return self.first_s + (num_missing - 1) * self.next_s if num_missing > 0 else 0.0


@dataclass(slots=True)
class Plan:
    """Depths and what they are expected to bring."""

    depths: list[int]
    """Per candidate; 0 is plain."""
    tokens_per_s: float


def plan(
    costs: PassCosts, candidates: Sequence[Candidate], *, load: Load, num_tokens: int, num_sharing: int = 1
) -> Plan:
    """Return the depths that bring all requests of a step together the most tokens per second.

    Draft tokens are admitted in the order of their survival, which is a prefix of each draft, as long as the whole
    gains. Models draft for their requests together, so the deepest of them sets the time; each catches up by itself.

    Args:
        costs: What passes of the target cost.
        candidates: At most one per request.
        load: The pass without drafts, prompt chunks included.
        num_tokens: Tokens that it brings.
        num_sharing: Requests that share the time of a model's passes; only for a single candidate.
    """
    if len(candidates) == 1:
        return _plan_for_one(costs, candidates[0], load, num_tokens, num_sharing)
    likely_first = sorted(
        (-value, place, i) for i, candidate in enumerate(candidates) for place, value in enumerate(candidate.survival)
    )
    rows_s = costs.of_rows(load.num_rows, len(likely_first))
    context_s = load.context * costs.context_s
    drafting_s = catch_up_s = 0.0
    expected = float(num_tokens)
    most = expected - sum(negative for negative, _, _ in likely_first)
    plain = expected / (rows_s[0] + context_s)
    best, num_best = LEAST_GAIN * plain, 0
    for num_drafted, (negative, place, i) in enumerate(likely_first, start=1):
        candidate = candidates[i]
        expected -= negative
        context_s += candidate.context_len * costs.context_s
        drafting_s = max(drafting_s, candidate.drafting_s(place + 1))
        if place == candidate.num_made:
            catch_up_s += candidate.catch_up_s
        step_s = rows_s[num_drafted] + context_s + drafting_s + catch_up_s
        if expected > best * step_s:
            best, num_best = expected / step_s, num_drafted
        elif most <= best * step_s:  # not even all tokens that are left would be worth what the step costs by now
            break
    depths = [0] * len(candidates)
    for _, _, i in likely_first[:num_best]:
        depths[i] += 1
    return Plan(depths, best if num_best else plain)


def _plan_for_one(costs: PassCosts, candidate: Candidate, load: Load, num_tokens: int, num_sharing: int) -> Plan:
    """Do the same where no order is to be found."""
    survival, num_made = candidate.survival, candidate.num_made
    first_s, next_s = candidate.first_s / num_sharing, candidate.next_s / num_sharing
    rows_s = costs.of_rows(load.num_rows, len(survival))
    step_s, row_s = load.context * costs.context_s, candidate.context_len * costs.context_s
    expected = float(num_tokens)
    plain = expected / (rows_s[0] + step_s)
    best, depth = LEAST_GAIN * plain, 0
    num_behind = len(survival)
    for place, value in enumerate(survival):
        expected += value
        num_behind -= 1
        step_s += row_s
        if place >= num_made:
            step_s += next_s if place > num_made else first_s + candidate.catch_up_s
        pass_s = rows_s[place + 1] + step_s
        if expected > best * pass_s:
            best, depth = expected / pass_s, place + 1
        elif expected + value * num_behind <= best * pass_s:  # those behind it are likely no more than it is
            break
    if candidate.ending and 0 < depth < len(survival):
        depth = _depth_before_end(candidate, rows_s, row_s, num_tokens, best)
    return Plan([depth], best if depth else plain)


def _depth_before_end(
    candidate: Candidate,
    rows_s: Sequence[float],  # of a pass with no draft token, with one, ...
    row_s: float,  # more by the context, for each of them
    num_tokens: int,
    tokens_per_s: float,
) -> int:
    """Return the best depth of a draft of which it is known that the answer ends behind it.

    The tokens that a cut leaves take one more pass, and a few of them bring less than other passes do: what is lost by
    that counts against the cut.
    """
    expected, most, best = float(num_tokens), -inf, 0
    for depth, value in enumerate((0.0, *candidate.survival)):
        expected += value
        gain = expected - tokens_per_s * (rows_s[depth] + depth * row_s)
        if num_left := len(candidate.survival) - depth:
            gain -= candidate.ending * max(tokens_per_s * rows_s[num_left - 1] - num_left, 0.0)
        if gain > most:
            most, best = gain, depth
    return best


def survival(probabilities: Iterable[float]) -> list[float]:
    """Return the probability that each token and all before it are accepted."""
    return list(accumulate(probabilities, mul))


class Prices:
    """How likely a draft token must be accepted for its time not to be better spent, once a plan is made.

    Within the planned depth its row costs what planned rows cost on average, beyond it what so many more rows for
    each of the drafts would add.
    """

    def __init__(
        self,
        costs: PassCosts,
        planned: Plan,
        load: Load,  # the pass without drafts
        *,
        num_drafting: int,  # requests whose drafts grow together
        draft_s: float,  # to draft one token of one of them
    ) -> None:
        self._costs = costs
        self._planned = planned
        self._num_drafting = num_drafting
        self._draft_s = draft_s
        num_rows = sum(planned.depths)
        self._num_rows = load.num_rows + num_rows
        self._context_s = load.context // load.num_rows * costs.context_s
        rows_s = costs.of_rows(load.num_rows, num_rows)
        self._of_planned = self._of((rows_s[-1] - rows_s[0]) / max(num_rows, 1))

    def of(self, num_beyond: int) -> float:
        """Return the price of a token, that many tokens beyond the planned depth; below 1 it is a planned one."""
        if num_beyond < 1:
            return self._of_planned
        num_more = num_beyond * self._num_drafting
        rows_s = self._costs.of_rows(self._num_rows, num_more)
        return self._of((rows_s[-1] - rows_s[-1 - self._num_drafting]) / self._num_drafting)

    def _of(self, row_s: float) -> float:
        return self._planned.tokens_per_s * (row_s + self._context_s + self._draft_s)


class Growth:
    """Tells a model that drafts whether the next token is likelier to be accepted than what its time is worth."""

    def __init__(
        self,
        experience: RequestExperience,  # with the model
        prices: Prices,
        *,
        planned_depth: int,
        certain: Sequence[float],  # how likely the tokens before the draft are accepted
        max_draft_tokens: int,
    ) -> None:
        self._experience = experience
        self._prices = prices
        self._num_before_beyond = planned_depth - len(certain)
        self._survival = prod(certain)
        self._num_seen = 0
        self._expected = experience.expected(max_draft_tokens)

    def __call__(self, confidence: Sequence[float]) -> bool:
        """Return it for the token behind those that the model was so sure of."""
        for one in confidence[self._num_seen :]:
            self._survival *= self._experience.probability(one)
        self._num_seen = num_drafted = len(confidence)
        price = self._prices.of(num_drafted + 1 - self._num_before_beyond)
        return self._survival * self._expected[num_drafted] > price


LEAST_GAIN = 1.02
"""How much more than plain decoding drafts must promise: the best of several estimates is likely one too high."""
