"""Tiny random models for tests; nothing is downloaded."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


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


def random_mtp(target: nn.Module, *, seed: int = 0, scale: float = 4.0) -> dict[str, Tensor]:
    """Return the weights of a head for a tiny Llama, as random as the model."""
    model: Any = target
    size = model.config.hidden_size
    torch.manual_seed(seed)
    shapes = {f"layers.0.{name}": weight.shape for name, weight in model.model.layers[0].state_dict().items()}
    shapes |= {f"{name}.weight": (size,) for name in ("pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm")}
    shapes |= {"fc.weight": (size, 2 * size)}
    return {
        name: torch.randn(shape) * 0.02 * scale if len(shape) > 1 else 1 + 0.1 * torch.randn(shape)
        for name, shape in shapes.items()
    }


def repeating_llama(*, seed: int = 0, scale: float = 4.0) -> nn.Module:
    """Return a tiny Llama that looks at nothing but the last token, so that heads can know what it will say."""
    model: Any = tiny_llama(seed=seed, scale=scale)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
    knowing: nn.Module = model
    return knowing


def knowing_mtp(target: nn.Module) -> dict[str, Tensor]:
    """Return the weights of a head that says what a repeating_llama says: it hands the embedding on."""
    weights = {name: torch.zeros_like(weight) for name, weight in random_mtp(target).items()}
    size = len(weights["norm.weight"])
    weights["fc.weight"][:, :size] = torch.eye(size)
    return weights | {name: torch.ones_like(weight) for name, weight in weights.items() if weight.dim() == 1}
