"""How well does `auto` choose, on a machine whose passes cost exactly what a table says?

The real controller and the real proposers that copy answer recorded answers once more (`benchmarks.recordings`): each
step takes the time that the table gives to its rows and drafted tokens. So the figures are counts, priced; the same
on every machine, without its noise, and for machines nobody has at hand; noise and drift can be added. What is left
out is all Python. Constants of `auto` are chosen with --seed 1 and judged with the benchmark's own prompts.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from benchmarks import command_line
from benchmarks.arms import HelixArm, fixed_arms
from benchmarks.recordings import Recording, record
from benchmarks.report import commit, number, print_json, table
from benchmarks.tasks import TASKS, draw_task
from benchmarks.virtual_engine import Machine, VirtualEngine
from benchmarks.workloads import SEED
from helix import LLMEngine

MACHINES = {
    "fast memory": Machine(
        {1: 1.0, 2: 1.13, 3: 1.42, 4: 1.45, 5: 1.75, 6: 2.03, 7: 2.36, 8: 2.61, 9: 2.61, 13: 4.07, 17: 5.30}, 0.065
    ),
    "slow memory": Machine(
        {1: 1.0, 2: 1.05, 3: 1.10, 4: 1.15, 5: 1.22, 6: 1.35, 7: 1.55, 8: 1.75, 9: 2.0, 13: 2.8, 17: 3.5}, 0.065
    ),
    "wide vectors": Machine({1: 1.0, 2: 1.03, 3: 1.05, 4: 1.08, 6: 1.15, 8: 1.43, 13: 2.19, 17: 2.81}, 0.032, 0.0017),
}


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
    add("--draft-depths", type=int, nargs="*", default=[2, 3, 5, 8, 12], help="fixed depths of the draft model")
    add("--copy-depths", type=int, nargs="*", default=[4, 8, 16], help="fixed depths of the other methods")
    add("--noise", type=float, default=0.0, help="standard deviation of the logarithm of a pass's time")
    add("--drift", type=float, default=0.0, help="the same of the machine's change from one pass to the next")
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
    chosen, others = (VirtualEngine(engine, machine, arguments.noise, arguments.drift) for _ in range(2))
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
    machine = cells[0].machine
    print(f"\n{machine}: no draft brings more than {number(MACHINES[machine].ceiling)}\n{table(headers, rows)}")


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
        "drift": arguments.drift,
        "machines": {name: asdict(MACHINES[name]) | {"ceiling": MACHINES[name].ceiling} for name in arguments.machines},
        "cells": [],
    }
    for name in arguments.machines:
        cells = replay(engine, recordings, name, arguments)
        print_cells(cells)
        document["cells"] += [asdict(cell) for cell in cells]
    print_json(document)


if __name__ == "__main__":
    main()
