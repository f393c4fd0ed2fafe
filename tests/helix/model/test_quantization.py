from __future__ import annotations

from typing import Any

import pytest
import torch

from helix.config import QuantizationConfig
from helix.errors import ConfigError
from helix.kernels.build import KernelBuildError
from helix.model import quantization
from helix.model.quantization import check_quantization, choose_quantized_routes

CPU = torch.device("cpu")


def refuse(name: str) -> None:
    raise KernelBuildError("no C++ compiler found")


def test_a_device_that_cannot_is_named_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match=r"quantization int8 works on the CPU only, .* cuda:1"):
        check_quantization("int8", torch.device("cuda:1"))
    check_quantization("none", torch.device("cuda:1"))


def test_a_machine_without_a_compiler_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no slower route that answers alike, so there is none."""
    monkeypatch.setattr(quantization, "load_quantized_kernel", refuse)
    with pytest.raises(ConfigError, match=r"quantization int4 needs Helix's own kernels, .*: no C\+\+ compiler found"):
        check_quantization("int4", CPU)
    check_quantization("none", CPU)


def test_routes_multiply_by_what_they_unpack() -> None:
    weight, x = torch.randn(83, 37), torch.randn(3, 37)
    routes = choose_quantized_routes("int4", torch.float32)
    assert routes.output.kernel.weight_format.name == "int8"
    for route, tolerance in ((routes.inner, 0.2), (routes.output, 0.02)):
        packed = route.pack(weight)
        left = route.unpack(packed, 83, 37)
        assert (left - weight).norm() < tolerance * weight.norm()
        assert torch.equal(route.rows(packed, torch.tensor([5, 80]), 37), left[[5, 80]])
        y = route.multiply(x, packed, None, 83)
        assert (y - x @ left.T).norm() < 0.02 * y.norm()
        assert torch.equal(route.multiply(x[1:2], packed, None, 83), y[1:2])


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({}, "int4_g32 (output layer int8)"),
        ({"quantization_group_size": 64, "quantization_zero_points": True}, "int4_g64_zp (output layer int8)"),
        ({"quantization_group_size": 32, "quantization_output_layer": "int4"}, "int4_g32"),
        ({"quantization_zero_points": True, "quantization_group_size": 32}, "int4_g32_zp (output layer int8)"),
    ],
)
def test_settings_choose_the_formats_of_4_bits_and_none_of_8(settings: dict[str, Any], text: str) -> None:
    config = QuantizationConfig(**settings)
    assert str(choose_quantized_routes("int4", torch.float32, config)) == text
    assert str(choose_quantized_routes("int8", torch.float32, config)) == "int8"
