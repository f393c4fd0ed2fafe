"""The outside baseline must answer what it is asked and read its clock at tokens, not at the prompt."""

from __future__ import annotations

import pytest
import torch

from benchmarks.transformers_generate import TransformersBaseline
from benchmarks.workloads import draw_prompts
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
