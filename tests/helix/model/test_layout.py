"""Every way to lay out a weight multiplies as `F.linear` does and gives the weight back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from helix.model.layout import Route, choose_route

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
