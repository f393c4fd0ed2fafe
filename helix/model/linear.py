"""The packed linear layer that replaces `nn.Linear` on CPU.

A weight is read once per step whatever is computed with it, so it is laid out once, at load, in the order in which it
is read (`model.layout`), and the originals are freed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from helix.config import MatmulPrecision, Quantization, QuantizationConfig
from helix.errors import ConfigError, ModelLoadError
from helix.kernels.quantized import MAX_IN_FEATURES
from helix.model.layout import Route, RouteName, choose_bf16_route, choose_route
from helix.model.mapped_files import MappedFiles
from helix.model.quantization import QuantizedRoute, check_quantization, choose_quantized_routes
from helix.model.stand_in import StandIn

_PACKABLE_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_MOST_WIDENED = 0.1
"""Share of a model that may double in size so that activations can be float32: norms may, expert tensors may not."""


@dataclass(frozen=True, slots=True)
class PackReport:
    """What `pack` did to a model."""

    route: RouteName
    num_layers: int
    """Linear layers replaced."""
    weight_dtype: torch.dtype
    """Number format of the packed weights; of most of them where a checkpoint mixes."""
    activation_dtype: torch.dtype
    """Number format of everything between the layers, and so of the KV cache."""
    weight_bytes: int
    """Packed weights, all layers together."""
    duration_s: float
    is_row_invariant: bool
    """A row's result is bitwise independent of how many rows are computed with it."""
    reason: str
    """Why this route and none before it."""
    quantization: str = ""
    """How weights are quantised, for people; empty: they are not."""

    @property
    def weight_format(self) -> str:
        """What the weights are stored in, for people."""
        return self.quantization or _name(self.weight_dtype)

    def __str__(self) -> str:
        rows = "rows are bitwise independent" if self.is_row_invariant else "rows may differ in the last bits"
        return (
            f"{self.reason}: {self.num_layers} linear layers, {self.weight_bytes / 2**20:.0f} MiB "
            f"{self.weight_format}, activations {_name(self.activation_dtype)}, "
            f"packed in {self.duration_s:.1f} s; {rows}"
        )


class PackedLinear(nn.Module):
    """A linear layer whose weight lies in the order in which it is read. For inference only."""

    def __init__(
        self,
        weight: Tensor,  # [out_features, in_features]
        bias: Tensor | None,  # [out_features]
        route: Route | QuantizedRoute,
    ) -> None:
        super().__init__()
        self.out_features, self.in_features = weight.shape
        self.route = route
        # Plain attributes, no parameters or buffers: a later `model.to(dtype)` must not touch the layout.
        self.packed = route.pack(weight)
        self.bias = None if bias is None else bias.detach().to(route.bias_dtype)
        self.weight = StandIn(weight.shape, route.activation_dtype, self._unpack, self._rows)
        """Shape, dtype and device are free; arithmetic with it unpacks the weight and is slow."""

    def forward(self, x: Tensor) -> Tensor:
        """Multiply x of shape [..., in_features]."""
        return self.route.multiply(x, self.packed, self.bias, self.out_features)

    def extra_repr(self) -> str:
        """Sizes, as `nn.Linear` shows them, and the route."""
        return f"in_features={self.in_features}, out_features={self.out_features}, route={self.route.name}"

    def _unpack(self) -> Tensor:
        return self.route.unpack(self.packed, self.out_features, self.in_features)

    def _rows(self, indices: Tensor) -> Tensor:
        return self.route.rows(self.packed, indices, self.in_features)


