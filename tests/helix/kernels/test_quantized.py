from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.kernels import quantized
from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.quantized import (
    MAX_IN_FEATURES,
    WEIGHT_FORMATS,
    FormatName,
    QuantizedLinearKernel,
    load_quantized_kernel,
    quantized_rows,
)


def load(name: FormatName, variant: str) -> QuantizedLinearKernel:
    try:
        return load_quantized_kernel(name, variants=[v for v in supported_variants() if v.name == variant])
    except KernelBuildError as error:
        if "no C++ compiler" in str(error) or "not built on" in str(error):
            pytest.skip(str(error))
        raise


@pytest.fixture(
    scope="module",
    params=[(name, variant.name) for variant in supported_variants() for name in WEIGHT_FORMATS],
    ids="-".join,
)
def kernel(request: pytest.FixtureRequest) -> QuantizedLinearKernel:
    return load(*request.param)


@pytest.fixture
def restored_num_threads() -> Iterator[None]:
    num_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(num_threads)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def reference(kernel: QuantizedLinearKernel, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Compute the same integers in int64 and round where the kernel does: not a bit may differ."""
    out_features, in_features = weight.shape
    most = x.abs().amax(-1, keepdim=True)
    row_scales, numbers = most / 127, (x * (torch.tensor(127.0) / most)).round().long()  # no reciprocal
    packed = kernel.weight_format.pack(weight)
    left = kernel.weight_format.unpack(packed, out_features, in_features)
    if kernel.weight_format.name == "int8":
        scales = packed[:, 0].flatten().view(torch.float32)[:out_features]
        y = (numbers @ (left / scales[:, None]).round().long().T).float() * scales
    else:
        scales = packed[..., :8].contiguous().view(torch.bfloat16).transpose(1, 2).flatten(0, 1).float()[:out_features]
        group_size = 64 if "g64" in kernel.weight_format.name else 32
        y = torch.zeros(len(x), out_features)
        for group, begin in enumerate(range(0, in_features, group_size)):
            part = slice(begin, begin + group_size)
            whole = (left[:, part] / scales[:, group, None]).round().long()
            y = y + (numbers[:, part] @ whole.T).float() * scales[:, group]
    y = y * row_scales
    return y if bias is None else y + bias


@settings(max_examples=30, deadline=None)
@given(
    num_rows=st.integers(1, 19),
    in_features=st.integers(1, 400),
    out_features=st.integers(1, 100),
    has_bias=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_agrees_bitwise_with_integers_in_python(
    kernel: QuantizedLinearKernel, num_rows: int, in_features: int, out_features: int, has_bias: bool, seed: int
) -> None:
    weight, x = random(out_features, in_features, seed=seed), random(num_rows, in_features, seed=seed + 1)
    bias = random(out_features, seed=seed + 2) if has_bias else None
    y = kernel(x, kernel.weight_format.pack(weight), bias, out_features)
    assert torch.equal(y, reference(kernel, x, weight, bias))


def test_extreme_numbers_do_not_overflow(kernel: QuantizedLinearKernel) -> None:
    """All products as large as they can be, of either sign."""
    weight = torch.ones(32, 4096)
    weight[::2] = -1
    weight[5] = torch.tensor([1.0, -1.0]).repeat(2048)
    weight[6] = torch.tensor([1.0, 1e-3]).repeat(2048)
    x = torch.cat([torch.ones(5, 4096), -torch.ones(4, 4096), weight[5:6]])
    packed = kernel.weight_format.pack(weight)
    expected = x.double() @ kernel.weight_format.unpack(packed, 32, 4096).double().T
    torch.testing.assert_close(kernel(x, packed, None, 32).double(), expected, rtol=1e-5, atol=1e-2)


@pytest.mark.parametrize(("out_features", "in_features"), [(83, 1037), (64, 512), (16, 2), (1, 1), (400, 384)])
def test_rows_are_bitwise_independent(kernel: QuantizedLinearKernel, out_features: int, in_features: int) -> None:
    packed = kernel.weight_format.pack(random(out_features, in_features))
    bias, x = random(out_features, seed=1), random(70, in_features, seed=2)
    alone = torch.cat([kernel(row[None], packed, bias, out_features) for row in x])
    for num_rows in [*range(1, 34), 70]:
        assert torch.equal(kernel(x[:num_rows], packed, bias, out_features), alone[:num_rows]), num_rows
    assert torch.equal(kernel(x[3:12], packed, bias, out_features), alone[3:12])


def test_threads_do_not_change_a_bit(kernel: QuantizedLinearKernel, restored_num_threads: None) -> None:
    packed, x = kernel.weight_format.pack(random(700, 1500)), random(49, 1500, seed=1)
    results = []
    for num_threads in (1, 2, 3):
        torch.set_num_threads(num_threads)
        results.append(kernel(x, packed, None, 700))
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("name", WEIGHT_FORMATS)
def test_all_variants_agree_bitwise(name: FormatName) -> None:
    """The portable one too, which has no fused instructions."""
    packed, x, bias = WEIGHT_FORMATS[name].pack(random(83, 1037)), random(7, 1037, seed=1), random(83, seed=2)
    results = [load(name, variant.name)(x, packed, bias, 83) for variant in supported_variants()]
    assert all(torch.equal(result, results[0]) for result in results)


def test_what_is_lost_is_what_bits_cost(kernel: QuantizedLinearKernel) -> None:
    weight, x = random(256, 512), random(9, 512, seed=1)
    y = kernel(x, kernel.weight_format.pack(weight), None, 256)
    error = (y - x @ weight.T).norm() / (x @ weight.T).norm()
    low, high = (0.003, 0.02) if kernel.weight_format.name == "int8" else (0.04, 0.12)
    assert low < error < high


def test_each_row_has_its_own_scale_and_zeros_stay(kernel: QuantizedLinearKernel) -> None:
    x = random(4, 96)
    x[1] *= 1e-30
    x[2] = 0
    x[3] = 1e-38
    weight, bias = random(20, 96, seed=1), random(20, seed=2)
    packed = kernel.weight_format.pack(weight)
    y = kernel(x, packed, None, 20)
    expected = quantized_rows(x) @ kernel.weight_format.unpack(packed, 20, 96).double().T
    torch.testing.assert_close(y[:2].double(), expected[:2], rtol=1e-4, atol=1e-33)
    assert torch.equal(y[2:], torch.zeros(2, 20))
    assert torch.equal(kernel(x[2:], packed, bias, 20), bias.expand(2, 20))


@pytest.mark.parametrize("defect", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_not_hidden(kernel: QuantizedLinearKernel, defect: float) -> None:
    """Rounded to whole numbers it could look like an answer."""
    x = random(3, 77)
    x[1, 40] = defect
    y = kernel(x, kernel.weight_format.pack(random(20, 77, seed=1)), None, 20)
    assert y[1].isnan().all()
    assert y[[0, 2]].isfinite().all()


def test_takes_leading_dimensions_and_any_stride(kernel: QuantizedLinearKernel) -> None:
    packed = kernel.weight_format.pack(random(40, 33))
    x = random(3, 33, 4, seed=1).transpose(1, 2)
    y = kernel(x, packed, None, 40)
    assert y.shape == (3, 4, 40)
    assert torch.equal(y, kernel(x.contiguous(), packed, None, 40))
    assert kernel(x[0, 0], packed, None, 40).shape == (40,)
    assert kernel(x[:, :0], packed, None, 40).shape == (3, 0, 40)


def test_narrow_activations_stay_narrow(kernel: QuantizedLinearKernel) -> None:
    packed, x = kernel.weight_format.pack(random(40, 300)), random(2, 300, seed=1).bfloat16()
    y = kernel(x, packed, None, 40)
    assert y.dtype is torch.bfloat16
    assert torch.equal(y, kernel(x.float(), packed, None, 40).bfloat16())


def test_refuses_what_does_not_fit(kernel: QuantizedLinearKernel) -> None:
    packed = kernel.weight_format.pack(random(20, 80))
    with pytest.raises(RuntimeError, match="does not fit"):
        kernel(random(1, 200), packed, None, 20)
    with pytest.raises(RuntimeError, match="does not fit"):
        kernel(random(1, 80), packed, None, 40)
    with pytest.raises(RuntimeError, match="bias"):
        kernel(random(1, 80), packed, random(21), 20)
    with pytest.raises(RuntimeError, match="overflow"):
        kernel(torch.zeros(1, MAX_IN_FEATURES + 1), packed, None, 20)


def test_a_variant_that_is_wrong_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = supported_variants()
    if not others:
        pytest.skip("there is one variant here")
    right = load("int8", others[0].name)

    def load_right(variant: str, name: FormatName) -> QuantizedLinearKernel:
        if variant == first.name:
            raise KernelBuildError("wrong results")
        return right

    monkeypatch.setattr(quantized, "_load", load_right)
    assert load_quantized_kernel("int8") is right
    with pytest.raises(KernelBuildError, match="wrong results"):
        load_quantized_kernel("int8", variants=[first])


def test_has_a_fake_implementation(kernel: QuantizedLinearKernel) -> None:
    x, packed = random(2, 8).to("meta"), kernel.weight_format.pack(random(20, 8)).to("meta")
    assert kernel(x, packed, None, 20).shape == (2, 20)


@pytest.mark.parametrize("name", WEIGHT_FORMATS)
@pytest.mark.parametrize("shape", [(1, 1), (16, 4), (33, 17), (40, 96), (1100, 70)])
def test_rows_are_those_of_the_whole_weight(name: FormatName, shape: tuple[int, int]) -> None:
    weight_format = WEIGHT_FORMATS[name]
    weight = random(*shape)
    packed = weight_format.pack(weight)
    left = weight_format.unpack(packed, *shape)
    indices = torch.tensor([[0, shape[0] - 1], [shape[0] // 2, 0]])
    assert torch.equal(weight_format.rows(packed, indices, shape[1]), left[indices])
    assert F.cosine_similarity(left.flatten(), weight.flatten(), 0) > (0.9999 if name == "int8" else 0.99)
    assert torch.equal(weight_format.pack(weight.t().contiguous().t()), packed)
    if not name.endswith("_zp"):  # whose largest and smallest number may come to be less than 15 steps apart
        assert torch.equal(weight_format.pack(left), packed), "what is left is left as it is"
