"""An upscaled model must be the small one at another cost; else every benchmark on it measures something else."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.upscale import DEEP_DRAFT, DRAFT, SHAPES, TARGET, Shape, upscale
from tests.models import tiny_llama

TINY: dict[str, Any] = {
    "hidden_size": 80,
    "num_layers": 5,
    "num_heads": 16,
    "num_kv_heads": 4,
    "intermediate_size": 112,
}
SMALL_TARGET: dict[str, Any] = {
    "vocab_size": 512,
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}
SMALL_DRAFT = SMALL_TARGET | {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
}


def logits_of(model: Any, vocab_size: int, num_tokens: int = 40) -> Tensor:
    ids = torch.randint(vocab_size, (2, num_tokens), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        logits: Tensor = model(input_ids=ids, use_cache=False).logits
    return logits.float()


def assert_same(large: Tensor, small: Tensor, relative: float) -> None:
    difference = (large[..., : small.shape[-1]] - small).abs().max()
    assert difference < relative * small.abs().max()


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_tiny_model_keeps_its_logits(seed: int, tied: bool) -> None:
    model: Any = tiny_llama(seed=seed, tie_word_embeddings=tied)
    large = upscale(model, **TINY)
    assert_same(logits_of(large, 64), logits_of(model, 64), 1e-3)


@pytest.mark.parametrize("eps", [1e-6, 1e-2])
def test_the_epsilon_of_the_norms_is_rescaled_with_their_width(eps: float) -> None:
    """A large epsilon shows a forgotten rescaling that 1e-6 would hide."""
    model: Any = tiny_llama(rms_norm_eps=eps, scale=1.0)
    assert_same(logits_of(upscale(model, **TINY), 64), logits_of(model, 64), 1e-3)


def test_norm_weights_other_than_one_are_kept() -> None:
    model: Any = tiny_llama()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.2, 2.0)
    assert_same(logits_of(upscale(model, **TINY), 64), logits_of(model, 64), 1e-3)


@pytest.mark.parametrize("num_kv_heads", [4, 8, 16])
def test_groups_of_query_heads_may_grow_or_be_split(num_kv_heads: int) -> None:
    """The small model has two query heads for each KV head; the large one four, two or one."""
    model: Any = tiny_llama()
    large = upscale(model, **(TINY | {"num_kv_heads": num_kv_heads}))
    assert large.config.num_key_value_heads == num_kv_heads
    assert_same(logits_of(large, 64), logits_of(model, 64), 1e-3)


@pytest.mark.parametrize(
    ("small", "shape"),
    [
        (SMALL_TARGET, TARGET),
        (SMALL_DRAFT, DRAFT),
        (SMALL_DRAFT, DEEP_DRAFT),
        (SMALL_TARGET, SHAPES["small-target"]),
        (SMALL_DRAFT, SHAPES["small-draft"]),
    ],
    ids=["target", "draft", "deep draft", "small target", "small draft"],
)
def test_the_sizes_of_the_built_in_pair_keep_their_logits(small: dict[str, Any], shape: Shape) -> None:
    """Widths and heads are the real ones; layers and inner sizes are cut, so that the test stays small."""
    model: Any = tiny_llama(**small, scale=2.0)
    sizes = asdict(shape) | {"num_layers": 4, "intermediate_size": 1152}
    large = upscale(model, **sizes, vocab_size=2048, max_len=9000)
    assert large.config.max_position_embeddings == 9000
    assert_same(logits_of(large, 512, 24), logits_of(model, 512, 24), 1e-3)


def test_added_vocabulary_never_wins() -> None:
    model: Any = tiny_llama()
    small = logits_of(model, 64)
    large = logits_of(upscale(model, **TINY, vocab_size=500), 64)
    assert large.shape[-1] == 500
    assert torch.equal(large.argmax(-1), small.argmax(-1))
    assert (large[..., 64:].amax(-1) < small.amax(-1)).all()


def test_bfloat16_keeps_the_logits_but_for_rounding() -> None:
    """A width four times as large scales norms by one half, which no format rounds."""
    model: Any = tiny_llama(scale=1.0).to(torch.bfloat16)
    large = upscale(model, **(TINY | {"hidden_size": 128}))
    assert large.dtype is torch.bfloat16
    assert_same(logits_of(large.float(), 64), logits_of(model.float(), 64), 1e-3)


def test_the_large_model_is_dense_and_depends_on_the_seed_alone() -> None:
    """Rows full of zeros would read and multiply faster than a real model's on some machines."""
    model: Any = tiny_llama()
    large, again = upscale(model, **TINY), upscale(model, **TINY)
    for (name, parameter), other in zip(large.named_parameters(), again.parameters(), strict=True):
        assert torch.equal(parameter, other), name
        if name.endswith(("q_proj.weight", "k_proj.weight", "v_proj.weight", "gate_proj.weight", "up_proj.weight")):
            assert (parameter != 0).all(), name


def test_a_model_that_does_not_fit_is_refused() -> None:
    model: Any = tiny_llama()
    with pytest.raises(ValueError, match="hidden_size"):
        upscale(model, **(TINY | {"hidden_size": 16}))
    with pytest.raises(ValueError, match="KV heads"):
        upscale(model, **(TINY | {"num_heads": 4, "num_kv_heads": 3}))
    of_three: Any = tiny_llama(hidden_size=48, num_attention_heads=6)
    with pytest.raises(ValueError, match="do not fit"):
        upscale(of_three, **(TINY | {"hidden_size": 96, "num_heads": 6, "num_kv_heads": 3}))
    biased: Any = tiny_llama(attention_bias=True)
    with pytest.raises(ValueError, match="without biases"):
        upscale(biased, **TINY)
