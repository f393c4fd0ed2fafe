"""The outside baseline must answer what it is asked and read its clock at tokens, not at the prompt."""

from __future__ import annotations

import pytest
import torch

from benchmarks.transformers_generate import TransformersBaseline
from benchmarks.workloads import Prompt, draw_prompts
from helix import Tokenizer
from helix.demo import DRAFT_DIR, TARGET_DIR

pytestmark = pytest.mark.skipif(not TARGET_DIR.exists(), reason="the built-in model is not there")


def test_assisted_generation_gives_the_tokens_of_plain_generation() -> None:
    prompts = draw_prompts("editing", Tokenizer.from_pretrained(str(TARGET_DIR)), 2)
    baseline = TransformersBaseline(str(TARGET_DIR), str(DRAFT_DIR), dtype=torch.float32, attention="sdpa")
    plain, *assisted = [
        baseline.generate(prompts, max_tokens=8, assistance=assistance)
        for assistance in ("none", "draft", "prompt_lookup")
    ]
    assert all(0 < len(output) <= 8 for output in plain.outputs)
    for generation in assisted:
        assert generation.outputs == plain.outputs
        assert generation.ttft_ms > 0 and generation.stream_tokens_per_s > 0


def test_a_trace_has_the_tokens_and_times_all_but_the_first_run_of_them() -> None:
    (prompt,) = draw_prompts("editing", Tokenizer.from_pretrained(str(TARGET_DIR)), 1)
    baseline = TransformersBaseline(str(TARGET_DIR), str(DRAFT_DIR), dtype="auto", attention="sdpa")
    assert baseline.name == "transformers sdpa bfloat16"
    plain = baseline.trace(prompt, max_tokens=24)
    assert plain.num_timed_tokens == len(plain.token_ids) - 1 and plain.elapsed_s > 0
    for assistance in ("draft", "prompt_lookup"):
        assert baseline.trace(prompt, max_tokens=24, assistance=assistance).token_ids == plain.token_ids
    pinned = baseline.trace(prompt, max_tokens=24, assistance="draft", depth=2)
    assert pinned.token_ids == plain.token_ids
    assert pinned.num_timed_tokens >= len(plain.token_ids) - 3


def test_a_prompt_is_sampled_by_its_own_law() -> None:
    """Two words may be drawn, and each is the less likely the more often it came: neither is alone."""
    prompt = Prompt(
        (5, 6, 7),
        lambda _: True,
        sampling={"logit_bias": {300: 90.0, 301: 90.0}, "frequency_penalty": 2.0, "temperature": 0.1, "seed": 1},
    )
    baseline = TransformersBaseline(str(TARGET_DIR), str(DRAFT_DIR), dtype=torch.float32, attention="sdpa")
    for assistance in ("none", "draft", "prompt_lookup"):
        token_ids = baseline.trace(prompt, max_tokens=24, assistance=assistance).token_ids
        assert set(token_ids) == {300, 301}
        assert min(token_ids.count(300), token_ids.count(301)) > 1
