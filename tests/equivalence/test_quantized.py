"""A quantised model is another model, and everything that is promised of a model is promised of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from helix.config import QuantizationConfig
from helix.model.batch import Span
from helix.sampling_params import SamplingParams
from tests.engines import make_engine, run
from tests.models import tiny_llama

PROMPTS = [[5, 9, 5, 9, 5, 9, 5], [1, 2, 3, 4, 1, 2, 3, 4, 1, 2], [40], list(range(1, 40))]


OTHER = QuantizationConfig(quantization_group_size=64, quantization_zero_points=True, quantization_output_layer="int4")


@pytest.fixture(
    scope="module", params=[("int8", None), ("int4", None), ("int4", OTHER)], ids=["int8", "int4", "int4 of other form"]
)
def quantized(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(zip(("quantization", "quantization_settings"), request.param, strict=True))


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_speculation_does_not_change_a_token(quantized: dict[str, Any], temperature: float) -> None:
    """Drafts come from a model of the same bits, from one that was not quantised, and from the text."""
    target, draft = tiny_llama(), tiny_llama(seed=1)
    params = SamplingParams(max_tokens=24, temperature=temperature, seed=7)
    plain = run(make_engine(target, **quantized, speculation_method="none"), PROMPTS, params)
    alone = make_engine(target, **quantized, speculation_method="none")
    assert [run(alone, [prompt], params)[0] for prompt in PROMPTS[:2]] == plain[:2]
    every_settings: tuple[dict[str, Any], ...] = (
        {"draft": target, "draft_quantization": quantized["quantization"]},
        {"draft": target},
        {"draft": draft, "draft_quantization": quantized["quantization"]},
        {"speculation_method": "suffix"},
    )
    for settings in every_settings:
        engine = make_engine(target, **quantized, acceptance_rule="match", **settings)
        assert run(engine, PROMPTS, params) == plain, settings
        assert engine.stats().spec.num_accepted_tokens or settings.get("draft") is draft


def test_rows_are_bitwise_the_same_alone_verified_and_in_prompts_cut_anyhow(quantized: dict[str, Any]) -> None:
    runner = make_engine(tiny_llama().bfloat16(), **quantized).worker.target
    ids = [1 + i * 37 % 60 for i in range(100)]
    blocks = list(range(25))
    whole = runner.forward([Span(blocks, 0, ids, 100)])
    assert all(torch.equal(runner.forward([Span(blocks, at, [ids[at]], 1)])[0], whole[at]) for at in range(100))
    for size in (2, 3, 4, 5, 8, 16, 33):
        parts = [
            runner.forward([Span(blocks, at, part := ids[at : at + size], len(part))]) for at in range(0, 100, size)
        ]
        assert torch.equal(torch.cat(parts), whole), size
