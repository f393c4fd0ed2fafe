"""How well does `auto` choose, on a machine whose passes cost exactly what a table says?

The real controller and the real proposers that copy answer recorded answers once more (`benchmarks.recordings`): each
step takes the time that the table gives to its rows and drafted tokens. So the figures are counts, priced; the same
on every machine, without its noise, and for machines nobody has at hand. What is left out is all Python. Constants of
`auto` are chosen with --seed 1 and judged with the benchmark's own prompts.
"""

from __future__ import annotations

import argparse
import random
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import exp, prod
from typing import Any

from benchmarks import command_line
from benchmarks.arms import HelixArm, fixed_arms
from benchmarks.recordings import Recording, record
from benchmarks.report import commit, number, print_json, table
from benchmarks.tasks import TASKS, draw_task
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

    def draft_s(self, num_rows: int) -> float:
        """Return the time of a pass of the draft model."""
        return self.draft + self.draft_row * (num_rows - 1)


MACHINES = {
    "fast memory": Machine(
        {1: 1.0, 2: 1.13, 3: 1.42, 4: 1.45, 5: 1.75, 6: 2.03, 7: 2.36, 8: 2.61, 9: 2.61, 13: 4.07, 17: 5.30}, 0.065
    ),
    "slow memory": Machine(
        {1: 1.0, 2: 1.05, 3: 1.10, 4: 1.15, 5: 1.22, 6: 1.35, 7: 1.55, 8: 1.75, 9: 2.0, 13: 2.8, 17: 3.5}, 0.065
    ),
}


@dataclass(slots=True)
class Clock:
    """Virtual time, as the controller sees it and as it is.

    With noise it sees single passes longer or shorter than they are, and one in a hundred three times as long.
    """

    noise: float = 0.0
    seen_s: float = 0.0
    true_s: float = 0.0
    rng: random.Random = field(default_factory=lambda: random.Random(SEED))

    def __call__(self) -> float:
        """Return the time that the controller sees."""
        return self.seen_s

    def pass_time(self, seconds: float) -> None:
        """Go on by so much."""
        self.true_s += seconds
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
    clock: Clock = field(init=False)
    model: RecordedDraftModel = field(init=False)
    chain: ProposerChain = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(self.noise)
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


@dataclass(frozen=True, slots=True)
class Cell:
    """One task on one machine."""

    task: str
    machine: str
    speedups: Mapping[str, float]
    """By arm, one request at a time: the geometric mean over prompts of tokens per second over plain ones."""
    least: float
    """Of auto, for the worst prompt."""
    together: Mapping[int, float]
    """Of auto, by requests at once: the geometric mean over groups."""

    @property
    def best_fixed(self) -> str:
        """The arm of fixed depth that is fastest."""
        return max((arm for arm in self.speedups if arm != "auto"), key=self.speedups.__getitem__)

    @property
    def of_best_fixed(self) -> float:
        """Auto over it."""
        return self.speedups["auto"] / self.speedups[self.best_fixed]


def parse() -> argparse.Namespace:
    """Read the command line; --quick overrides sizes."""
    parser = command_line.model_parser("benchmarks.virtual_time", __doc__)
    add = parser.add_argument
    add("--tasks", nargs="+", choices=tuple(TASKS), default=list(TASKS))
    add("--machines", nargs="+", choices=tuple(MACHINES), default=list(MACHINES))
    add("--prompts", type=int, default=8, help="prompts of each task")
    add("--seed", type=int, default=SEED, help="of the prompts; other than the default to choose constants with")
    add("--concurrency", type=int, nargs="*", default=[2, 4, 8], help="requests at once, besides one")
    add("--draft-depths", type=int, nargs="*", default=[2, 3, 5, 8], help="fixed depths of the draft model")
    add("--copy-depths", type=int, nargs="*", default=[4, 8, 16], help="fixed depths of the other methods")
    add("--noise", type=float, default=0.0, help="standard deviation of the logarithm of a pass's time")
    arguments = parser.parse_args()
    if arguments.quick:
        vars(arguments).update({"prompts": 2, "concurrency": [2], "draft_depths": [4], "copy_depths": [8]})
    return arguments


def replay(
    engine: LLMEngine, recordings: Mapping[str, Sequence[Recording]], name: str, arguments: argparse.Namespace
) -> list[Cell]:
    """Answer all tasks on one machine, first one request at a time; what auto learnt goes on from task to task."""
    machine = MACHINES[name]
    plain, auto = HelixArm(engine, "none"), HelixArm(engine, "auto")
    chosen, others = (VirtualEngine(engine, machine, arguments.noise) for _ in range(2))
    cells = []
    for task, part in recordings.items():
        fixed = fixed_arms(engine, TASKS[task].methods, arguments.draft_depths, arguments.copy_depths)
        speedups: dict[str, list[float]] = {}
        for one in part:
            base = others.answer([one], plain, one.max_tokens)
            for arm in (auto, *fixed):
                served_by = chosen if arm is auto else others
                speedups.setdefault(arm.name, []).append(served_by.answer([one], arm, one.max_tokens) / base)
        together = {}
        for concurrency in arguments.concurrency:
            groups = [part[i : i + concurrency] for i in range(0, len(part) - concurrency + 1, concurrency)]
            together[concurrency] = _mean(
                [chosen.answer(group, auto, 40) / others.answer(group, plain, 40) for group in groups]
            )
        means = {arm: _mean(values) for arm, values in speedups.items()}
        cells.append(Cell(task, name, means, min(speedups[auto.name]), together))
    return cells


def _mean(values: Sequence[float]) -> float:
    return prod(values) ** (1 / len(values)) if values else float("nan")


def print_cells(cells: Sequence[Cell]) -> None:
    """Print one machine's table."""
    headers = ["task", "auto", "worst", "best fixed depth", "auto over it"]
    headers += [f"{concurrency} at once" for concurrency in cells[0].together]
    rows = [
        [
            TASKS[cell.task].title,
            number(cell.speedups["auto"]),
            number(cell.least),
            f"{cell.best_fixed}: {number(cell.speedups[cell.best_fixed])}",
            number(cell.of_best_fixed),
            *(number(value) for value in cell.together.values()),
        ]
        for cell in cells
    ]
    print(f"\n{cells[0].machine}\n{table(headers, rows)}")


def main() -> None:
    """Record, replay and print."""
    arguments = parse()
    engine = command_line.load_engine(arguments)
    recordings = {}
    for name in arguments.tasks:
        prompts = draw_task(name, engine, arguments.prompts, seed=arguments.seed)
        recordings[name] = record(engine, prompts, TASKS[name].max_tokens)
    document: dict[str, Any] = {
        "benchmark": "virtual_time",
        "commit": commit(),
        "prompts": arguments.prompts,
        "seed": arguments.seed,
        "noise": arguments.noise,
        "machines": {name: asdict(MACHINES[name]) for name in arguments.machines},
        "cells": [],
    }
    for name in arguments.machines:
        cells = replay(engine, recordings, name, arguments)
        print_cells(cells)
        document["cells"] += [asdict(cell) for cell in cells]
    print_json(document)


if __name__ == "__main__":
    main()
