"""Logits come from a paged pass as from the model's own, row for row, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from helix.config import Quantization
from helix.errors import ModelLoadError
from helix.kv_cache.pool import HiddenStatePool, KVCachePool
from helix.model.attention import IMPLEMENTATION
from helix.model.batch import Span
from helix.model.loader import prepare
from helix.model.runner import ModelRunner, self_test
from tests.models import tiny_llama

CPU = torch.device("cpu")
BLOCK_SIZE = 4
IDS = [1 + i * 7 % 60 for i in range(23)]


def _runner(num_blocks: int = 16) -> ModelRunner:
    loaded = prepare(tiny_llama(), "tiny", CPU)
    layouts = [layer.kv for layer in loaded.layers]
    pool = KVCachePool(layouts, num_blocks=num_blocks, block_size=BLOCK_SIZE, dtype=loaded.dtype, device=CPU)
    return ModelRunner(loaded, pool)


@torch.inference_mode()
def _dense(ids: list[int]) -> Tensor:
    """Logits of every position from the model's own attention; [len(ids), vocab_size]."""
    logits: Tensor = tiny_llama()(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    return logits


def _close(paged: Tensor, dense: Tensor) -> bool:
    return paged.shape == dense.shape and torch.allclose(paged, dense, atol=1e-4)


@pytest.mark.parametrize("cuts", [[23], [1, 23], [4, 8, 23], [7, 8, 9, 23]])
def test_chunks_over_scattered_blocks_give_the_logits_of_the_whole(cuts: list[int]) -> None:
    runner, table, start = _runner(), [9, 0, 15, 3, 7, 1], 0
    parts = []
    for end in cuts:
        parts.append(runner.forward([Span(table, start, IDS[start:end], end - start)]))
        start = end
    assert _close(torch.cat(parts), _dense(IDS))


def test_requests_are_packed_and_each_gets_the_rows_it_asked_for() -> None:
    runner = _runner()
    other = IDS[::-1]
    runner.forward([Span([4, 5, 6], 0, other[:9], 0)])
    logits = runner.forward(
        [
            Span([1, 2], 0, IDS[:6], 1),
            Span([4, 5, 6], 9, other[9:12], 3),
            Span([8, 9], 0, IDS[3:8], 0),
        ]
    )
    assert _close(logits, torch.cat([_dense(IDS[:6])[-1:], _dense(other[:12])[-3:]]))


def test_a_chunk_inside_a_prompt_has_no_logits() -> None:
    runner = _runner()
    assert runner.forward([Span([1, 2], 0, IDS[:6], 0)]).shape == (0, 64)
    assert _close(runner.forward([Span([1, 2], 6, IDS[6:8], 1)]), _dense(IDS[:8])[-1:])


def test_what_was_rejected_is_overwritten_by_what_comes_instead() -> None:
    runner, table = _runner(), [3, 8, 1]
    runner.forward([Span(table, 0, IDS[:5], 1)])
    runner.forward([Span(table, 5, [IDS[5], 50, 51, 52], 4)])  # a token and three wrong drafts
    assert _close(runner.forward([Span(table, 6, IDS[6:8], 2)]), _dense(IDS[:8])[-2:])


def test_only_the_slots_of_its_own_tokens_are_written() -> None:
    runner = _runner()
    for tensor in (*runner.pool.keys, *runner.pool.values):
        tensor.fill_(7)
    runner.forward([Span([5, 2], 0, IDS[:6], 1)])
    written = {20, 21, 22, 23, 8, 9}
    for tensor in (*runner.pool.keys, *runner.pool.values):
        changed = (tensor != 7).flatten(1).any(-1).nonzero().flatten().tolist()
        assert set(changed) == written


def test_the_self_test_passes_on_a_good_model_and_leaves_it_ready_to_serve() -> None:
    loaded = prepare(tiny_llama(), "tiny", CPU)
    for block_size in (1, 4, 16):
        assert self_test(loaded, block_size=block_size) < 1e-4
    assert loaded.module.config._attn_implementation == IMPLEMENTATION  # type: ignore[union-attr]


@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_rounding_of_activations_is_no_reason_to_fail_the_self_test(quantization: Quantization) -> None:
    loaded = prepare(tiny_llama(), "tiny", CPU, quantization=quantization)
    assert self_test(loaded, block_size=4) < 0.3


@pytest.mark.parametrize("quantization", ["none", "int8"])
def test_a_model_that_fails_the_self_test_is_named_and_left_as_it_was(quantization: Quantization) -> None:
    loaded = prepare(tiny_llama(), "tiny", CPU, quantization=quantization)
    loaded.layers[0] = replace(loaded.layers[0], window=2)
    with pytest.raises(ModelLoadError, match="LlamaForCausalLM cannot be served"):
        self_test(loaded, block_size=4)
    assert loaded.module.config._attn_implementation == IMPLEMENTATION  # type: ignore[union-attr]


@pytest.mark.parametrize("cuts", [[23], [1, 23], [7, 8, 9, 23]])
def test_what_the_lm_head_reads_is_kept_for_every_token_computed(cuts: list[int]) -> None:
    loaded, table, start = _runner().loaded, [9, 0, 15, 3, 7, 1], 0
    states = HiddenStatePool(32, num_blocks=16, block_size=BLOCK_SIZE, dtype=torch.float32, device=CPU)
    runner = ModelRunner(loaded, _runner().pool, states)
    for end in cuts:
        runner.forward([Span(table, start, IDS[start:end], int(end == 23)), Span([12], 0, [60, 61], 0)])
        start = end
    slots = torch.tensor([table[p // BLOCK_SIZE] * BLOCK_SIZE + p % BLOCK_SIZE for p in range(23)])
    with torch.inference_mode():
        expected = tiny_llama().model(input_ids=torch.tensor([IDS]), use_cache=False)  # type: ignore[operator]
    assert torch.allclose(states.read(slots), expected.last_hidden_state[0], atol=1e-4)


def test_nothing_hooks_into_a_model_whose_hidden_states_nobody_reads() -> None:
    runner = _runner()
    runner.forward([Span([1, 2], 0, IDS[:6], 1)])
    assert runner.hidden_states is None
    assert not any(module._forward_hooks for module in runner.loaded.module.modules())
