"""Linear layers in 8 or 4 bits, on the CPU by Helix's own kernels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from helix.config import Quantization
from helix.errors import ConfigError
from helix.kernels.build import KernelBuildError
from helix.kernels.quantized import FormatName, QuantizedLinearKernel, load_quantized_kernel
from helix.model.layout import RouteName


@dataclass(frozen=True, slots=True)
class QuantizedRoute:
    """Quantises a weight, lays it out, and multiplies by it, as `layout.Route` does with weights as they are."""

    kernel: QuantizedLinearKernel
    activation_dtype: torch.dtype

    @property
    def name(self) -> RouteName:
        """As the other routes are called."""
        return "kernel"

    @property
    def reason(self) -> str:
        """Why this route, for humans."""
        return f"own {self.kernel.variant} kernel"

    @property
    def is_row_invariant(self) -> bool:
        """A row's result is bitwise independent of the rows computed with it."""
        return True

    @property
    def bias_dtype(self) -> torch.dtype:
        """What `multiply` expects of a bias."""
        return torch.float32

    @property
    def packs_any_dtype(self) -> bool:
        """Weights may come in any float format."""
        return True

    @property
    def has_rows(self) -> bool:
        """`rows` works."""
        return True

    def pack(
        self,
        weight: Tensor,  # [out_features, in_features]
    ) -> Tensor:
        """Quantise and lay out a weight; the original can be freed."""
        return self.kernel.weight_format.pack(weight.detach())

    def unpack(self, packed: Tensor, out_features: int, in_features: int) -> Tensor:
        """Return what is left of a weight, in float32."""
        return self.kernel.weight_format.unpack(packed, out_features, in_features)

    def multiply(
        self,
        x: Tensor,  # [..., in_features]
        packed: Tensor,
        bias: Tensor | None,  # [out_features]
        out_features: int,
    ) -> Tensor:
        """Multiply as `F.linear` does; returns [..., out_features] in the dtype of x."""
        return self.kernel(x, packed, bias, out_features)

    def rows(
        self,
        packed: Tensor,
        indices: Tensor,  # [...] int64
        in_features: int,
    ) -> Tensor:
        """Rows of what is left of a weight; returns [..., in_features] float32."""
        return self.kernel.weight_format.rows(packed, indices, in_features)


@dataclass(frozen=True, slots=True)
class QuantizedRoutes:
    """The routes of one model."""

    inner: QuantizedRoute
    output: QuantizedRoute
    """Of the layer that computes the logits: 8 bits at least. Its errors go into the probabilities as they are, and
    where it is tied to the embeddings it is what every layer reads."""


def choose_quantized_routes(quantization: FormatName, activation_dtype: torch.dtype) -> QuantizedRoutes:
    """Return the routes of a quantised model.

    Raises:
        ConfigError: Helix's own kernels are not available here.
    """
    try:
        inner, output = load_quantized_kernel(quantization), load_quantized_kernel("int8")
    except KernelBuildError as error:
        raise ConfigError(
            f"quantization {quantization} needs Helix's own kernels, which are not available here: {error}"
        ) from error
    return QuantizedRoutes(QuantizedRoute(inner, activation_dtype), QuantizedRoute(output, activation_dtype))


def check_quantization(quantization: Quantization, device: torch.device) -> None:
    """Raise ConfigError if a model cannot be quantised on this machine and device; to be asked before it is loaded."""
    if quantization == "none":
        return
    if device.type != "cpu":
        raise ConfigError(f"quantization {quantization} works on the CPU only, and the model would run on {device}")
    choose_quantized_routes(quantization, torch.float32)
