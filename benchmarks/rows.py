"""From traces to the rows of the table.

How figures are aggregated: every arm answers the same prompts, and a pair is one prompt in one round, its arms run one
after another. A ratio is taken within the pair, tokens per second of the arm over those of plain decoding, and the
speed-up of a row is the median over its pairs; so are its tokens per second. Acceptance is counted over all pairs
together. With several requests at once a round is the pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from statistics import fmean, median

from benchmarks.timing import token_acceptance, total_spec
from benchmarks.traces import Batch, Trace
from benchmarks.workloads import Prompt
from helix import SpecDecodeStats

PLAIN = "plain"
AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One arm on one task at one concurrency."""

    task: str
    arm: str
    concurrency: int
    tokens_per_s: float | None
    """Of all requests together, prompts left out; the median of the pairs."""
    speedup: float | None
    """Median over the pairs of the ratio to plain decoding."""
    ratios: list[float | None] = field(repr=False)
    """By pair, in one order for all arms of a task; None where the arm had no turn."""
    num_tokens: int
    num_answers: int
    num_equal: int
    """Answers whose tokens are exactly those of plain decoding."""
    num_right: int
    """Answers that the corpus generator's own check accepts."""
    acceptance_rate: float | None = None
    """Accepted over drafted tokens."""
    token_acceptance: float | None = None
    """Probability that a draft token is accepted when those before it were."""
    acceptance_per_position: list[float] = field(default_factory=list)
    """Of the drafts that reached so far, the share whose token at this position was accepted."""
    mean_accepted_length: float | None = None
    """Tokens per target pass."""
    drafted_share: float = 0.0
    """Of the target passes, those that verified drafts."""
    estimated_speedup: float | None = None
    """What Helix itself reports: by its measured costs, without a plain run to compare with."""
    accepted_by_proposer: dict[str, int] = field(default_factory=dict)
    depths: list[float] = field(default_factory=list, repr=False)
    """By step behind the first: tokens drafted, the mean over the answers that lasted as long."""

    @property
    def spread(self) -> tuple[float, float] | None:
        """The smallest and the largest ratio."""
        known = [ratio for ratio in self.ratios if ratio is not None]
        return (min(known), max(known)) if known else None


def single_rows(task: str, prompts: Sequence[Prompt], traces: Mapping[str, Sequence[Trace | None]]) -> list[Row]:
    """Return a row for each arm that answered one request at a time; traces come from take_turns."""
    plain = traces[PLAIN]
    rows = []
    for arm, own in traces.items():
        rates = [None if trace is None else trace.tokens_per_s for trace in own]
        bases = [None if trace is None else trace.tokens_per_s for trace in plain]
        answered = [
            (trace, base, prompts[i % len(prompts)])
            for i, (trace, base) in enumerate(zip(own, plain, strict=True))
            if trace is not None and base is not None
        ]
        rows.append(_row(task, arm, 1, rates, bases, answered))
    return rows


def batch_rows(task: str, prompts: Sequence[Prompt], batches: Mapping[str, Sequence[Batch]]) -> list[Row]:
    """Return a row for each arm that answered all prompts at once; batches come from take_turns_together."""
    plain = batches[PLAIN]
    bases = [batch.tokens_per_s for batch in plain]
    rows = []
    for arm, own in batches.items():
        answered = [
            (trace, base, prompt)
            for batch, plain_batch in zip(own, plain, strict=True)
            for trace, base, prompt in zip(batch.traces, plain_batch.traces, prompts, strict=True)
        ]
        rows.append(_row(task, arm, len(prompts), [batch.tokens_per_s for batch in own], bases, answered))
    return rows


def ratio_of(row: Row, other: Row) -> float | None:
    """Return the median over pairs of one row's tokens per second over another's; None where no pair has both."""
    pairs = zip(row.ratios, other.ratios, strict=True)
    ratios = [own / others for own, others in pairs if own is not None and others is not None]
    return median(ratios) if ratios else None


def fixed_rows(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of Helix's methods at fixed depths."""
    return [row for row in rows if row.arm.rpartition(" ")[2].isdigit()]


def best(rows: Sequence[Row]) -> Row | None:
    """Return the row of the largest speed-up."""
    return max((row for row in rows if row.speedup is not None), key=lambda row: row.speedup or 0.0, default=None)


def _row(
    task: str,
    arm: str,
    concurrency: int,
    rates: Sequence[float | None],
    bases: Sequence[float | None],
    answered: Sequence[tuple[Trace, Trace, Prompt]],
) -> Row:
    """Return the row of one arm; answered holds its traces, the plain ones of the same pairs, and the prompts."""
    ratios = [rate / base if rate and base else None for rate, base in zip(rates, bases, strict=True)]
    traces = [trace for trace, _, _ in answered]
    spec = total_spec([trace.spec for trace in traces if trace.spec is not None])
    return Row(
        task=task,
        arm=arm,
        concurrency=concurrency,
        tokens_per_s=_median(rates),
        speedup=_median(ratios),
        ratios=ratios,
        num_tokens=sum(len(trace.token_ids) for trace in traces),
        num_answers=len(traces),
        num_equal=sum(trace.token_ids == base.token_ids for trace, base, _ in answered),
        num_right=sum(prompt.is_correct(trace.text) for trace, _, prompt in answered),
        acceptance_rate=spec.acceptance_rate,
        token_acceptance=token_acceptance(spec),
        acceptance_per_position=_acceptance_per_position(spec),
        mean_accepted_length=spec.mean_accepted_length,
        drafted_share=spec.num_drafts / spec.num_steps if spec.num_steps else 0.0,
        estimated_speedup=spec.estimated_speed_up,
        accepted_by_proposer={name: stats.num_accepted_tokens for name, stats in spec.by_proposer.items()},
        depths=_mean_depths(traces),
    )


def _acceptance_per_position(spec: SpecDecodeStats) -> list[float]:
    drafted, accepted = spec.draft_tokens_per_position, spec.accepted_tokens_per_position
    return [accepted[position] / drafted[position] for position in range(len(drafted))]


def _mean_depths(traces: Sequence[Trace]) -> list[float]:
    steps = zip_longest(*(trace.depths for trace in traces))
    return [round(fmean(depth for depth in step if depth is not None), 2) for step in steps]


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
