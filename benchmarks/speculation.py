"""Does speculation pay, on which task, by which method and depth, and for how many requests at once?

On each of eight tasks every arm answers the same prompts on one engine, prompt by prompt and in turns: plain decoding,
auto, single methods at fixed depths, and beside them transformers' assisted generation and prompt lookup on the same
weights. How the figures are aggregated stands in `benchmarks.rows`, what they are to reach in `benchmarks.claims`.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from transformers.utils import logging

from benchmarks import command_line
from benchmarks.arms import Arm, HelixArm, TransformersArm, fixed_arms, methods, take_turns, take_turns_together
from benchmarks.claims import check
from benchmarks.costs import measure_costs
from benchmarks.report import describe, headline, print_json
from benchmarks.rows import AUTO, Row, batch_rows, single_rows
from benchmarks.tables import predict, print_claims, print_costs, print_rows
from benchmarks.tasks import TASKS, draw_task
from benchmarks.traces import compute_prompts
from benchmarks.transformers_generate import TransformersBaseline
from benchmarks.workloads import Prompt
from helix import LLMEngine
from helix.model.loader import model_path

QUICK = {"prompts": 1, "baseline_prompts": 1, "max_tokens": 24, "draft_depths": [4], "copy_depths": [8]}
"""What --quick sets; and two requests at once at most."""
COST_ROWS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 17)


def parse() -> argparse.Namespace:
    """Read the command line; --quick overrides sizes."""
    parser = command_line.model_parser("benchmarks.speculation", __doc__)
    add = parser.add_argument
    add("--tasks", nargs="+", choices=tuple(TASKS), default=list(TASKS))
    add("--concurrency", type=int, nargs="+", default=[1, 2, 4, 8], help="requests at once; 1 has all the arms")
    add("--prompts", type=int, default=2, help="prompts of each task, one request at a time")
    add("--rounds", type=int, default=1, help="turns of one request at a time")
    add("--batch-rounds", type=int, default=1, help="turns of several requests at once")
    add("--max-tokens", type=int, default=128, help="longest answer, where the task has no lower bound of its own")
    add("--batch-max-tokens", type=int, default=40, help="longest answer with several requests at once")
    add("--methods", nargs="*", choices=methods(), help="methods at fixed depths; default: those that suit the task")
    add("--draft-depths", type=int, nargs="*", default=[2, 4, 6], help="fixed depths of the draft model")
    add("--copy-depths", type=int, nargs="*", default=[4, 8, 16], help="fixed depths of the other methods")
    add("--auto-depth", type=int, help="largest depth of auto; default: the engine's")
    add("--baselines", nargs="*", choices=("none", "draft", "prompt_lookup"), default=["draft", "prompt_lookup"])
    add("--baseline-prompts", type=int, default=2, help="prompts of each task for transformers")
    add("--baseline-depth", type=int, help="draft tokens in transformers; default: what it does by itself, lookup 10")
    add("--json", type=Path, help="file for the document, for benchmarks.plots")
    arguments = parser.parse_args()
    if arguments.quick:
        vars(arguments).update(QUICK)
        arguments.concurrency = [n for n in arguments.concurrency if n <= 2]
    return arguments


def load_baseline(arguments: argparse.Namespace, engine: LLMEngine) -> TransformersBaseline | None:
    """Load the same pair in transformers, in the number format it is stored in."""
    if not arguments.baselines or 1 not in arguments.concurrency:
        return None
    draft = None if engine.info.draft_model is None else model_path(engine.info.draft_model)
    logging.set_verbosity_error()  # it warns of every generation flag that greedy decoding does not read
    folder, device = model_path(arguments.model), engine.info.device
    return TransformersBaseline(folder, draft, dtype="auto", attention="sdpa", device=device)


def measure(
    name: str,
    prompts: list[Prompt],
    engine: LLMEngine,
    baseline: TransformersBaseline | None,
    arguments: argparse.Namespace,
) -> list[Row]:
    """Return the rows of every arm at every concurrency for one task."""
    task = TASKS[name]
    compute_prompts(engine, prompts)
    plain, auto = HelixArm(engine, "none"), HelixArm(engine, "auto", arguments.auto_depth)
    max_tokens = min(task.max_tokens, arguments.max_tokens)
    rows: list[Row] = []
    if 1 in arguments.concurrency:
        wanted = task.methods if arguments.methods is None else arguments.methods
        fixed = fixed_arms(engine, wanted, arguments.draft_depths, arguments.copy_depths)
        arms: list[Arm] = [plain, auto, *fixed]
        outside: list[Arm] = [] if baseline is None else _outside(baseline, arguments)
        single = prompts[: arguments.prompts]
        traces = take_turns(
            arms,
            single,
            rounds=arguments.rounds,
            max_tokens=max_tokens,
            few=outside,
            num_few=arguments.baseline_prompts,
        )
        rows += single_rows(name, single, traces)
    for concurrency in sorted(set(arguments.concurrency) - {1}):
        part = prompts[:concurrency]
        most = min(max_tokens, arguments.batch_max_tokens)
        batches = take_turns_together([plain, auto], part, rounds=arguments.batch_rounds, max_tokens=most)
        rows += batch_rows(name, part, batches)
    return rows


def _outside(baseline: TransformersBaseline, arguments: argparse.Namespace) -> list[Arm]:
    return [
        TransformersArm(baseline, assistance, arguments.baseline_depth)
        for assistance in arguments.baselines
        if assistance != "draft" or baseline.draft is not None
    ]


def warm_up(
    engine: LLMEngine, baseline: TransformersBaseline | None, arguments: argparse.Namespace, prompt: Prompt
) -> None:
    """Answer once in every arm, so that whatever is built on first use is built before the clock runs."""
    arms: list[Arm] = [HelixArm(engine, "none"), HelixArm(engine, "auto"), *fixed_arms(engine, methods(), [4], [4])]
    if baseline is not None:
        arms += _outside(baseline, arguments)
    for arm in arms:
        arm.answer(prompt, 8)


def _record(row: Row) -> dict[str, Any]:
    """Return a row for the document; the depths of all but auto are known beforehand."""
    return asdict(row) if row.arm == AUTO else asdict(row) | {"depths": []}


def main() -> None:
    """Measure and print."""
    arguments = parse()
    engine = command_line.load_engine(arguments)
    baseline = load_baseline(arguments, engine)
    num_prompts = max(arguments.prompts, *arguments.concurrency)
    prompts = {name: draw_task(name, engine, num_prompts) for name in arguments.tasks}
    all_prompts = [prompt for part in prompts.values() for prompt in part]
    description = describe(engine, all_prompts, batch=", ".join(map(str, arguments.concurrency)))
    print(headline(description))
    costs = measure_costs(engine, rows=COST_ROWS, repeats=3)
    print_costs(costs)
    warm_up(engine, baseline, arguments, all_prompts[0])
    rows: list[Row] = []
    for name, part in prompts.items():
        measured = measure(name, part, engine, baseline, arguments)
        print_rows(TASKS[name].title, part, measured, costs)
        rows += measured
    claims = check(rows)
    print_claims(claims)
    document: dict[str, Any] = {
        "benchmark": "speculation",
        **description,
        "transformers": None if baseline is None else baseline.name,
        "costs": asdict(costs),
        "titles": {name: TASKS[name].title for name in arguments.tasks},
        "rows": [_record(row) | {"ceiling": predict(costs, row)} for row in rows],
        "claims": [asdict(claim) | {"holds": claim.holds} for claim in claims],
    }
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(document), encoding="utf-8")
    print_json(document)


if __name__ == "__main__":
    main()
