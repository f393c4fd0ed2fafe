"""What a decoder is made of is read from its modules; another kind is refused with the difference."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from helix.kernels.build import KernelBuildError
from helix.kernels.decoder import DecoderKernel, load_decoder_kernel
from helix.kv_cache.pool import KVLayout
from helix.model.families import LayerSpec
from helix.model.fused_decoder import FusedDecoder, UnfusableError
from helix.model.linear import pack
from tests.models import tiny_llama

SPECS = [LayerSpec(KVLayout(num_kv_heads=2, key_dim=8, value_dim=8))] * 2


@pytest.fixture(scope="module")
def kernel() -> DecoderKernel:
    try:
        return load_decoder_kernel()
    except KernelBuildError as error:
        pytest.skip(str(error))


def _decoder() -> Any:
    model: Any = tiny_llama()
    pack(model)
    return model.get_decoder()


def _scale_otherwise(decoder: Any) -> None:
    decoder.layers[1].self_attn.scaling *= 2


def _center(decoder: Any) -> None:
    decoder.layers[0].input_layernorm = nn.LayerNorm(32, bias=False)


def _add_a_part(decoder: Any) -> None:
    decoder.layers[1].post_feedforward_layernorm = nn.Identity()


def _unpack(decoder: Any) -> None:
    decoder.layers[0].mlp.up_proj = nn.Linear(32, 64, bias=False)


def _drop_a_layer(decoder: Any) -> None:
    del decoder.layers[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_scale_otherwise, "layers scale differently"),
        (_center, "another norm"),
        (_add_a_part, "layers have other parts"),
        (_unpack, "linear layers are not packed"),
        (_drop_a_layer, "not all of its layers"),
    ],
)
def test_another_kind_of_decoder_is_refused(kernel: DecoderKernel, change: Callable[[Any], None], reason: str) -> None:
    decoder = _decoder()
    FusedDecoder(decoder, SPECS, kernel)
    change(decoder)
    with pytest.raises(UnfusableError, match=reason):
        FusedDecoder(decoder, SPECS, kernel)


def test_weights_that_no_kernel_multiplies_are_refused(kernel: DecoderKernel) -> None:
    model: Any = tiny_llama()
    pack(model, use_kernels=False)
    with pytest.raises(UnfusableError, match="own kernels do not serve it"):
        FusedDecoder(model.get_decoder(), SPECS, kernel)


def test_heads_of_two_sizes_are_refused(kernel: DecoderKernel) -> None:
    specs = [SPECS[0], LayerSpec(KVLayout(num_kv_heads=1, key_dim=16, value_dim=16))]
    with pytest.raises(UnfusableError, match="heads differ"):
        FusedDecoder(_decoder(), specs, kernel)
