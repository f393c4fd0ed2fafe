"""The tables of `benchmarks.speculation`, for people."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from benchmarks.claims import Claim
from benchmarks.costs import CostTable
from benchmarks.report import number, percent, table
from benchmarks.rows import AUTO, Row
from benchmarks.workloads import Prompt

_STEPS = ((0, 4), (4, 8), (8, 16), (16, 32), (32, None))
_POSITIONS = (1, 2, 4, 8, 16)


def predict(costs: CostTable, row: Row) -> float | None:
    """Return the ceiling of the geometric model for a method at a fixed depth."""
    method, _, depth = row.arm.rpartition(" ")
    if row.token_acceptance is None or not depth.isdigit():
        return None
    is_free = method != "draft"
    return costs.ceiling(row.token_acceptance, int(depth), is_free=is_free, drafted_share=row.drafted_share)


def print_costs(costs: CostTable) -> None:
    """Print the cost curve."""
    rows = [[m, number(1e3 * seconds, 2), number(costs.relative(m))] for m, seconds in costs.target_s.items()]
    print(f"\nOne target pass over m rows behind {costs.context_len} tokens of context")
    print(table(["m", "ms", "t(m)/t(1)"], rows))
    if costs.draft_s is not None:
        print(f"\nOne drafted token: {1e3 * costs.draft_s:.2f} ms, {costs.draft_cost:.3f} of a plain target pass")


def print_rows(title: str, prompts: Sequence[Prompt], rows: Sequence[Row], costs: CostTable) -> None:
    """Print one task's table."""
    lens = [len(prompt.token_ids) for prompt in prompts]
    print(f"\n{title}: prompts of {min(lens)} to {max(lens)} tokens")
    headers = ["arm", "at once", "tokens/s", "speed-up", "pairs", "ceiling", "accepted", "by position 1, 2, 4, 8, 16"]
    headers += ["length", "depth in steps 1-4, 5-8, 9-16, 17-32, 33-", "equal", "right"]
    cells = [
        [
            row.arm,
            row.concurrency,
            number(row.tokens_per_s, 1),
            number(row.speedup),
            "-" if row.spread is None else f"{row.spread[0]:.2f} to {row.spread[1]:.2f}",
            number(predict(costs, row)),
            percent(row.acceptance_rate),
            _positions(row),
            number(row.mean_accepted_length),
            _depths(row) if row.arm == AUTO else "-",
            f"{row.num_equal}/{row.num_answers}",
            f"{row.num_right}/{row.num_answers}",
        ]
        for row in rows
    ]
    print(table(headers, cells))


def _positions(row: Row) -> str:
    """Return the acceptance of a few positions."""
    shares = row.acceptance_per_position
    return " ".join(percent(shares[i - 1]) for i in _POSITIONS if i <= len(shares)) or "-"


def _depths(row: Row) -> str:
    """Return the mean depth of early and late steps."""
    parts = [row.depths[start:end] for start, end in _STEPS]
    return " ".join(number(fmean(part), 1) for part in parts if part) or "-"


def print_claims(claims: Sequence[Claim]) -> None:
    """Print which targets are reached."""
    print(f"\nTargets reached: {sum(claim.holds for claim in claims)} of {len(claims)}")
    cells = [
        [
            f"{claim.task}: {claim.name}",
            f"{'<=' if claim.is_upper_bound else '>='} {claim.target:.2f}",
            number(claim.measured),
            "yes" if claim.holds else "NO",
        ]
        for claim in claims
    ]
    print(table(["claim", "target", "measured", "reached"], cells))
