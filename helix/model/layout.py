"""Ways to lay out a weight and multiply by it on CPU, and the choice among them.

    kernel    Helix's own kernel: weights stay in the checkpoint's format and sums are float32; a row's result is
              bitwise the same whatever rows and threads surround it; inputs are rounded to bfloat16 if asked
    onednn    oneDNN's own layout: bfloat16 where the CPU multiplies it, else float32
    torch     `F.linear` on the weight as it was loaded

The choice is the first that computes correctly here; it is tried, not guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from helix.config import MatmulPrecision
from helix.errors import ConfigError
from helix.kernels.bf16 import load_bf16_kernel
from helix.kernels.build import KernelBuildError
from helix.kernels.linear import LinearKernel, load_linear_kernel, pack_weight, unpack_weight, weight_rows

RouteName = Literal["kernel", "onednn", "torch"]


@dataclass(frozen=True, slots=True)
class Route:
    """One way to lay out and multiply a weight of `weight_dtype`."""

    name: RouteName
    weight_dtype: torch.dtype
    activation_dtype: torch.dtype
    reason: str
    """Why this route and none before it, for humans."""
    kernel: LinearKernel | None = None
    matmul_precision: MatmulPrecision = "float32"
    """What the kernel rounds inputs to."""

    @property
    def is_row_invariant(self) -> bool:
        """A row's result is bitwise independent of the rows computed with it."""
        return self.kernel is not None

    @property
    def bias_dtype(self) -> torch.dtype:
        """What `multiply` expects of a bias."""
        return torch.float32 if self.kernel is not None else self.activation_dtype

    @property
    def packs_any_dtype(self) -> bool:
        """Weights may differ from `weight_dtype` and keep their own."""
        return self.kernel is not None

    @property
    def has_rows(self) -> bool:
        """`rows` works."""
        return self.name != "onednn"

    def pack(
        self,
        weight: Tensor,  # [out_features, in_features]
    ) -> Tensor:
        """Lay out a weight; the original can be freed."""
        if self.kernel is not None:
            return pack_weight(weight.detach())
        weight = weight.detach().to(self.weight_dtype)
        if self.name == "onednn":
            reordered: Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 1)
            return reordered
        return weight.contiguous()

    def unpack(self, packed: Tensor, out_features: int, in_features: int) -> Tensor:
        """Undo `pack` exactly."""
        if self.kernel is not None:
            return unpack_weight(packed, out_features, in_features)
        return packed.to_dense() if self.name == "onednn" else packed

    def multiply(
        self,
        x: Tensor,  # [..., in_features]
        packed: Tensor,
        bias: Tensor | None,  # [out_features]
        out_features: int,
    ) -> Tensor:
        """Multiply as `F.linear` does; returns [..., out_features] in the dtype of x."""
        if self.kernel is not None:
            return self.kernel(x, packed, bias, out_features)
        if self.name == "onednn":
            y: Tensor = torch.ops.mkldnn._linear_pointwise(x, packed, bias, "none", [], "")
            return y
        return F.linear(x, packed, bias)

    def rows(
        self,
        packed: Tensor,
        indices: Tensor,  # [...] int64
        in_features: int,
    ) -> Tensor:
        """Rows of a packed weight; returns [..., in_features] in the weight's dtype.

        Raises:
            NotImplementedError: oneDNN's layout can only be multiplied by.
        """
        if self.kernel is not None:
            return weight_rows(packed, indices, in_features)
        if self.name == "onednn":
            raise NotImplementedError("oneDNN's layout has no rows to look up")
        return F.embedding(indices, packed)


def choose_bf16_route(activation_dtype: torch.dtype) -> Route:
    """Return the route of bfloat16 weights whose inputs are rounded to bfloat16.

    Raises:
        ConfigError: It is not available here.
    """
    try:
        kernel = load_bf16_kernel()
    except KernelBuildError as error:
        raise ConfigError(f"matmul_precision bfloat16 is not available here: {error}") from error
    reason = f"own {kernel.variant} kernel, inputs in bfloat16"
    return Route("kernel", torch.bfloat16, activation_dtype, reason, kernel, "bfloat16")


def check_matmul_precision(precision: MatmulPrecision, device: torch.device) -> None:
    """Raise ConfigError if it is not available on this machine and device; to be asked before a model is loaded."""
    if precision == "float32":
        return
    if device.type != "cpu":
        raise ConfigError(f"matmul_precision {precision} works on the CPU only, and the model would run on {device}")
    choose_bf16_route(torch.float32)


def choose_route(weight_dtype: torch.dtype, activation_dtype: torch.dtype, *, use_kernels: bool = True) -> Route:
    """Return the first route that computes correctly on this machine.

    Args:
        weight_dtype: The checkpoint's: float32, bfloat16 or float16.
        activation_dtype: float32, or `weight_dtype` for a model that cannot be widened.
        use_kernels: False leaves Helix's own kernels out.
    """
    refusal = "own kernels are switched off"
    if use_kernels:
        try:
            kernel = load_linear_kernel()
        except KernelBuildError as error:
            refusal = f"own kernels are not available ({error})"
        else:
            reason = f"own {kernel.variant} kernel"
            return Route("kernel", weight_dtype, activation_dtype, reason, kernel)
    candidates = [Route("onednn", torch.bfloat16, torch.bfloat16, f"oneDNN bfloat16, because {refusal}")]
    if weight_dtype is not torch.bfloat16:
        candidates.clear()
    if activation_dtype is torch.float32:
        candidates.append(Route("onednn", torch.float32, torch.float32, f"oneDNN float32, because {refusal}"))
    for candidate in candidates:
        if _computes_correctly(candidate):
            return candidate
    dtype = activation_dtype if weight_dtype is torch.float16 else weight_dtype
    return Route("torch", dtype, dtype, f"F.linear, because {refusal} and oneDNN does not lay out {_name(dtype)} here")


def _computes_correctly(route: Route) -> bool:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(83, 129, generator=generator)
    x = torch.randn(5, 129, generator=generator).to(route.activation_dtype)
    try:
        packed = route.pack(weight)
        y = [route.multiply(x[:num_rows], packed, None, 83) for num_rows in (1, 5)]
    except RuntimeError:
        return False
    expected = x.float() @ weight.to(route.weight_dtype).float().T
    tolerance = 1e-3 if route.activation_dtype is torch.float32 else 0.3
    return all(torch.allclose(part.float(), expected[: len(part)], rtol=0, atol=tolerance) for part in y)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
