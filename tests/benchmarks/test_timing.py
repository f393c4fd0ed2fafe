"""The harness must count what happened: wrong books here would make any engine look good."""

from __future__ import annotations

import pytest

from benchmarks.timing import PLAIN, Mode, compare, interleave, run, token_acceptance, total_spec
from benchmarks.workloads import Prompt
from helix import SpecDecodeStats
from tests.engines import make_engine
from tests.models import tiny_llama

PROMPTS = [Prompt(tuple(range(1 + i, 9 + i)), lambda text: bool(text)) for i in range(6)]


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_run_answers_every_prompt_in_its_order(concurrency: int) -> None:
    engine = make_engine(tiny_llama())
    result = run(engine, PROMPTS, PLAIN, concurrency=concurrency, max_tokens=12)
    alone = [run(engine, [prompt], PLAIN, concurrency=1, max_tokens=12).outputs[0] for prompt in PROMPTS]
    assert result.outputs == alone
    assert result.num_tokens == sum(metrics.num_generated_tokens for metrics in result.metrics)
    assert result.peak_num_blocks > 0
    assert not engine.has_requests


def test_every_mode_gets_every_prompt_once_and_is_compared_with_plain_decoding() -> None:
    """The draft is the target: all it drafts is accepted, and the tokens are those of plain decoding."""
    target = tiny_llama()
    engine = make_engine(target, target)
    modes = [PLAIN, Mode("draft", 3)]
    runs = interleave(engine, PROMPTS, modes, rounds=3, concurrency=1, max_tokens=12)
    assert [len(one.outputs) for rounds in runs.values() for one in rounds] == [2] * 6
    plain, draft = compare(engine, PROMPTS, runs)
    assert plain.stream_speedup == plain.total_speedup == 1
    assert plain.acceptance_rate is None and plain.mean_accepted_length == 1
    assert draft.num_equal == draft.num_prompts == 6
    assert draft.acceptance_rate == draft.token_acceptance == 1
    assert draft.mean_accepted_length is not None and draft.mean_accepted_length > 2


def test_no_prompt_finds_another_in_the_prefix_cache() -> None:
    engine = make_engine(tiny_llama())
    for _ in range(2):
        result = run(engine, PROMPTS[:1], PLAIN, concurrency=1, max_tokens=4)
        assert result.metrics[0].num_cached_tokens == 0


def test_the_acceptance_of_a_token_is_not_the_accepted_share() -> None:
    """Of two drafts of four, one is accepted, one refused at its second token: 5 accepted, 6 decided, 8 drafted."""
    spec = SpecDecodeStats()
    spec.observe([("draft", 4)], num_accepted_tokens=4, num_emitted=5)
    spec.observe([("draft", 4)], num_accepted_tokens=1, num_emitted=2)
    spec.observe([], num_accepted_tokens=0, num_emitted=1)
    assert spec.acceptance_rate == 5 / 8
    assert token_acceptance(spec) == 5 / 6
    assert total_spec([spec, spec]).mean_accepted_length == spec.mean_accepted_length == 8 / 3
    assert token_acceptance(SpecDecodeStats()) is None
