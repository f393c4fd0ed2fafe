"""Linear layers in 8 or 4 bits, on the CPU by Helix's own kernels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from helix.config import Quantization, QuantizationConfig
from helix.errors import ConfigError
from helix.kernels.build import KernelBuildError
from helix.kernels.quantized import FormatName, QuantizedLinearKernel, load_quantized_kernel
from helix.model.layout import RouteName

DEFAULT_GROUP_SIZE = 32
"""Of weights of 4 bits: groups of 64 diverge twice as far and win a tenth at eight rows, and nothing alone."""


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
    """Of the layer that computes the logits. Its errors go into the probabilities as they are, and where it is tied to
    the embeddings it is what every layer reads."""

    def __str__(self) -> str:
        inner, output = self.inner.kernel.weight_format.name, self.output.kernel.weight_format.name
        return inner if inner == output else f"{inner} (output layer {output})"


def choose_quantized_routes(
    quantization: Quantization, activation_dtype: torch.dtype, settings: QuantizationConfig | None = None
) -> QuantizedRoutes:
    """Return the routes of a quantised model.

    Raises:
        ConfigError: Helix's own kernels are not available here.
    """
    inner_name, output_name = _format_names(quantization, settings or QuantizationConfig())
    try:
        inner, output = load_quantized_kernel(inner_name), load_quantized_kernel(output_name)
    except KernelBuildError as error:
        raise ConfigError(
            f"quantization {quantization} needs Helix's own kernels, which are not available here: {error}"
        ) from error
    return QuantizedRoutes(QuantizedRoute(inner, activation_dtype), QuantizedRoute(output, activation_dtype))


def _format_names(quantization: Quantization, settings: QuantizationConfig) -> tuple[FormatName, FormatName]:
    """Return the formats of inner layers and of the output layer."""
    assert quantization != "none", "there is nothing to choose"
    if quantization == "int8":
        return "int8", "int8"
    is_coarse = (settings.quantization_group_size or DEFAULT_GROUP_SIZE) == 64
    names: tuple[FormatName, FormatName] = ("int4_g64", "int4_g64_zp") if is_coarse else ("int4_g32", "int4_g32_zp")
    inner = names[settings.quantization_zero_points]
    return inner, inner if settings.quantization_output_layer == "int4" else "int8"


def check_quantization(quantization: Quantization, device: torch.device) -> None:
    """Raise ConfigError if a model cannot be quantised on this machine and device; to be asked before it is loaded."""
    if quantization == "none":
        return
    if device.type != "cpu":
        raise ConfigError(f"quantization {quantization} works on the CPU only, and the model would run on {device}")
    choose_quantized_routes(quantization, torch.float32)
