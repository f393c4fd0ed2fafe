"""The skinny matrix multiplication and its packed weight layout.

A packed weight is [num_blocks, num_pairs, ...] with 16 outputs to a block and two steps of k to a pair, zero padded:
bfloat16 as [16, 2], so that one 32-bit word holds both steps, float16 and float32 as [2, 16].
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.kernels import weight_memory
from helix.kernels.build import DEFAULT_CACHE_DIR, KernelBuildError, Variant, build, supported_variants

_BLOCK = 16
_LOGGER = logging.getLogger(__name__)
_LOCK = threading.Lock()
_LOADED: dict[str, LinearKernel | KernelBuildError] = {}
"""By variant: torch takes the operators of a namespace once in a process."""


@dataclass(frozen=True, slots=True)
class LinearKernel:
    """The compiled operator of one variant.

    Every (row, output) is summed in one fixed order over in_features, so a row's result is bitwise the same whatever
    other rows are computed with it and however many threads compute them.
    """

    variant: str
    operator: Any
    """`operator(x, packed, bias, out_features)`; x and bias are float32."""

    def __call__(
        self,
        x: Tensor,  # [..., in_features]
        packed: Tensor,
        bias: Tensor | None,  # [out_features] float32
        out_features: int,
    ) -> Tensor:
        """Multiply as `F.linear` does, summing in float32; returns [..., out_features] in the dtype of x."""
        return multiply_wide(self.operator, x, packed, bias, out_features)


def multiply_wide(operator: Any, x: Tensor, packed: Tensor, bias: Tensor | None, out_features: int) -> Tensor:
    """Call an operator, which takes and gives float32, for x of any float format; returns the dtype of x."""
    y: Tensor = operator(x.float(), packed, bias, out_features)  # float() of float32 is x itself, and so is to()
    return y.to(x.dtype)


def load_linear_kernel(
    *,
    variants: list[Variant] | None = None,
    cache_dir: Path = DEFAULT_CACHE_DIR,
    compilers: tuple[str, ...] | None = None,
) -> LinearKernel:
    """Return the first variant that compiles, loads and computes correctly here; safe to call from any thread.

    Args:
        variants: None: all that this CPU supports, best first.
        cache_dir: Where compiled kernels are kept.
        compilers: Names or paths of C++ compilers to look for; None: the usual ones.

    Raises:
        KernelBuildError: None does.
    """
    failures = []
    for variant in supported_variants() if variants is None else variants:
        try:
            with _LOCK:
                return _load(variant, build(variant, cache_dir=cache_dir, compilers=compilers))
        except KernelBuildError as error:
            failures.append(f"{variant.name}: {error}")
    raise KernelBuildError("; ".join(dict.fromkeys(failures)) or "no variant fits this CPU")


def _load(variant: Variant, library: Path) -> LinearKernel:
    loaded = _LOADED.get(variant.name)
    if loaded is None:
        try:
            loaded = _load_checked(variant, library)
        except KernelBuildError as error:
            loaded = error
        _LOADED[variant.name] = loaded
    if isinstance(loaded, KernelBuildError):
        raise loaded
    return loaded


def _load_checked(variant: Variant, library: Path) -> LinearKernel:
    try:
        torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    except (OSError, RuntimeError) as error:
        raise KernelBuildError(f"{library} cannot be loaded: {error}") from error
    torch.library.register_fake(f"{variant.namespace}::linear", fake_linear)
    kernel = LinearKernel(variant.name, getattr(torch.ops, variant.namespace).linear.default)
    _check(kernel)
    return kernel


def fake_linear(x: Tensor, packed: Tensor, bias: Tensor | None, num_outputs: int) -> Tensor:
    """Return a tensor of the result's shape, for torch to trace; that of every operator of this kind."""
    return x.new_empty((*x.shape[:-1], num_outputs))


def _check(kernel: LinearKernel) -> None:
    """Compare with `F.linear` in float64, and rows with themselves, on sizes that reach every edge of the kernel."""
    generator = torch.Generator().manual_seed(0)
    for dtype in (torch.bfloat16, torch.float16, torch.float32):
        weight = torch.randn(83, 1037, generator=generator).to(dtype)
        bias = torch.randn(83, generator=generator)
        x = torch.randn(40, 1037, generator=generator)
        packed = pack_weight(weight)
        y = kernel(x, packed, bias, 83)
        expected = F.linear(x.double(), weight.double(), bias.double())
        if not torch.allclose(y.double(), expected, rtol=0, atol=2e-3):
            raise KernelBuildError(f"the {kernel.variant} kernel computes wrong results for {dtype}")
        for num_rows in range(1, 17):
            if not torch.equal(kernel(x[:num_rows], packed, bias, 83), y[:num_rows]):
                raise KernelBuildError(f"the {kernel.variant} kernel computes {num_rows} rows differently from 40")


def pack_weight(
    weight: Tensor,  # [out_features, in_features] float32, bfloat16 or float16
) -> Tensor:
    """Lay out a weight for the kernel; returns a new tensor."""
    out_features, in_features = weight.shape
    missing_rows, missing_columns = -out_features % _BLOCK, in_features % 2
    if missing_rows or missing_columns:
        weight = F.pad(weight, (0, missing_columns, 0, missing_rows))
    blocks = weight.contiguous().view(weight.shape[0] // _BLOCK, _BLOCK, weight.shape[1] // 2, 2)
    if weight.dtype is torch.bfloat16:
        # As 32-bit words, which copies several times faster than number by number.
        return _laid_out(blocks.view(torch.int32).transpose(1, 2)).view(torch.bfloat16)
    return _laid_out(blocks.permute(0, 2, 3, 1))


def _laid_out(weight: Tensor) -> Tensor:
    return weight_memory.empty(*weight.shape, dtype=weight.dtype).copy_(weight)


def unpack_weight(packed: Tensor, out_features: int, in_features: int) -> Tensor:
    """Undo `pack_weight`; returns [out_features, in_features]."""
    num_blocks, num_pairs = packed.shape[:2]
    order = (0, 2, 1, 3) if packed.dtype is torch.bfloat16 else (0, 3, 1, 2)
    plain = packed.permute(order).reshape(num_blocks * _BLOCK, num_pairs * 2)
    return plain[:out_features, :in_features].contiguous()


def weight_rows(
    packed: Tensor,
    indices: Tensor,  # [...] int64
    in_features: int,
) -> Tensor:
    """Rows of a packed weight, as an embedding looks them up; returns [..., in_features]."""
    block, place = indices // _BLOCK, indices % _BLOCK
    rows = packed[block, :, place] if packed.dtype is torch.bfloat16 else packed[block, :, :, place]
    return rows.flatten(-2)[..., :in_features]
