"""A head computes over scattered blocks what its formula says, from the target's hidden states or its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor

from helix.kv_cache.pool import HiddenStatePool, KVCachePool
from helix.model.batch import Span
from helix.model.loader import prepare
from helix.model.mtp import MTPRunner
from helix.model.mtp_loader import build_mtp
from helix.model.runner import ModelRunner
from tests.models import random_mtp, tiny_llama

CPU = torch.device("cpu")
BLOCK_SIZE = 4
IDS = [1 + i * 7 % 60 for i in range(23)]
TABLE = [9, 0, 15, 3, 7, 1]
MODEL = tiny_llama()
WEIGHTS = random_mtp(MODEL)


def _runners() -> tuple[ModelRunner, MTPRunner]:
    settings: dict[str, Any] = {"num_blocks": 16, "block_size": BLOCK_SIZE, "dtype": torch.float32, "device": CPU}
    loaded = prepare(tiny_llama(), "tiny", CPU)
    head = build_mtp(WEIGHTS, loaded)
    assert head.module is not None and head.layer is not None
    pool = KVCachePool([layer.kv for layer in loaded.layers], **settings)
    target = ModelRunner(loaded, pool, HiddenStatePool(32, **settings))
    return target, MTPRunner(head.module, head.layer, target, KVCachePool([head.layer.kv], **settings))


def _norm(x: Tensor, name: str) -> Tensor:
    return torch.nn.functional.rms_norm(x, (32,), WEIGHTS[f"{name}.weight"], eps=1e-6)


@torch.inference_mode()
def _dense(ids: list[int]) -> tuple[Tensor, Tensor]:
    """Return the head's logits and hidden states at every token, with eager attention over the whole."""
    model: Any = tiny_llama()
    states = model.model(input_ids=torch.tensor([ids]), use_cache=False).last_hidden_state
    before = torch.cat([torch.zeros(1, 1, 32), states[:, :-1]], dim=1)
    return _head(model, ids, before)


def _head(model: Any, ids: list[int], before: Tensor) -> tuple[Tensor, Tensor]:
    embeddings = model.model.embed_tokens(torch.tensor([ids]))
    both = torch.cat([_norm(embeddings, "pre_fc_norm_embedding"), _norm(before, "pre_fc_norm_hidden")], dim=-1)
    layer = copy.deepcopy(model.model.layers[1])
    layer.load_state_dict({name.removeprefix("layers.0."): w for name, w in WEIGHTS.items() if "layers" in name})
    x = both @ WEIGHTS["fc.weight"].T
    positions = torch.arange(len(ids))[None]
    mask = torch.full((len(ids), len(ids)), -torch.inf).triu(1)[None, None]
    rotary = model.model.rotary_emb(x, positions)
    out = _norm(layer(x, attention_mask=mask, position_ids=positions, position_embeddings=rotary)[0], "norm")
    return model.lm_head(out), out


@pytest.mark.parametrize("cuts", [[23], [1, 23], [4, 8, 23], [7, 8, 9, 23]])
def test_chunks_over_scattered_blocks_give_what_the_formula_gives_for_the_whole(cuts: list[int]) -> None:
    target, head = _runners()
    target.forward([Span(TABLE, 0, IDS, 1)])
    start, parts = 0, []
    for end in cuts:
        parts.append(head.forward([Span(TABLE, start, IDS[start:end], end - start)]))
        start = end
    logits, states = _dense(IDS)
    assert torch.allclose(torch.cat([part.logits for part in parts]), logits, atol=1e-4)
    assert torch.allclose(torch.cat([part.hidden_states for part in parts]), states, atol=1e-4)


def test_requests_are_packed_and_none_sees_another() -> None:
    target, head = _runners()
    other = IDS[::-1]
    target.forward([Span(TABLE, 0, IDS, 1), Span([2, 4, 5], 0, other[:9], 1)])
    head.forward([Span(TABLE, 0, IDS[:20], 0)])
    output = head.forward([Span(TABLE, 20, IDS[20:], 2), Span([2, 4, 5], 0, other[:9], 1), Span([6], 0, [5], 0)])
    expected = torch.cat([_dense(IDS)[0][-2:], _dense(other[:9])[0][-1:]])
    assert torch.allclose(output.logits, expected, atol=1e-4)


def test_a_pass_on_its_own_output_is_the_formula_on_that_output_and_is_overwritten_by_the_targets() -> None:
    target, head = _runners()
    target.forward([Span(TABLE, 0, IDS, 1)])
    first = head.forward([Span(TABLE, 0, IDS[:20], 1)])
    second = head.forward([Span(TABLE, 20, [50], 1)], first.hidden_states)
    model: Any = tiny_llama()
    with torch.inference_mode():
        states = model.model(input_ids=torch.tensor([IDS[:20]]), use_cache=False).last_hidden_state
        before = torch.cat([torch.zeros(1, 1, 32), states[:, :-1], first.hidden_states[None]], dim=1)
        expected = _head(model, [*IDS[:20], 50], before)[0]
    assert torch.allclose(second.logits, expected[-1:], atol=1e-4)
    again = head.forward([Span(TABLE, 20, IDS[20:], 3)])
    assert torch.allclose(again.logits, _dense(IDS)[0][-3:], atol=1e-4)


def test_a_pass_that_only_catches_up_has_neither_logits_nor_states() -> None:
    target, head = _runners()
    target.forward([Span(TABLE, 0, IDS, 1)])
    output = head.forward([Span(TABLE, 0, IDS[:6], 0)])
    assert (output.logits.shape, output.hidden_states.shape) == ((0, 64), (0, 32))


def test_its_passes_are_timed_like_a_models() -> None:
    _, head = _runners()
    assert set(head.time_passes([1, 2, 8], budget_s=0.0)) == {1, 2, 8}
