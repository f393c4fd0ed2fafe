"""Multiplication of bfloat16 weights by inputs rounded to bfloat16, summed in float32: twice the speed of float32.

Only CPUs that have an instruction for it compute it: elsewhere it could be no faster than inputs in float32.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from helix.kernels.build import KernelBuildError, Variant, supported_variants
from helix.kernels.linear import LinearKernel, fake_linear, load_linear_kernel, pack_weight

_NEEDS = "avx512_bf16"


def load_bf16_kernel(*, variants: list[Variant] | None = None) -> LinearKernel:
    """Return the operator of the first variant that has it and is right here; safe to call from any thread.

    It takes weights that `kernels.linear.pack_weight` laid out, of bfloat16.

    Args:
        variants: None: all that this CPU supports, best first.

    Raises:
        KernelBuildError: The CPU has no such instruction, or no variant compiles, loads and computes correctly here.
    """
    failures = []
    for variant in supported_variants() if variants is None else variants:
        if _NEEDS not in variant.needs:
            continue
        try:
            return _load(load_linear_kernel(variants=[variant]).variant)
        except KernelBuildError as error:
            failures.append(str(error))
    raise KernelBuildError("; ".join(dict.fromkeys(failures)) or "this CPU does not have AVX512_BF16")


@cache
def _load(variant: str) -> LinearKernel:
    namespace = f"helix_{variant}"
    torch.library.register_fake(f"{namespace}::linear_bf16", fake_linear)
    kernel = LinearKernel(variant, getattr(torch.ops, namespace).linear_bf16.default)
    _check(kernel)
    return kernel


def _check(kernel: LinearKernel) -> None:
    """Compare with float64 on rounded inputs, and rows with themselves, at sizes that reach every edge."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(83, 1037, generator=generator).bfloat16()
    bias, x = torch.randn(83, generator=generator), torch.randn(40, 1037, generator=generator)
    packed = pack_weight(weight)
    y = kernel(x, packed, bias, 83)
    if not torch.allclose(
        y.double(), F.linear(x.bfloat16().double(), weight.double(), bias.double()), rtol=0, atol=2e-3
    ):
        raise KernelBuildError(f"the {kernel.variant} kernel computes wrong results for inputs in bfloat16")
    for num_rows in range(1, 17):
        if not torch.equal(kernel(x[:num_rows], packed, bias, 83), y[:num_rows]):
            raise KernelBuildError(f"the {kernel.variant} kernel computes {num_rows} rows differently from 40")
