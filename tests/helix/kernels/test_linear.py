from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.linear import LinearKernel, load_linear_kernel, pack_weight, unpack_weight, weight_rows

WEIGHT_DTYPES = [torch.bfloat16, torch.float16, torch.float32]


@pytest.fixture(scope="module", params=[variant.name for variant in supported_variants()])
def kernel(request: pytest.FixtureRequest) -> LinearKernel:
    variants = [variant for variant in supported_variants() if variant.name == request.param]
    try:
        return load_linear_kernel(variants=variants)
    except KernelBuildError as error:
        if "no C++ compiler" in str(error) or "not built on" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture
def restored_num_threads() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(num_threads)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def reference(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return F.linear(x.double(), weight.double(), None if bias is None else bias.double())


@settings(max_examples=60, deadline=None)
@given(
    num_rows=st.integers(0, 40),
    in_features=st.integers(1, 1100),
    out_features=st.integers(1, 150),
    dtype=st.sampled_from(WEIGHT_DTYPES),
    has_bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_agrees_with_float64(
    kernel: LinearKernel,
    num_rows: int,
    in_features: int,
    out_features: int,
    dtype: torch.dtype,
    has_bias: bool,
    seed: int,
) -> None:
    weight = random(out_features, in_features, seed=seed).to(dtype)
    x = random(num_rows, in_features, seed=seed + 1)
    bias = random(out_features, seed=seed + 2) if has_bias else None
    y = kernel(x, pack_weight(weight), bias, out_features)
    # A sum of n products rounds n times at worst; the random walk is far below.
    tolerance = 1e-6 * (in_features**0.5 + 1) * 4
    torch.testing.assert_close(y.double(), reference(x, weight, bias), rtol=0, atol=tolerance * 4)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize(
    ("out_features", "in_features"), [(83, 1037), (64, 512), (16, 2), (1, 1), (400, 384), (33, 2048)]
)
def test_rows_are_bitwise_independent(
    kernel: LinearKernel, dtype: torch.dtype, out_features: int, in_features: int
) -> None:
    weight = random(out_features, in_features).to(dtype)
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


def test_variants_that_fuse_agree_bitwise() -> None:
    fused = [variant for variant in supported_variants() if variant.name != "portable"]
    packed, x = pack_weight(random(83, 1037).bfloat16()), random(7, 1037, seed=1)
    try:
        results = [load_linear_kernel(variants=[variant])(x, packed, None, 83) for variant in fused]
    except KernelBuildError as error:
        pytest.skip(str(error))
    assert all(torch.equal(result, results[0]) for result in results)


def test_takes_leading_dimensions_and_any_stride(kernel: LinearKernel) -> None:
    weight = random(40, 33).bfloat16()
    x = random(3, 33, 4, seed=1).transpose(1, 2)
    y = kernel(x, pack_weight(weight), None, 40)
    assert y.shape == (3, 4, 40)
    torch.testing.assert_close(y.double(), reference(x, weight, None), rtol=0, atol=1e-4)
    assert kernel(x[0, 0], pack_weight(weight), None, 40).shape == (40,)
    assert kernel(x[:, :0], pack_weight(weight), None, 40).shape == (3, 0, 40)


def test_narrow_activations_are_summed_in_float32(kernel: LinearKernel) -> None:
    weight, x = random(40, 300).bfloat16(), random(2, 300, seed=1).bfloat16()
    y = kernel(x, pack_weight(weight), None, 40)
    assert y.dtype is torch.bfloat16
    torch.testing.assert_close(y, reference(x, weight, None).bfloat16(), rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("dtype", WEIGHT_DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (16, 2), (33, 17), (40, 96)])
def test_packing_is_lossless(dtype: torch.dtype, shape: tuple[int, int]) -> None:
    weight = random(*shape).to(dtype)
    packed = pack_weight(weight)
    assert packed.dtype is dtype
    assert torch.equal(unpack_weight(packed, *shape), weight)
    indices = torch.tensor([[0, shape[0] - 1], [shape[0] // 2, 0]])
    assert torch.equal(weight_rows(packed, indices, shape[1]), weight[indices])
    assert torch.equal(pack_weight(weight.t().contiguous().t()), packed)


def test_subnormal_and_extreme_float16_weights_are_exact(kernel: LinearKernel) -> None:
    weight = torch.tensor([[2.0**-24, -(2.0**-15), 65504.0, -0.0]], dtype=torch.float16).repeat(16, 1)
    y = kernel(torch.eye(4), pack_weight(weight), None, 16)
    assert torch.equal(y, weight.float().t())


def test_refuses_what_does_not_fit(kernel: LinearKernel) -> None:
    packed = pack_weight(random(20, 8))
    with pytest.raises(RuntimeError, match="does not fit"):
        kernel(random(1, 10), packed, None, 20)
    with pytest.raises(RuntimeError, match="does not fit"):
        kernel(random(1, 8), packed, None, 40)
    with pytest.raises(RuntimeError, match="bias"):
        kernel(random(1, 8), packed, random(21), 20)


def test_has_a_fake_implementation(kernel: LinearKernel) -> None:
    arguments = (random(2, 8), pack_weight(random(20, 8)), random(20), 20)
    torch.library.opcheck(kernel.operator, arguments, test_utils=("test_schema", "test_faketensor"))


def test_loads_once_from_many_threads(kernel: LinearKernel) -> None:
    variants = [variant for variant in supported_variants() if variant.name == kernel.variant]
    loaded: list[LinearKernel] = []
    threads = [threading.Thread(target=lambda: loaded.append(load_linear_kernel(variants=variants))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loaded) == 4
    assert all(other is loaded[0] for other in loaded)


def test_says_why_there_is_no_kernel(tmp_path: Path) -> None:
    with pytest.raises(KernelBuildError, match=r"no C\+\+ compiler found \(looked for no-such-compiler\)"):
        load_linear_kernel(cache_dir=tmp_path, compilers=("no-such-compiler",))
