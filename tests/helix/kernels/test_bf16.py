from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.kernels.bf16 import load_bf16_kernel
from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.linear import LinearKernel, pack_weight


@pytest.fixture(scope="module")
def kernel() -> LinearKernel:
    try:
        return load_bf16_kernel()
    except KernelBuildError as error:
        if any(reason in str(error) for reason in ("no C++ compiler", "not built on", "does not have AVX512_BF16")):
            pytest.skip(str(error))
        raise


@pytest.fixture
def restored_num_threads() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(num_threads)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def chain(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Sum as the kernel promises: pair by pair from the bias on, the second step of a pair first, each sum rounded."""
    padding = (0, x.shape[1] % 2)
    x, weight = F.pad(x.bfloat16().double(), padding), F.pad(weight.double(), padding)
    y = bias.expand(len(x), -1)
    for k in range(0, x.shape[1], 2):
        for step in (k + 1, k):
            y = (y.double() + x[:, step, None] * weight[:, step]).float()
    return y


@settings(max_examples=60, deadline=None)
@given(
    num_rows=st.integers(0, 40),
    in_features=st.integers(1, 1100),
    out_features=st.integers(1, 150),
    has_bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_agrees_with_float64_on_rounded_inputs(
    kernel: LinearKernel, num_rows: int, in_features: int, out_features: int, has_bias: bool, seed: int
) -> None:
    weight, x = random(out_features, in_features, seed=seed).bfloat16(), random(num_rows, in_features, seed=seed + 1)
    bias = random(out_features, seed=seed + 2) if has_bias else None
    y = kernel(x, pack_weight(weight), bias, out_features)
    expected = F.linear(x.bfloat16().double(), weight.double(), None if bias is None else bias.double())
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=4e-5 * (in_features**0.5 + 1))


@pytest.mark.parametrize("in_features", [1, 2, 7, 128, 301, 4096])
def test_a_sum_is_one_chain_whose_order_is_known(kernel: LinearKernel, in_features: int) -> None:
    """Processors that round otherwise would compute another model, with nobody noticing."""
    weight, x, bias = random(83, in_features).bfloat16(), random(20, in_features, seed=1), random(83, seed=2)
    assert torch.equal(kernel(x, pack_weight(weight), bias, 83), chain(x, weight, bias))


@pytest.mark.parametrize(
    ("out_features", "in_features"), [(83, 1037), (64, 512), (16, 2), (1, 1), (400, 384), (33, 2048)]
)
def test_rows_are_bitwise_independent(kernel: LinearKernel, out_features: int, in_features: int) -> None:
    weight = random(out_features, in_features).bfloat16()
    packed, bias, x = pack_weight(weight), random(out_features, seed=1), random(70, in_features, seed=2)
    alone = torch.cat([kernel(row[None], packed, bias, out_features) for row in x])
    for num_rows in [*range(1, 34), 70]:
        assert torch.equal(kernel(x[:num_rows], packed, bias, out_features), alone[:num_rows]), num_rows
    assert torch.equal(kernel(x[3:12], packed, bias, out_features), alone[3:12])


def test_threads_do_not_change_a_bit(kernel: LinearKernel, restored_num_threads: None) -> None:
    packed, x = pack_weight(random(700, 1500).bfloat16()), random(9, 1500, seed=1)
    results = []
    for num_threads in (1, 2, 3):
        torch.set_num_threads(num_threads)
        results.append(kernel(x, packed, None, 700))
    assert all(torch.equal(result, results[0]) for result in results)


def test_inputs_are_rounded_to_nearest_even(kernel: LinearKernel) -> None:
    """Halfway between two numbers, just beside, and beyond the largest."""
    x = torch.tensor([[1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, -(1 + 2**-8), 3.4e38, -3.4e38, 65504.0]])
    y = kernel(x.T.contiguous(), pack_weight(torch.ones(16, 1).bfloat16()), None, 16)
    assert torch.equal(y[:, 3], x[0].bfloat16().float())


def test_infinities_and_what_is_no_number_reach_the_result_and_no_other_row(kernel: LinearKernel) -> None:
    weight, x = random(40, 33).bfloat16(), random(9, 33, seed=1)
    clean = kernel(x, pack_weight(weight), None, 40)
    for value in (float("inf"), float("-inf"), float("nan")):
        spoiled = x.clone()
        spoiled[4, 17] = value
        y = kernel(spoiled, pack_weight(weight), None, 40)
        expected = F.linear(spoiled[4], weight.float())
        assert torch.equal(y[4].isnan(), expected.isnan())
        assert torch.equal(y[4].nan_to_num(), expected.nan_to_num())
        assert torch.equal(y[[0, 1, 2, 3, 5, 6, 7, 8]], clean[[0, 1, 2, 3, 5, 6, 7, 8]])


def test_denormal_numbers_count_as_zero(kernel: LinearKernel) -> None:
    packed = pack_weight(torch.tensor([[2.0**-130, 1.0]]).bfloat16())
    assert kernel(torch.tensor([[2.0**100, 0.0], [0.0, 2.0**-130]]), packed, None, 1).eq(0).all()


def test_takes_leading_dimensions_any_stride_and_narrow_inputs(kernel: LinearKernel) -> None:
    weight, x = random(40, 33).bfloat16(), random(3, 33, 4, seed=1).transpose(1, 2)
    packed = pack_weight(weight)
    y = kernel(x, packed, None, 40)
    torch.testing.assert_close(y, F.linear(x.bfloat16().float(), weight.float()), rtol=0, atol=1e-4)
    assert kernel(x[0, 0], packed, None, 40).shape == (40,)
    assert kernel(x[:, :0], packed, None, 40).shape == (3, 0, 40)
    assert torch.equal(kernel(x.bfloat16(), packed, None, 40), y.bfloat16())


def test_refuses_weights_of_other_formats_and_shapes(kernel: LinearKernel) -> None:
    x = random(2, 33)
    for weight in (random(40, 33), random(40, 33).half(), random(40, 35).bfloat16(), random(56, 33).bfloat16()):
        with pytest.raises(RuntimeError, match="packed weight is not bfloat16, or does not fit"):
            kernel(x, pack_weight(weight), None, 40)


def test_has_a_fake_implementation(kernel: LinearKernel) -> None:
    packed = pack_weight(random(40, 33).bfloat16())
    assert kernel(random(2, 33).to("meta"), packed.to("meta"), None, 40).shape == (2, 40)


def test_variants_without_the_instruction_are_passed_over() -> None:
    others = [variant for variant in supported_variants() if variant.name != "avx512bf16"]
    with pytest.raises(KernelBuildError, match="does not have AVX512_BF16"):
        load_bf16_kernel(variants=others)
