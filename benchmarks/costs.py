"""What a pass costs: the target over 1 to 9 rows, the draft over one. Speculation can pay no more than that allows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tqdm import tqdm

from helix import LLMEngine
from helix.model.batch import Span
from helix.model.runner import ModelRunner


@dataclass(frozen=True, slots=True)
class CostTable:
    """Seconds of a forward pass, medians; no sampler, no scheduler."""

    context_len: int
    target_s: dict[int, float]
    """By rows: 1 is a plain step, k + 1 verifies k draft tokens."""
    draft_s: float | None
    """One drafted token; None without a draft model."""

    def relative(self, num_rows: int) -> float:
        """Return t(num_rows) / t(1); between measured rows by interpolation, beyond them by the last slope."""
        rows = sorted(self.target_s)
        above = next((m for m in rows if m >= num_rows), rows[-1])
        below = max((m for m in rows if m < above), default=above)
        if above == below:
            return self.target_s[above] / self.target_s[1]
        slope = max(0.0, self.target_s[above] - self.target_s[below]) / (above - below)
        return (self.target_s[below] + slope * (num_rows - below)) / self.target_s[1]

    @property
    def draft_cost(self) -> float:
        """The c of Leviathan et al.: a drafted token in units of a plain target pass."""
        return 0.0 if self.draft_s is None else self.draft_s / self.target_s[1]

    def ceiling(self, acceptance: float, depth: int, *, is_free: bool, drafted_share: float = 1.0) -> float:
        """Return the speed-up if every token is accepted with probability acceptance and nothing else costs time.

        (1 - a^(k+1)) / (1 - a) / (t(k+1)/t(1) + k c), Leviathan et al., theorem 3.8, with a real t(k+1). is_free: the
        proposer runs no model. Steps without a draft, all but drafted_share of them, are plain.
        """
        plain_share = 1 - drafted_share
        length = drafted_share * expected_length(acceptance, depth) + plain_share
        return length / (drafted_share * self.step_cost(depth, is_free=is_free) + plain_share)

    def step_cost(self, depth: int, *, is_free: bool) -> float:
        """Return what drafting and verifying depth tokens costs in units of a plain target pass."""
        return self.relative(depth + 1) + (0.0 if is_free else depth * self.draft_cost)


def expected_length(acceptance: float, depth: int) -> float:
    """Return the expected tokens per target pass: 1 + a + ... + a^depth."""
    return sum(acceptance**i for i in range(depth + 1))


def measure_costs(
    engine: LLMEngine, *, rows: Sequence[int] = range(1, 10), context_len: int = 96, repeats: int = 7
) -> CostTable:
    """Time passes over scratch blocks of an idle engine; the numbers of rows, 1 among them, take turns."""
    manager, worker, max_rows = engine.block_manager, engine.worker, max(rows)
    table: list[int] = []
    if not manager.allocate(table, context_len + max_rows):
        raise RuntimeError(f"{context_len + max_rows} tokens do not fit the KV cache")
    ids = [1 + i % (engine.tokenizer.vocab_size - 1) for i in range(context_len + max_rows)]
    target: dict[int, list[float]] = {m: [] for m in rows}
    draft: list[float] = []
    try:
        with worker.threads():
            for runner in (worker.target, worker.draft):
                if runner is not None:
                    runner.forward([Span(table, 0, ids[:context_len], 1)])
            for i in tqdm(range(repeats + 1), desc="costs", leave=False, disable=None):
                for num_rows, times in target.items():
                    seconds = _time(worker.target, table, context_len, ids[:num_rows])
                    if i:
                        times.append(seconds)
                if worker.draft is not None:
                    for _ in range(3):
                        seconds = _time(worker.draft, table, context_len, ids[:1])
                        if i:
                            draft.append(seconds)
    finally:
        manager.free(table)
    return CostTable(context_len, {m: median(times) for m, times in target.items()}, median(draft) if draft else None)


def _time(runner: ModelRunner, table: Sequence[int], start: int, token_ids: Sequence[int]) -> float:
    began_s = time.perf_counter()
    logits = runner.forward([Span(table, start, token_ids, len(token_ids))])
    logits[-1, 0].item()  # wait for an accelerator
    return time.perf_counter() - began_s