def pack(
    model: nn.Module,
    *,
    activation_dtype: torch.dtype | None = None,
    use_kernels: bool = True,
    quantization: Quantization = "none",
    quantization_settings: QuantizationConfig | None = None,
    matmul_precision: MatmulPrecision = "float32",
) -> PackReport:
    """Replace every `nn.Linear` of a model in place, freeing the originals one by one.

    The loader loads the checkpoint in its own number format (`dtype="auto"`), in eval mode, on the CPU, and calls
    `pack(model)` before anything else keeps a reference to its weights. Weights keep their format. What is left
    (norms, biases, rotary buffers) becomes float32 together with the activations. Embeddings keep their format and
    rows are widened as they are looked up; a table tied to a packed layer is read from that layer and not stored
    twice. KV pools take `report.activation_dtype`. Expert tensors and other parameters outside `nn.Linear` stay.

    Quantised weights are rounded, layer by layer; embeddings only where they are tied to the output layer.

    Args:
        model: A transformers model on the CPU.
        activation_dtype: None: float32 unless widening what cannot be packed (expert tensors) costs much memory.
        use_kernels: False leaves Helix's own kernels out; quantisation needs them.
        quantization: Bits of the weights that are kept.
        quantization_settings: What weights of 4 bits look like; None: as they do by default.
        matmul_precision: What inputs are rounded to; layers whose weights are not bfloat16 take theirs as they are.

    Raises:
        ConfigError: The weights shall be quantised, or inputs rounded, and Helix's own kernels are not available; or
            inputs shall be rounded, and most weights are not bfloat16, or shall be quantised.
        ModelLoadError: The model is not on the CPU, or a linear layer is none of float32, bfloat16 and float16, or
            quantisation would reach the smaller part of the model.
    """
    started_s = time.monotonic()
    weight_dtype = _check(model)
    activation_dtype = activation_dtype or _default_activation_dtype(model)
    route: Route | QuantizedRoute
    quantized = ""
    if matmul_precision == "bfloat16":
        route = rounding = _rounding_route(quantization, weight_dtype, activation_dtype)
        plain = choose_route(weight_dtype, activation_dtype)
        tied = _replace_linears(
            model, lambda layer: rounding if layer.weight.dtype is torch.bfloat16 else plain, weight_dtype
        )
    elif quantization == "none":
        route = choose_route(weight_dtype, activation_dtype, use_kernels=use_kernels)
        tied = _replace_linears(model, lambda layer: route, weight_dtype)
    else:
        _check_quantizable(model, quantization)
        routes = choose_quantized_routes(quantization, activation_dtype, quantization_settings)
        route, output_layers, quantized = routes.inner, _output_layers(model), str(routes)
        tied = _replace_linears(
            model, lambda layer: routes.output if layer in output_layers else routes.inner, weight_dtype
        )
    if route.activation_dtype is torch.float32:
        _keep_embeddings_narrow(model, tied)
        _widen(model)
    layers = {module for module in model.modules() if isinstance(module, PackedLinear)}
    return PackReport(
        route=route.name,
        num_layers=len(layers),
        weight_dtype=route.weight_dtype if isinstance(route, Route) else weight_dtype,
        activation_dtype=route.activation_dtype,
        weight_bytes=sum(layer.packed.numel() * layer.packed.element_size() for layer in layers),
        duration_s=time.monotonic() - started_s,
        is_row_invariant=route.is_row_invariant,
        reason=route.reason,
        quantization=quantized,
    )


def _rounding_route(quantization: Quantization, weight_dtype: torch.dtype, activation_dtype: torch.dtype) -> Route:
    if quantization != "none":
        raise ConfigError(f"matmul_precision bfloat16 is for weights as they are, not {quantization}")
    if weight_dtype is not torch.bfloat16:
        raise ConfigError(
            f"matmul_precision bfloat16 is for weights in bfloat16, and this model's are {_name(weight_dtype)}; "
            "dtype bfloat16 rounds them too"
        )
    return choose_bf16_route(activation_dtype)


def automatic_quantization(model: nn.Module, device: torch.device) -> Quantization:
    """Return int8 where a model can be quantised on a device, else none."""
    try:
        check_quantization("int8", device)
        _check_quantizable(model, "int8")
    except (ConfigError, ModelLoadError):
        return "none"
    return "int8"


def _check_quantizable(model: nn.Module, quantization: Quantization) -> None:
    """Refuse a model most of which would stay as it is: its operator counts on less memory."""
    linears = {id(m.weight): m.weight for m in model.modules() if type(m) is nn.Linear}
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    num_reached = sum(weight.numel() for weight in linears.values())
    num_others = sum(p.numel() for p in model.parameters() if id(p) not in linears and id(p) not in tables)
    if num_reached < num_others:
        raise ModelLoadError(
            f"quantization {quantization} would reach only {num_reached / (num_reached + num_others):.0%} of the "
            f"weights that {type(model).__name__} multiplies by: the others are in no linear layer. Leave it out"
        )
    for name, module in model.named_modules():
        if type(module) is nn.Linear and module.in_features > MAX_IN_FEATURES:
            raise ModelLoadError(
                f"quantization {quantization} takes sums of {MAX_IN_FEATURES} products at most; {name} of "
                f"{type(model).__name__} has {module.in_features}"
            )


