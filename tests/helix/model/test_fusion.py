"""A decoder is fused where that computes the same, and left alone where it would not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from helix.config import Quantization
from helix.kernels.build import KernelBuildError
from helix.kernels.decoder import load_decoder_kernel
from helix.kv_cache.pool import KVCachePool
from helix.model.batch import Span
from helix.model.loader import LoadedModel, prepare
from helix.model.pooling import caught_hidden_states
from helix.model.runner import ModelRunner, self_test
from tests.models import random_model

CPU = torch.device("cpu")
COMMON: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}


@pytest.fixture(autouse=True, scope="module")
def _needs_kernels() -> None:
    try:
        load_decoder_kernel()
    except KernelBuildError as error:
        pytest.skip(str(error))


def loaded(config: str, quantization: Quantization = "none", **changes: Any) -> LoadedModel:
    model = random_model(getattr(transformers, config)(**(COMMON | changes)))
    return prepare(model, config, CPU, quantization=quantization)


def _pool(model: LoadedModel, num_blocks: int) -> KVCachePool:
    layouts = [layer.kv for layer in model.layers]
    return KVCachePool(layouts, num_blocks=num_blocks, block_size=4, dtype=model.dtype, device=CPU)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("LlamaConfig", {}),
        ("LlamaConfig", {"attention_bias": True, "tie_word_embeddings": True}),
        ("Qwen2Config", {}),
        ("Qwen3Config", {}),
        ("MistralConfig", {"sliding_window": 8}),
        ("LlamaConfig", {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}}),
    ],
)
def test_decoders_of_llamas_kind_are_fused_and_compute_the_same(config: str, changes: dict[str, Any]) -> None:
    model = loaded(config, **changes)
    assert model.fused is not None
    assert self_test(model, block_size=4) < 1e-4


def test_a_prompt_whose_last_row_alone_is_wanted_leaves_the_same_behind() -> None:
    model, ids, table = loaded("LlamaConfig"), list(range(3, 14)), range(4)
    one, all_rows = (ModelRunner(model, _pool(model, 4)) for _ in range(2))
    assert torch.equal(one.forward([Span(table, 0, ids, 1)]), all_rows.forward([Span(table, 0, ids, 11)])[-1:])
    assert one.forward([Span(table, 11, ids[:3], 0)]).shape == (0, 96)
    all_rows.forward([Span(table, 11, ids[:3], 3)])
    after = [runner.forward([Span(table, 14, [5, 7], 2)]) for runner in (one, all_rows)]
    assert torch.equal(*after)


@pytest.mark.parametrize("quantization", ["int8", "int4"])
def test_quantised_decoders_are_fused(quantization: Quantization) -> None:
    model = loaded("Qwen3Config", quantization, hidden_size=64)
    assert model.fused is not None
    self_test(model, block_size=4)


@pytest.mark.parametrize(
    ("config", "changes"),
    [
        ("GraniteConfig", {"embedding_multiplier": 12.0}),  # modules as Llama's
        ("GraniteConfig", {"residual_multiplier": 0.2}),
        ("GraniteConfig", {"logits_scaling": 8.0}),
        ("SmolLM3Config", {"no_rope_layers": [1, 0]}),
        ("LlamaConfig", {"hidden_act": "gelu"}),
        ("LlamaConfig", {"mlp_bias": True}),
        ("LlamaConfig", {"rope_parameters": {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4}}),
        ("GemmaConfig", {}),
        ("Olmo2Config", {}),
    ],
)
def test_decoders_that_differ_anywhere_keep_their_own_code(config: str, changes: dict[str, Any]) -> None:
    model = loaded(config, **changes)
    assert model.fused is None
    assert self_test(model, block_size=4) < 1e-4


def test_a_hook_inside_the_decoder_is_never_passed_by() -> None:
    model = random_model(transformers.LlamaConfig(**COMMON))
    layers: Any = model.get_decoder().layers  # type: ignore[operator]
    layers[1].mlp.register_forward_hook(lambda *_: None)
    assert prepare(model, "hooked", CPU).fused is None


@torch.inference_mode()
def test_hooks_on_the_decoder_see_its_states() -> None:
    model = loaded("LlamaConfig")
    pool = _pool(model, num_blocks=4)
    with caught_hidden_states(model.module, wanted=True) as states:
        logits = ModelRunner(model, pool).forward([Span([3, 1], 0, [5, 6, 7, 8, 9], 2)])
    lm_head: Any = model.module.get_output_embeddings()  # type: ignore[operator]
    assert torch.equal(lm_head(states[0][-2:]), logits)


@torch.inference_mode()
def test_long_contexts_turn_as_the_model_turns_them() -> None:
    model = loaded("LlamaConfig")
    pool = KVCachePool(
        [layer.kv for layer in model.layers], num_blocks=150, block_size=4, dtype=model.dtype, device=CPU
    )
    ids = [1 + i * 7 % 90 for i in range(600)]
    runner, table = ModelRunner(model, pool), range(150)
    rows = [runner.forward([Span(table, at, ids[at : at + 200], 200)]) for at in (0, 200, 400)]
    model.module.set_attn_implementation("eager")  # type: ignore[operator]
    own = model.module(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    torch.testing.assert_close(torch.cat(rows), own, rtol=1e-3, atol=1e-3)
