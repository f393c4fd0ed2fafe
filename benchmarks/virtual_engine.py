"""An engine whose passes cost exactly what a table says, and whose answers are known."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

from benchmarks.arms import HelixArm
from benchmarks.recordings import Recording
from benchmarks.workloads import SEED
from helix import LLMEngine
from helix.request import Request
from helix.scheduler import ScheduledRequest
from helix.spec_decode.chain import ProposerChain
from helix.spec_decode.costs import PassCosts
from helix.spec_decode.forced_tokens import ForcedTokensProposer
from helix.spec_decode.ngram import NgramProposer
from helix.spec_decode.predicted_output import PredictedOutputProposer
from helix.spec_decode.proposer import Draft, DraftRequest, Drafts
from helix.spec_decode.suffix import SuffixProposer


@dataclass(frozen=True, slots=True)
class Machine:
    """What passes cost, in plain passes of the target."""

    target: Mapping[int, float]
    """By rows; between them by interpolation, beyond them by the last slope."""
    draft: float
    """One drafted token."""
    draft_row: float = 0.008
    """Every further row of a pass of the draft model."""

    def target_s(self, num_rows: int) -> float:
        """Return the time of a pass."""
        rows = list(self.target)
        above = min(max(bisect_left(rows, num_rows), 1), len(rows) - 1)
        few, many = rows[above - 1], rows[above]
        slope = (self.target[many] - self.target[few]) / (many - few)
        return self.target[few] + slope * (num_rows - few)

    @property
    def ceiling(self) -> float:
        """What no draft exceeds, however right: the tokens of a pass over its time, at the best number of rows."""
        return max(rows / seconds for rows, seconds in self.target.items())

    def draft_s(self, num_rows: int) -> float:
        """Return the time of a pass of the draft model."""
        return self.draft + self.draft_row * (num_rows - 1)


@dataclass(slots=True)
class Clock:
    """Virtual time, as the controller sees it and as it is.

    With noise it sees single passes longer or shorter than they are, and one in a hundred three times as long; with
    drift the machine seems to get slower or faster from pass to pass.
    """

    noise: float = 0.0
    drift: float = 0.0
    """Standard deviations of logarithms, of a pass and of the machine's change between two."""
    seen_s: float = 0.0
    true_s: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))
    slowness: float = 0.0

    def __call__(self) -> float:
        """Return the time that the controller sees."""
        return self.seen_s

    def pass_time(self, seconds: float) -> None:
        """Go on by so much."""
        self.true_s += seconds
        if self.drift:
            self.slowness = min(max(self.slowness + self.rng.gauss(0, self.drift), -_MOST_SLOWNESS), _MOST_SLOWNESS)
            seconds *= exp(self.slowness)
        if self.noise:
            seconds *= exp(self.rng.gauss(0, self.noise)) * (3 if self.rng.random() < 0.01 else 1)
        self.seen_s += seconds


class RecordedDraftModel:
    """A draft model that says what it was heard to say, and takes its time."""

    name = "draft"

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self.machine = machine
        self.clock = clock
        self.recordings: dict[str, Recording] = {}

    def num_tokens_behind(self, asked: DraftRequest) -> int:
        """Return how many tokens the first pass computes."""
        return asked.request.num_tokens - asked.request.num_draft_computed_tokens + len(asked.prefix)

    def num_passes_through_prefix(self, asked: DraftRequest) -> int:
        """Return none, as of any draft model."""
        return 0

    def propose(self, asked: Sequence[DraftRequest]) -> Drafts:
        """Return for each request as much of its recorded draft as it asks for."""
        drafts = {}
        self.clock.pass_time(self.machine.draft_s(sum(map(self.num_tokens_behind, asked))))
        for item in asked:
            place = item.request.num_output_tokens + len(item.prefix)
            recorded = self.recordings[item.request_id].drafts.get(place)
            if recorded is None:
                continue
            assert recorded.confidence is not None, "a model is more or less sure"
            most = min(item.max_draft_tokens, len(recorded.token_ids))
            depth = 1
            while depth < most and (item.goes_on is None or item.goes_on(recorded.confidence[:depth])):
                depth += 1
            item.request.num_draft_computed_tokens = item.request.num_tokens + len(item.prefix) + depth - 1
            drafts[item.request_id] = Draft(
                recorded.token_ids[:depth], self.name, confidence=recorded.confidence[:depth]
            )
        depths = sorted(len(draft.token_ids) for draft in drafts.values())
        for place in range(1, depths[-1] if depths else 0):
            self.clock.pass_time(self.machine.draft_s(sum(depth > place for depth in depths)))
        return drafts

    def forget(self, request: Request) -> None:
        """Drop the recording."""
        self.recordings.pop(request.request_id, None)


