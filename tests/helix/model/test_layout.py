"""Every way to lay out a weight multiplies as `F.linear` does and gives the weight back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from helix.errors import ConfigError
from helix.model.layout import Route, check_matmul_precision, choose_bf16_route, choose_route

GENERATOR = torch.Generator().manual_seed(1)
WEIGHT = torch.randn(37, 50, generator=GENERATOR)
BIAS = torch.randn(37, generator=GENERATOR)
X = torch.randn(2, 3, 50, generator=GENERATOR)
FORMATS = (torch.float32, torch.bfloat16, torch.float16)


@pytest.mark.parametrize("use_kernels", [True, False])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_the_chosen_route_multiplies_as_torch_does(dtype: torch.dtype, use_kernels: bool) -> None:
    route = choose_route(dtype, torch.float32, use_kernels=use_kernels)
    weight = WEIGHT.to(dtype)
    y = route.multiply(X.to(route.activation_dtype), route.pack(weight), BIAS.to(route.bias_dtype), 37)
    assert y.shape == (2, 3, 37)
    tolerance = 1e-4 if route.activation_dtype is torch.float32 else 0.2
    torch.testing.assert_close(y.float(), F.linear(X, weight.float(), BIAS), rtol=0, atol=tolerance)
    assert route.reason


@pytest.mark.parametrize("use_kernels", [True, False])
@pytest.mark.parametrize("dtype", FORMATS, ids=str)
def test_unpacking_undoes_packing_and_rows_are_rows(dtype: torch.dtype, use_kernels: bool) -> None:
    route = choose_route(dtype, torch.float32, use_kernels=use_kernels)
    packed = route.pack(WEIGHT.to(dtype))
    whole = route.unpack(packed, 37, 50)
    assert torch.equal(whole.float(), WEIGHT.to(dtype).to(whole.dtype).float())
    indices = torch.tensor([[36, 0]])
    if route.has_rows:
        assert torch.equal(route.rows(packed, indices, 50).float(), whole[indices].float())
    else:
        with pytest.raises(NotImplementedError):
            route.rows(packed, indices, 50)


def test_only_own_kernels_promise_that_rows_do_not_depend_on_each_other() -> None:
    assert not choose_route(torch.bfloat16, torch.float32, use_kernels=False).is_row_invariant
    assert not Route("torch", torch.float32, torch.float32, "by hand").is_row_invariant


def test_a_cpu_without_the_instruction_is_told_so_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be no faster there, and an engine that computes other numbers than it was asked for is no help."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with pytest.raises(ConfigError, match=r"matmul_precision bfloat16 is not available here: .* AVX512_BF16"):
        check_matmul_precision("bfloat16", torch.device("cpu"))
    with pytest.raises(ConfigError, match=r"matmul_precision bfloat16 works on the CPU only, .* cuda:1"):
        check_matmul_precision("bfloat16", torch.device("cuda:1"))
    check_matmul_precision("float32", torch.device("cuda:1"))


def test_the_route_of_rounded_inputs_multiplies_by_what_is_left_of_them() -> None:
    try:
        route = choose_bf16_route(torch.float32)
    except ConfigError as error:
        pytest.skip(str(error))
    weight = WEIGHT.bfloat16()
    packed = route.pack(weight)
    y = route.multiply(X, packed, BIAS, 37)
    torch.testing.assert_close(y, F.linear(X.bfloat16().float(), weight.float(), BIAS), rtol=0, atol=1e-4)
    assert torch.equal(route.multiply(X[:, 1:2], packed, BIAS, 37), y[:, 1:2])
    assert torch.equal(route.unpack(packed, 37, 50), weight)
    assert torch.equal(route.rows(packed, torch.tensor([36, 0]), 50), weight[[36, 0]])
    assert route.is_row_invariant
    assert "inputs in bfloat16" in route.reason
