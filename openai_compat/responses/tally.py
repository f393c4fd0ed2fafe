"""Counts over the choices of one answer: its usage, and its helix object."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

from helix import EngineInfo, RequestMetrics, RequestOutput, SamplingParams, SpecDecodeStats
from openai_compat.schemas.extension import HelixReport, ProposerReport, SpeculationReport, Timings
from openai_compat.schemas.usage import CompletionTokensDetails, PromptTokensDetails, Usage
from openai_compat.speculation import in_force


@dataclass(slots=True, kw_only=True)
class Tally:
    """Takes every output of an answer; usage and report are final once all choices have ended."""

    prompt_lens: Sequence[int]
    """Tokens of each prompt."""
    depth: int
    method: str
    adaptive: bool
    acceptance: str
    completion_tokens: int = 0
    _reasoning_tokens: int = 0
    _metrics: dict[int, RequestMetrics] = field(default_factory=dict)

    @classmethod
    def of(cls, prompts: Sequence[Sequence[int]], params: SamplingParams, info: EngineInfo) -> Tally:
        """Return an empty tally of an answer to prompts."""
        depth, method = in_force(params, info)
        adaptive = params.speculation_adaptive
        return cls(
            prompt_lens=[len(prompt) for prompt in prompts],
            depth=depth,
            method=method,
            adaptive=info.speculation_adaptive if adaptive is None else adaptive,
            acceptance=params.acceptance_rule or info.acceptance_rule,
        )

    def add(self, index: int, output: RequestOutput) -> None:
        """Count an output of a choice."""
        self.completion_tokens += len(output.token_ids)
        self._metrics[index] = output.metrics

    def add_reasoning(self, num_tokens: int) -> None:
        """Count tokens, added before or after, as reasoning."""
        self._reasoning_tokens += num_tokens

    def usage(self, num_choices: int) -> Usage:
        """Return the tokens of all choices; a prompt's cached tokens are those its first choice found."""
        per_prompt = max(1, num_choices // len(self.prompt_lens))
        first_choices = [self._metrics.get(prompt * per_prompt) for prompt in range(len(self.prompt_lens))]
        prompt_tokens = sum(self.prompt_lens)
        return Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=self.completion_tokens,
            total_tokens=prompt_tokens + self.completion_tokens,
            prompt_tokens_details=PromptTokensDetails(
                cached_tokens=sum(metrics.num_cached_tokens for metrics in first_choices if metrics is not None)
            ),
            completion_tokens_details=_details(self._spec(), self._reasoning_tokens),
        )

    def report(self) -> HelixReport:
        """Return what speculation did and how long everything took."""
        return HelixReport(speculation=self._speculation(), timings=self._timings())

    def _spec(self) -> SpecDecodeStats:
        """Return the sum over all choices."""
        spec = SpecDecodeStats()
        for metrics in self._metrics.values():
            spec.add(metrics.spec)
        return spec

    def _speculation(self) -> SpeculationReport:
        spec = self._spec()
        positions = range(max(spec.draft_tokens_per_position, default=-1) + 1)
        return SpeculationReport(
            method=self.method,
            depth=self.depth,
            adaptive=self.adaptive,
            acceptance=self.acceptance,
            drafted=spec.num_draft_tokens,
            accepted=spec.num_accepted_tokens,
            acceptance_rate=_rounded(spec.acceptance_rate),
            mean_accepted_length=_rounded(spec.mean_accepted_length),
            by_proposer={
                name: ProposerReport(drafted=stats.num_draft_tokens, accepted=stats.num_accepted_tokens)
                for name, stats in spec.by_proposer.items()
            },
            drafted_per_position=[spec.draft_tokens_per_position[position] for position in positions],
            accepted_per_position=[spec.accepted_tokens_per_position[position] for position in positions],
            drafting_s=_rounded(spec.drafting_s),
            verifying_s=_rounded(spec.verifying_s),
            estimated_speed_up=_rounded(spec.estimated_speed_up),
            paused_steps=spec.num_paused_steps,
        )

    def _timings(self) -> Timings:
        """Return the times of the answer: from the first arrival to the last token of any choice."""
        metrics = list(self._metrics.values())
        arrival_s = min((one.arrival_s for one in metrics), default=time.monotonic())
        scheduled_s = min((one.scheduled_s for one in metrics if one.scheduled_s is not None), default=None)
        first_s = min((one.first_token_s for one in metrics if one.first_token_s is not None), default=None)
        last_s = max((one.last_token_s for one in metrics if one.last_token_s is not None), default=None)
        decoded = self.completion_tokens - 1
        elapsed_s = 0.0 if first_s is None or last_s is None else last_s - first_s
        gaps = sorted(gap for one in metrics for gap in one.inter_token_s)
        return Timings(
            queue_s=None if scheduled_s is None else _rounded(scheduled_s - arrival_s),
            ttft_s=None if first_s is None else _rounded(first_s - arrival_s),
            total_s=_rounded((time.monotonic() if last_s is None else last_s) - arrival_s),
            tokens_per_s=_rounded(decoded / elapsed_s) if elapsed_s > 0 and decoded > 0 else None,
            inter_token_p50_s=_percentile(gaps, 0.5),
            inter_token_p99_s=_percentile(gaps, 0.99),
        )


def _details(spec: SpecDecodeStats, reasoning_tokens: int) -> CompletionTokensDetails:
    """Return what was reasoning and what came of the prediction; of other speculation OpenAI's usage says nothing."""
    predicted = spec.by_proposer.get("predicted")
    if predicted is None:
        return CompletionTokensDetails(reasoning_tokens=reasoning_tokens)
    return CompletionTokensDetails(
        reasoning_tokens=reasoning_tokens,
        accepted_prediction_tokens=predicted.num_accepted_tokens,
        rejected_prediction_tokens=predicted.num_draft_tokens - predicted.num_accepted_tokens,
    )


@overload
def _rounded(value: float) -> float: ...
@overload
def _rounded(value: None) -> None: ...
@overload
def _rounded(value: float | None) -> float | None: ...
def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _percentile(ordered: list[float], share: float) -> float | None:
    """Return the smallest value that at least share of the values do not exceed."""
    return _rounded(ordered[math.ceil(share * len(ordered)) - 1]) if ordered else None