@dataclass(slots=True)
class VirtualEngine:
    """A controller, proposers and a clock; the answers are known."""

    engine: LLMEngine
    """Makes requests."""
    machine: Machine
    noise: float = 0.0
    drift: float = 0.0
    clock: Clock = field(init=False)
    model: RecordedDraftModel = field(init=False)
    chain: ProposerChain = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.noise, self.drift)
        self.model = RecordedDraftModel(self.machine, self.clock)
        config = self.engine.config.speculative
        self.chain = ProposerChain(
            [
                ForcedTokensProposer(),
                PredictedOutputProposer(),
                SuffixProposer(pool_tokens=0),
                NgramProposer(ngram_min=config.ngram_min, ngram_max=config.ngram_max),
            ],
            [self.model] if self.engine.worker.draft is not None else [],
            method="auto",
            costs=PassCosts({rows: self.machine.target_s(rows) for rows in (*range(1, 17), 24, 32)}),
            draft_costs={"draft": PassCosts({rows: self.machine.draft_s(rows) for rows in (1, 2, 8, 32)})},
            clock=self.clock,
        )

    def answer(self, recordings: Sequence[Recording], arm: HelixArm, max_tokens: int) -> float:
        """Answer all at once, each behind its first token, and return tokens per plain pass, all together."""
        running = {}
        for recording in recordings:
            request = self.engine.make_request(
                recording.prompt.token_ids, arm.params(recording.prompt, min(max_tokens, recording.max_tokens))
            )
            request.num_computed_tokens = request.num_prompt_tokens
            request.commit_token(recording.token_ids[0])
            running[request.request_id] = request
            self.model.recordings[request.request_id] = recording
        began_s, num_tokens = self.clock.true_s, 0
        while running := {name: request for name, request in running.items() if not request.is_finished}:
            num_tokens += self._step(list(running.values()))
        return num_tokens / (self.clock.true_s - began_s)

    def _step(self, requests: Sequence[Request]) -> int:
        """Draft, verify against what is known, and return how many tokens came."""
        scheduled = []
        for request in requests:
            num_left = request.max_tokens - request.num_output_tokens - 1
            depth, prediction_depth = request.speculation_depth, request.prediction_depth
            scheduled.append(ScheduledRequest(request, 1, min(depth, num_left), min(prediction_depth, num_left)))
        began_s = self.clock()
        drafts = self.chain.propose(scheduled)
        drafted_s = self.clock()
        self.clock.pass_time(
            self.machine.target_s(len(requests) + sum(len(draft.token_ids) for draft in drafts.values()))
        )
        accepted = {request.request_id: self._num_accepted(request, drafts) for request in requests}
        self.chain.observe_step(
            scheduled,
            drafts,
            drafting_s=drafted_s - began_s,
            verifying_s=self.clock() - drafted_s,
            num_tokens=sum(accepted.values()) + len(requests),
        )
        num_tokens = 0
        for request in requests:
            self.chain.observe(request, drafts.get(request.request_id), accepted[request.request_id])
            num_tokens += self._commit(request, accepted[request.request_id])
        return num_tokens

    def _num_accepted(self, request: Request, drafts: Drafts) -> int:
        """Return how many tokens of its draft the answer really has."""
        draft = drafts.get(request.request_id)
        coming = self.model.recordings[request.request_id].token_ids[request.num_output_tokens :]
        agrees = [] if draft is None else [a == b for a, b in zip(draft.token_ids, coming, strict=False)]
        return [*agrees, False].index(False)

    def _commit(self, request: Request, num_accepted: int) -> int:
        """Append what was accepted and one token more, as far as the answer goes."""
        answer = self.model.recordings[request.request_id].token_ids
        before = request.num_output_tokens
        for token_id in answer[before : before + num_accepted + 1]:
            if not request.commit_token(token_id):
                break
        request.num_computed_tokens = min(request.num_computed_tokens + num_accepted + 1, request.num_tokens)
        request.num_draft_computed_tokens = min(request.num_draft_computed_tokens, request.num_computed_tokens)
        if request.is_finished:
            self.chain.forget(request)
        return request.num_output_tokens - before


_MOST_SLOWNESS = 1.0
