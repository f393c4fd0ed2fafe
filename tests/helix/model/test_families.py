"""Every kind of attention that a layer may have is either served exactly or refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from helix.errors import ModelLoadError
from helix.model.loader import prepare
from helix.model.runner import self_test
from tests.models import random_model

COMMON: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
SERVED: dict[str, tuple[str, dict[str, Any], list[tuple[int | None, int | None]]]] = {
    "full": ("LlamaConfig", {"head_dim": 8}, [(None, None)] * 4),
    "biases": ("Qwen2Config", {}, [(None, None)] * 4),
    "query and key norms": ("Qwen3Config", {"head_dim": 8}, [(None, None)] * 4),
    "sliding window": ("MistralConfig", {"sliding_window": 8, "head_dim": 8}, [(8, None)] * 4),
    "window only in the mask": (
        "Qwen2MoeConfig",
        {
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 2,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 32,
            "shared_expert_intermediate_size": 32,
        },
        [(8, None), (None, None), (None, None), (None, None)],
    ),
    "softcap": ("Gemma2Config", {"sliding_window": 8, "head_dim": 8}, [(8, None), (None, None)] * 2),
    "sinks": (
        "GptOssConfig",
        {"sliding_window": 8, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
        [(8, None), (None, None)] * 2,
    ),
    "chunks": (
        "Llama4TextConfig",
        {
            "attention_chunk_size": 8,
            "head_dim": 8,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            "intermediate_size_mlp": 64,
        },
        [(None, 8), (None, 8), (None, 8), (None, None)],
    ),
    "learned positions": ("GPT2Config", {}, [(None, None)] * 4),
    "keywords dropped": ("StableLmConfig", {}, [(None, None)] * 4),
}


def _config(name: str, changes: dict[str, Any]) -> Any:
    settings = COMMON | changes
    if name == "GPT2Config":
        settings = {"vocab_size": 96, "n_embd": 32, "n_layer": 4, "n_head": 4, "n_positions": 128, "bos_token_id": 1}
        settings |= {"eos_token_id": 2}
    return getattr(transformers, name)(**settings)


@pytest.mark.parametrize("kind", SERVED)
def test_layers_are_recognised_and_paged_logits_equal_the_models_own(kind: str) -> None:
    name, changes, expected = SERVED[kind]
    loaded = prepare(random_model(_config(name, changes)), kind, torch.device("cpu"))
    assert [(layer.window, layer.chunk) for layer in loaded.layers] == expected
    assert self_test(loaded, block_size=4) < 1e-4


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("FalconConfig", {}),  # its own attention code bypasses the interface without a word
        ("MambaConfig", {}),  # recurrent: nothing to page
    ],
)
def test_a_family_that_bypasses_the_attention_interface_is_refused_by_name(name: str, changes: dict[str, Any]) -> None:
    model = random_model(_config(name, changes))
    with pytest.raises(ModelLoadError, match=type(model).__name__):
        prepare(model, name, torch.device("cpu"))


def test_the_self_test_refuses_a_model_whose_window_is_ignored() -> None:
    loaded = prepare(random_model(_config(*SERVED["sliding window"][:2])), "mistral", torch.device("cpu"))
    for index, layer in enumerate(loaded.layers):
        loaded.layers[index] = type(layer)(layer.kv, window=None, chunk=None)
    with pytest.raises(ModelLoadError, match="standard deviations"):
        self_test(loaded, block_size=4)
