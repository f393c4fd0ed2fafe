"""Answers prompts and notes every step: when it came, how many tokens it drafted and how many it brought.

Only decoding is timed: from the step that brings the first token of the last request to the one that brings the last
token of all. Prompts are computed beforehand and found in the prefix cache, so that a table costs minutes, not hours.
What the draft model has to compute of a prompt is not found there: that belongs to speculation's cost.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.workloads import Prompt
from helix import LLMEngine, SamplingParams, SpecDecodeStats

_SALT = "benchmarks.traces"
"""One for all, so that a prompt is computed once."""


@dataclass(slots=True)
class Trace:
    """One answer and how it came."""

    token_ids: list[int] = field(default_factory=list)
    text: str = ""
    elapsed_s: float = 0.0
    """From its first tokens to its last."""
    num_timed_tokens: int = 0
    """Tokens that came in that time."""
    depths: list[int] = field(default_factory=list)
    """Tokens drafted in each of its target passes behind the first; empty where nobody can say."""
    spec: SpecDecodeStats | None = None

    @property
    def tokens_per_s(self) -> float | None:
        """None where all tokens came at once."""
        return self.num_timed_tokens / self.elapsed_s if self.num_timed_tokens and self.elapsed_s > 0 else None


@dataclass(slots=True)
class Batch:
    """Requests that were answered together."""

    traces: list[Trace]
    elapsed_s: float
    """From the step in which the last of them got its first token to the end."""
    num_timed_tokens: int
    """Tokens of all of them in that time."""

    @property
    def tokens_per_s(self) -> float | None:
        """All requests together."""
        return self.num_timed_tokens / self.elapsed_s if self.num_timed_tokens and self.elapsed_s > 0 else None


def compute_prompts(engine: LLMEngine, prompts: Sequence[Prompt]) -> None:
    """Put prompts into the prefix cache."""
    for prompt in prompts:
        answer_together(engine, [prompt], [SamplingParams(max_tokens=1, speculation_method="none")])


def answer_together(engine: LLMEngine, prompts: Sequence[Prompt], params: Sequence[SamplingParams]) -> Batch:
    """Answer all prompts at once, each under its own parameters, on an idle engine."""
    requests = [
        engine.make_request(prompt.token_ids, sampling, cache_salt=_SALT)
        for prompt, sampling in zip(prompts, params, strict=True)
    ]
    traces = {request.request_id: Trace() for request in requests}
    began_s: dict[str, float] = {}
    num_drafted: dict[str, int] = {}
    all_began_s = now = 0.0
    num_timed_tokens = 0
    for request in requests:
        engine.add_request(request)
    by_id = {request.request_id: request for request in requests}
    while engine.has_requests:
        outputs = engine.step()
        now = time.perf_counter()
        for output in outputs:
            trace, spec = traces[output.request_id], output.metrics.spec
            trace.token_ids += output.token_ids
            trace.text += output.text
            trace.spec = spec
            if output.request_id not in began_s:
                began_s[output.request_id], num_drafted[output.request_id] = now, spec.num_draft_tokens
                by_id[output.request_id].num_draft_computed_tokens = 0  # as without a prefix cache
                continue
            trace.depths.append(spec.num_draft_tokens - num_drafted[output.request_id])
            num_drafted[output.request_id] = spec.num_draft_tokens
            trace.elapsed_s = now - began_s[output.request_id]
            trace.num_timed_tokens += len(output.token_ids)
            if all_began_s:
                num_timed_tokens += len(output.token_ids)
        if not all_began_s and len(began_s) == len(requests):
            all_began_s = now
    return Batch([traces[request.request_id] for request in requests], now - all_began_s, num_timed_tokens)