def _output_layers(model: nn.Module) -> set[nn.Module]:
    """Layers that compute logits: the one that the model names, and those that share a weight with an embedding."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    layers: set[nn.Module] = {m for m in model.modules() if type(m) is nn.Linear and id(m.weight) in tables}
    named = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None  # type: ignore[operator]
    return layers if named is None else layers | {named}


def _check(model: nn.Module) -> torch.dtype:
    """Return the number format of most linear weights."""
    for parameter in model.parameters():
        if parameter.device.type != "cpu":
            raise ModelLoadError(f"packing needs a model on the CPU; a parameter is on {parameter.device}")
    num_weights: Counter[torch.dtype] = Counter()
    for module in model.modules():
        if type(module) is nn.Linear:
            num_weights[module.weight.dtype] += module.weight.numel()
    for dtype in num_weights:
        if dtype not in _PACKABLE_DTYPES:
            raise ModelLoadError(f"packing needs linear layers in float32, bfloat16 or float16; found {_name(dtype)}")
    return num_weights.most_common(1)[0][0] if num_weights else torch.float32


def _default_activation_dtype(model: nn.Module) -> torch.dtype:
    """Return float32, or the parameters' own format where much of the model can neither be packed nor looked up."""
    reachable = {id(m.weight) for m in model.modules() if type(m) is nn.Linear or isinstance(m, nn.Embedding)}
    num_parameters: Counter[torch.dtype] = Counter()
    num_left: Counter[torch.dtype] = Counter()
    for parameter in model.parameters():
        num_parameters[parameter.dtype] += parameter.numel()
        if id(parameter) not in reachable and parameter.dtype is not torch.float32:
            num_left[parameter.dtype] += parameter.numel()
    if num_left.total() > _MOST_WIDENED * num_parameters.total():
        return num_left.most_common(1)[0][0]
    return torch.float32


def _replace_linears(
    model: nn.Module, route_of: Callable[[nn.Linear], Route | QuantizedRoute], weight_dtype: torch.dtype
) -> dict[int, StandIn]:
    """Return stand-ins for the weights that embeddings share, by the id of the original."""
    tables = {id(module.weight) for module in model.modules() if isinstance(module, nn.Embedding)}
    tied: dict[int, StandIn] = {}
    replaced: dict[nn.Module, PackedLinear] = {}
    files = MappedFiles()
    for parent, name, child in _children(model):
        if type(child) is not nn.Linear:
            continue
        route = route_of(child)
        if not (route.packs_any_dtype or child.weight.dtype is weight_dtype):
            continue
        if child not in replaced:
            layer = replaced[child] = PackedLinear(child.weight, child.bias, route)
            if id(child.weight) in tables and route.has_rows:
                tied[id(child.weight)] = layer.weight
            if not _is_view(layer.packed, child.weight):
                files.forget(child.weight)
            # The shell stays, as a key, in case the model holds the layer twice; its memory goes.
            child.register_parameter("weight", None)
        parent._modules[name] = replaced[child]
    return tied


def _is_view(packed: Tensor, weight: Tensor) -> bool:
    """Whether a packed weight is the original's memory; one that a library lays out in secret never is."""
    return packed.layout is torch.strided and (
        packed.untyped_storage().data_ptr() == weight.untyped_storage().data_ptr()
    )


def _keep_embeddings_narrow(model: nn.Module, tied: dict[int, StandIn]) -> None:
    """Put stand-ins in place of lookup tables, whose rows come out in float32 while the tables stay as they are."""
    for module in list(model.modules()):
        if isinstance(module, nn.Embedding) and module.max_norm is None:
            table = module.weight.detach()
            stand_in = tied.get(id(module.weight))
            if stand_in is None:
                if table.dtype is torch.float32:
                    continue
                stand_in = StandIn(table.shape, torch.float32, table.clone, table.__getitem__)
            del module.weight
            object.__setattr__(module, "weight", stand_in)


def _widen(model: nn.Module) -> None:
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data = tensor.data.float()


def _children(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Module]]:
    """Every (parent, name, child); a child may be replaced while iterating."""
    for parent in list(model.modules()):
        for name, child in list(parent._modules.items()):
            if child is not None:
                yield parent, name, child


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
