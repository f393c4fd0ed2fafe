"""The clock runs while tokens are decoded, and every step of it is on record."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.traces import Trace, answer_together, compute_prompts
from benchmarks.workloads import Prompt
from helix import LLMEngine, SamplingParams
from tests.engines import make_engine
from tests.models import tiny_llama

PROMPTS = [Prompt(tuple(range(1 + i, 22 + i)), lambda text: bool(text)) for i in range(3)]
NUM_TOKENS = 12


def params(method: Any, depth: int | None = None, num_tokens: int = NUM_TOKENS) -> SamplingParams:
    return SamplingParams(
        temperature=0,
        max_tokens=num_tokens,
        ignore_eos=True,
        speculation_method=method,
        speculation_depth=depth,
        speculation_adaptive=False,
    )


@pytest.fixture
def engine() -> LLMEngine:
    """The draft is the target, so that whatever it drafts is accepted."""
    target = tiny_llama()
    return make_engine(target, target)


def test_the_first_token_is_not_timed_and_all_others_are(engine: LLMEngine) -> None:
    batch = answer_together(engine, PROMPTS, [params("none")] * 3)
    assert [len(trace.token_ids) for trace in batch.traces] == [NUM_TOKENS] * 3
    assert [trace.num_timed_tokens for trace in batch.traces] == [NUM_TOKENS - 1] * 3
    assert 0 < max(trace.elapsed_s for trace in batch.traces) <= batch.elapsed_s
    assert batch.num_timed_tokens <= 3 * (NUM_TOKENS - 1)
    assert batch.tokens_per_s == pytest.approx(batch.num_timed_tokens / batch.elapsed_s)


def test_together_tokens_count_from_the_step_in_which_the_last_request_began(engine: LLMEngine) -> None:
    compute_prompts(engine, PROMPTS)
    batch = answer_together(engine, PROMPTS, [params("none")] * 3)
    assert batch.num_timed_tokens == 3 * (NUM_TOKENS - 1), "cached prompts all begin in the first step"


def test_depths_are_what_each_step_drafted(engine: LLMEngine) -> None:
    (trace,) = answer_together(engine, PROMPTS[:1], [params("draft", 3)]).traces
    assert trace.spec is not None
    assert sum(trace.depths) == trace.spec.num_draft_tokens
    assert trace.depths[:2] == [3, 3]
    assert len(trace.depths) == trace.spec.num_steps - 1


def test_a_prompt_is_computed_once_by_the_target_and_every_time_by_the_draft(engine: LLMEngine) -> None:
    counts = {"target": 0, "draft": 0}
    for name in counts:
        _count_rows(engine, name, counts)
    compute_prompts(engine, PROMPTS[:1])
    assert counts["target"] >= len(PROMPTS[0].token_ids)
    rows = []
    for _ in range(3):
        counts.update(target=0, draft=0)
        answer_together(engine, PROMPTS[:1], [params("draft", 2, num_tokens=4)])
        rows.append(dict(counts))
    assert all(row["target"] < len(PROMPTS[0].token_ids) for row in rows)
    assert all(row["draft"] >= len(PROMPTS[0].token_ids) for row in rows)


def test_an_answer_that_came_at_once_has_no_rate() -> None:
    assert Trace(token_ids=[1, 2]).tokens_per_s is None
    assert Trace(token_ids=[1, 2, 3], elapsed_s=0.5, num_timed_tokens=2).tokens_per_s == 4


def _count_rows(engine: LLMEngine, name: str, counts: dict[str, int]) -> None:
    runner: Any = getattr(engine.worker, name)
    forward = runner.forward

    def counting(spans: Any) -> Any:
        counts[name] += sum(len(span.token_ids) for span in spans)
        return forward(spans)

    runner.forward = counting
