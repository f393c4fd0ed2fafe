"""Multiplication by weights of 8 or 4 bits.

Rows of x are quantised on the way, each by itself, to 8 bits, and products are summed in integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.kernels import int8
from helix.kernels.build import KernelBuildError, Variant, supported_variants
from helix.kernels.int4 import Int4Layout
from helix.kernels.linear import fake_linear, load_linear_kernel, multiply_wide

FormatName = Literal["int8", "int4_g32", "int4_g64", "int4_g32_zp", "int4_g64_zp"]
"""Bits, and at 4 bits how many weights share a scale, and whether they share a zero point."""
MAX_IN_FEATURES = 2**17
"""Beyond, a sum could overflow 32 bits."""


@dataclass(frozen=True, slots=True)
class WeightFormat:
    """A way to quantise a weight and lay it out; what is lost is lost by `pack`."""

    name: FormatName
    pack: Callable[[Tensor], Tensor]
    """[out_features, in_features] of any float format to an int32 tensor."""
    unpack: Callable[[Tensor, int, int], Tensor]
    """(packed, out_features, in_features) to [out_features, in_features] float32."""
    rows: Callable[[Tensor, Tensor, int], Tensor]
    """(packed, indices [...] int64, in_features) to those rows, [..., in_features] float32."""


_INT4_LAYOUTS: dict[FormatName, Int4Layout] = {
    "int4_g32": Int4Layout(32, has_zero_points=False),
    "int4_g64": Int4Layout(64, has_zero_points=False),
    "int4_g32_zp": Int4Layout(32, has_zero_points=True),
    "int4_g64_zp": Int4Layout(64, has_zero_points=True),
}
WEIGHT_FORMATS: dict[FormatName, WeightFormat] = {
    "int8": WeightFormat("int8", int8.pack_weight, int8.unpack_weight, int8.weight_rows),
    **{name: WeightFormat(name, layout.pack, layout.unpack, layout.rows) for name, layout in _INT4_LAYOUTS.items()},
}


@dataclass(frozen=True, slots=True)
class QuantizedLinearKernel:
    """The compiled operator of one variant for one format.

    A row's result is bitwise the same whatever other rows are computed with it, on however many threads, and by
    whichever variant.
    """

    variant: str
    weight_format: WeightFormat
    operator: Any
    """`operator(x, packed, bias, out_features)`; x and bias are float32."""

    def __call__(
        self,
        x: Tensor,  # [..., in_features]
        packed: Tensor,
        bias: Tensor | None,  # [out_features] float32
        out_features: int,
    ) -> Tensor:
        """Multiply as `F.linear` does; returns [..., out_features] in the dtype of x."""
        return multiply_wide(self.operator, x, packed, bias, out_features)


def load_quantized_kernel(name: FormatName, *, variants: list[Variant] | None = None) -> QuantizedLinearKernel:
    """Return the operator of the first variant that is right here; safe to call from any thread.

    Args:
        name: The format of the weights.
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: None compiles, loads and computes correctly here.
    """
    failures = []
    for variant in supported_variants() if variants is None else variants:
        try:
            return _load(load_linear_kernel(variants=[variant]).variant, name)
        except KernelBuildError as error:
            failures.append(str(error))
    raise KernelBuildError("; ".join(dict.fromkeys(failures)) or "no variant fits this CPU")


@cache
def _load(variant: str, name: FormatName) -> QuantizedLinearKernel:
    namespace = f"helix_{variant}"
    torch.library.register_fake(f"{namespace}::linear_{name}", fake_linear)
    operator = getattr(getattr(torch.ops, namespace), f"linear_{name}").default
    kernel = QuantizedLinearKernel(variant, WEIGHT_FORMATS[name], operator)
    _check(kernel)
    return kernel


def _check(kernel: QuantizedLinearKernel) -> None:
    """Compare with float64 on what packing left of a weight and 8 bits left of x, at sizes that reach every edge."""
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(83, 1037, generator=generator), torch.randn(83, generator=generator)
    x = torch.randn(40, 1037, generator=generator)
    packed = kernel.weight_format.pack(weight)
    y = kernel(x, packed, bias, 83)
    expected = F.linear(quantized_rows(x), kernel.weight_format.unpack(packed, 83, 1037).double(), bias.double())
    if not torch.allclose(y.double(), expected, rtol=0, atol=2e-3):
        raise KernelBuildError(f"the {kernel.variant} kernel computes wrong results for {kernel.weight_format.name}")
    for num_rows in range(1, 17):
        if not torch.equal(kernel(x[:num_rows], packed, bias, 83), y[:num_rows]):
            raise KernelBuildError(f"the {kernel.variant} kernel computes {num_rows} rows differently from 40")


def quantized_rows(
    x: Tensor,  # [..., in_features] float32
) -> Tensor:
    """Return what 8 bits leave of each row, in float64: whole numbers up to 127 times a scale."""
    most = x.abs().amax(-1, keepdim=True)
    numbers = (x * (127 / most)).round()
    return torch.where(most < 2.0**-100, 0.0, numbers.double() * (most / 127).double())
