"""A row of logits is bitwise the same however it was computed: alone, verified, in a chunk or beside other requests.

This is what makes a seed mean one text whatever the speculation: not even a tie between logits can turn out otherwise.
It is promised where Helix's own kernels compute, with the built-in weights in their own number format.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from helix import CacheConfig, EngineConfig, LLMEngine
from helix.model.batch import Span
from helix.model.runner import ModelRunner


@pytest.fixture(scope="module", params=["auto", "int8"])
def engine(request: pytest.FixtureRequest) -> LLMEngine:
    engine = LLMEngine(EngineConfig(cache=CacheConfig(kv_cache_dtype=request.param)))
    if engine.worker.target.attention_kernel is None:
        pytest.skip("Helix's own kernels are not available here")
    return engine


@pytest.fixture(params=["target", "draft"])
def runner(engine: LLMEngine, request: pytest.FixtureRequest) -> ModelRunner:
    runner: ModelRunner = getattr(engine.worker, request.param)
    return runner


IDS = [1 + i * 37 % 3000 for i in range(120)]


def table(engine: LLMEngine) -> list[int]:
    """Blocks for one sequence; the module's engine is thrown away, so nobody frees them."""
    block_table: list[int] = []
    assert engine.block_manager.allocate(block_table, len(IDS))
    return block_table


def decoded(engine: LLMEngine, runner: ModelRunner, start: int, num_tokens: int) -> Tensor:
    """Logits of tokens [start, start + num_tokens), one pass each."""
    blocks = table(engine)
    runner.forward([Span(blocks, 0, IDS[:start], 1)])
    return torch.cat([runner.forward([Span(blocks, at, [IDS[at]], 1)]) for at in range(start, start + num_tokens)])


@pytest.mark.parametrize("start", [1, 30, 64, 100])
def test_a_verified_row_is_the_row_of_plain_decoding(engine: LLMEngine, runner: ModelRunner, start: int) -> None:
    alone = decoded(engine, runner, start, 16)
    blocks = table(engine)
    runner.forward([Span(blocks, 0, IDS[:start], 1)])
    for num_rows in range(1, 17):
        rows = runner.forward([Span(blocks, start, IDS[start : start + num_rows], num_rows)])
        assert torch.equal(rows, alone[:num_rows]), num_rows


def test_other_requests_do_not_change_a_bit(engine: LLMEngine, runner: ModelRunner) -> None:
    alone = decoded(engine, runner, 40, 5)
    mine, other = table(engine), table(engine)
    runner.forward([Span(mine, 0, IDS[:40], 0)])
    rows = runner.forward([Span(other, 0, IDS[7:60], 1), Span(mine, 40, IDS[40:45], 5), Span(table(engine), 0, [5], 1)])
    assert torch.equal(rows[1:6], alone)


@pytest.mark.parametrize("size", [1, 7, 32, 33, 100])
def test_how_a_prompt_is_cut_does_not_change_a_bit(engine: LLMEngine, runner: ModelRunner, size: int) -> None:
    whole = runner.forward([Span(table(engine), 0, IDS[:100], 100)])
    blocks = table(engine)
    parts = [
        runner.forward([Span(blocks, at, part := IDS[at : min(at + size, 100)], len(part))])
        for at in range(0, 100, size)
    ]
    assert torch.equal(torch.cat(parts), whole)
