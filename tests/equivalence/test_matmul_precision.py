"""A model whose inputs are rounded to bfloat16 is another one, and everything promised of a model is promised of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from helix.config import MatmulPrecision
from helix.errors import ConfigError
from helix.model.batch import Span
from helix.model.layout import check_matmul_precision
from helix.sampling_params import SamplingParams
from tests.engines import make_engine, run
from tests.models import tiny_llama

PROMPTS = [[5, 9, 5, 9, 5, 9, 5], [1, 2, 3, 4, 1, 2, 3, 4, 1, 2], [40], list(range(1, 40))]
ROUNDED: MatmulPrecision = "bfloat16"


@pytest.fixture(scope="module")
def target() -> nn.Module:
    try:
        check_matmul_precision(ROUNDED, torch.device("cpu"))
    except ConfigError as error:
        pytest.skip(str(error))
    return tiny_llama().bfloat16()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_speculation_does_not_change_a_token(target: nn.Module, temperature: float) -> None:
    """Drafts come from the same model with inputs as they are, from another one, and from the text."""
    draft = tiny_llama(seed=1)
    params = SamplingParams(max_tokens=24, temperature=temperature, seed=7)
    alone = make_engine(target, matmul_precision=ROUNDED, speculation_method="none")
    plain = run(alone, PROMPTS, params)
    assert [run(alone, [prompt], params)[0] for prompt in PROMPTS] == plain
    every_settings: tuple[dict[str, Any], ...] = (
        {"draft": target},
        {"draft": draft},
        {"speculation_method": "suffix"},
    )
    for settings in every_settings:
        engine = make_engine(target, matmul_precision=ROUNDED, acceptance_rule="match", **settings)
        assert run(engine, PROMPTS, params) == plain, settings
        assert engine.stats().spec.num_accepted_tokens or settings.get("draft") is draft


@pytest.mark.parametrize("is_fused", [True, False])
def test_rows_are_bitwise_the_same_alone_verified_and_in_prompts_cut_anyhow(target: nn.Module, is_fused: bool) -> None:
    runner = make_engine(target, matmul_precision=ROUNDED).worker.target
    assert runner.loaded.fused is not None
    if not is_fused:
        runner.loaded.fused._decoder.forward = runner.loaded.fused._own_forward
        runner.loaded = replace(runner.loaded, fused=None)
    ids = [1 + i * 37 % 60 for i in range(100)]
    blocks = list(range(25))
    whole = runner.forward([Span(blocks, 0, ids, 100)])
    assert all(torch.equal(runner.forward([Span(blocks, at, [ids[at]], 1)])[0], whole[at]) for at in range(100))
    for size in (2, 3, 4, 5, 8, 16, 33):
        parts = [
            runner.forward([Span(blocks, at, part := ids[at : at + size], len(part))]) for at in range(0, 100, size)
        ]
        assert torch.equal(torch.cat(parts), whole), size


def test_logits_are_near_those_of_inputs_as_they_are_and_not_the_same(target: nn.Module) -> None:
    ids = [1 + i * 37 % 60 for i in range(40)]
    span = [Span(list(range(10)), 0, ids, 40)]
    exact, rounded = (
        make_engine(target, matmul_precision=precision).worker.target.forward(span)
        for precision in ("float32", ROUNDED)
    )
    assert 0 < (rounded - exact).abs().max() < 0.2 * exact.std()
