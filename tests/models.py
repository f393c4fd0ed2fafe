"""Tiny random models for tests; nothing is downloaded."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def tiny_llama(*, seed: int = 0, vocab_size: int = 64, scale: float = 4.0, **changes: Any) -> nn.Module:
    """Return a random two-layer Llama in float32 whose logits differ enough for sampling to matter."""
    from transformers import LlamaConfig

    settings: dict[str, Any] = {
        "vocab_size": vocab_size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 512,
        "tie_word_embeddings": False,
    }
    return random_model(LlamaConfig(**(settings | changes)), seed=seed, scale=scale)


def random_model(config: Any, *, seed: int = 0, scale: float = 4.0) -> nn.Module:
    """Build a model from a config with weights scaled up, so that attention and masks matter."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model: nn.Module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    return model.eval()
