"""Names on a hub or disk become a module in eval mode."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from helix.config import (
    DEMO_DRAFT_MODEL,
    DEMO_MODEL,
    DraftQuantization,
    MatmulPrecision,
    ModelConfig,
    Quantization,
    QuantizationConfig,
)
from helix.errors import ConfigError, ModelLoadError
from helix.model import attention, linear
from helix.model.families import LayerSpec, probe
from helix.model.fusion import FusedModel, fuse
from helix.model.layout import check_matmul_precision
from helix.model.loading_bar import LoadingBar
from helix.model.mapped_files import forgotten_behind
from helix.model.narrow_head import narrow_head
from helix.model.quantization import check_quantization
from helix.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to serve and what was found out about it."""

    name: str
    architecture: str
    module: nn.Module
    layers: list[LayerSpec]
    device: torch.device
    dtype: torch.dtype
    """Number format of activations and KV cache."""
    vocab_size: int
    """Width of the logits, padding included."""
    hidden_size: int
    """Width of what the LM head reads."""
    max_model_len: int
    """Longest sequence the model was built for."""
    num_parameters: int
    linear_route: str
    """How linear layers are computed, for people; the same after every start."""
    quantization: Quantization = "none"
    """Bits of the weights of linear layers."""
    matmul_precision: MatmulPrecision = "float32"
    """What inputs of linear layers are rounded to."""
    head_ids: Tensor | None = None
    """The tokens that it has logits of, in their order; None: all of them."""
    fused: FusedModel | None = None
    """Computes the module's logits faster; None: the module does."""


NUM_LOADING_STAGES = 2
"""Stages that load_model begins on its bar."""


def load_model(
    config: ModelConfig,
    bar: LoadingBar,
    *,
    quantization: DraftQuantization | None = None,
    quantization_settings: QuantizationConfig | None = None,
    head_ids: Tensor | None = None,
) -> LoadedModel:
    """Load, probe and prepare a model for serving.

    Args:
        config: Which model, and how.
        bar: Where its stages are shown.
        quantization: In place of the config's; auto: int8 where it works.
        quantization_settings: What weights of 4 bits look like.
        head_ids: Tokens to have logits of; None: all.

    Raises:
        ConfigError: The device does not exist here, or models cannot be quantised or inputs rounded on it.
        ModelLoadError: The model is missing, broken, or of a family that would be served wrongly.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    device = resolve_device(config.device)
    bits: DraftQuantization = config.quantization if quantization is None else quantization
    if bits != "auto":
        check_quantization(bits, device)
    check_matmul_precision(config.matmul_precision, device)
    transformers_logging.set_verbosity_error()
    path = model_path(config.model)
    bar.begin(f"reading the weights of {config.model}")
    outer_hook = transformers_logging.set_tqdm_hook(bar.replace_tqdm)
    try:
        module = AutoModelForCausalLM.from_pretrained(
            path,
            revision=config.revision,
            dtype="auto" if config.dtype == "auto" else _DTYPES[config.dtype],
            trust_remote_code=config.trust_remote_code,
            use_safetensors=None if config.allow_pickle else True,
            weights_only=True,
        )
    except (OSError, ValueError, KeyError, ImportError, UnpicklingError) as error:
        raise ModelLoadError(f"cannot load {config.model}: {_reason(error, config)}") from error
    finally:
        transformers_logging.set_tqdm_hook(outer_hook)
    bar.begin(f"laying out the weights of {config.model}")
    if head_ids is not None:
        narrow_head(module, head_ids)
    if bits == "auto":
        bits = linear.automatic_quantization(module, device)
    loaded = prepare(
        module,
        config.model,
        device,
        quantization=bits,
        quantization_settings=quantization_settings,
        matmul_precision=config.matmul_precision,
    )
    return loaded if head_ids is None else replace(loaded, head_ids=head_ids.to(device))


def load_tokenizer(config: ModelConfig) -> Tokenizer:
    """Load a model's tokenizer.

    Raises:
        ModelLoadError: There is none, or it cannot be read.
    """
    return Tokenizer.from_pretrained(
        model_path(config.model), revision=config.revision, trust_remote_code=config.trust_remote_code
    )


def prepare(
    module: nn.Module,
    name: str,
    device: torch.device,
    *,
    quantization: Quantization = "none",
    quantization_settings: QuantizationConfig | None = None,
    matmul_precision: MatmulPrecision = "float32",
) -> LoadedModel:
    """Move a loaded module to its device, pack its linear layers on a CPU, and install paged attention.

    Raises:
        ConfigError: Models cannot be quantised, or inputs rounded, on this machine, or not those of this model.
        ModelLoadError: The family cannot be served through paged attention, or this model not be quantised.
    """
    architecture = type(module).__name__
    num_parameters = sum(parameter.numel() for parameter in module.parameters())
    module.eval().requires_grad_(False)
    module.to(device)
    attention.register()
    with forgotten_behind(module):
        layers = probe(module, architecture)
    dtype, linear_route, fused = next(module.parameters()).dtype, "torch", None
    if device.type == "cpu":
        report = linear.pack(
            module,
            quantization=quantization,
            quantization_settings=quantization_settings,
            matmul_precision=matmul_precision,
        )
        logger.info("%s", report)
        dtype, linear_route = report.activation_dtype, f"{report.reason}, {report.weight_format} weights"
    module.set_attn_implementation(attention.IMPLEMENTATION)  # type: ignore[operator]
    if device.type == "cpu" and dtype is torch.float32:
        fused = fuse(module, layers, is_quantised=quantization != "none")
    text_config: Any = module.config.get_text_config()  # type: ignore[union-attr, operator]
    return LoadedModel(
        name=name,
        architecture=architecture,
        module=module,
        layers=layers,
        device=device,
        dtype=dtype,
        vocab_size=int(text_config.vocab_size),
        hidden_size=int(text_config.hidden_size),
        max_model_len=_max_model_len(text_config),
        num_parameters=num_parameters,
        linear_route=linear_route,
        quantization=quantization,
        matmul_precision=matmul_precision,
        fused=fused,
    )


def model_path(name: str) -> str:
    """Return where transformers finds a model: a folder of the built-in pair, a folder, or a hub name as it is.

    Raises:
        ModelLoadError: The name is a path, and there is no such folder.
    """
    if name in (DEMO_MODEL, DEMO_DRAFT_MODEL):
        from helix.demo import DRAFT_DIR, TARGET_DIR

        return str(TARGET_DIR if name == DEMO_MODEL else DRAFT_DIR)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return str(folder)
    if folder.is_absolute() or name.startswith("."):
        raise ModelLoadError(f"there is no folder {folder}")
    return name


def resolve_device(device: str) -> torch.device:
    """Return the device to run on; auto takes the first of CUDA (ROCm too), DirectML, MPS, XPU and CPU.

    Raises:
        ConfigError: The device is unknown or absent.
    """
    if device == "directml" or (device == "auto" and not torch.cuda.is_available()):
        try:
            import torch_directml  # type: ignore[import-not-found, unused-ignore]

            return torch.device(torch_directml.device())
        except ImportError:
            if device == "directml":
                raise ConfigError("device directml needs the package torch-directml") from None
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "xpu": hasattr(torch, "xpu") and torch.xpu.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return torch.device(next(name for name, is_there in available.items() if is_there))
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"unknown device {device!r}: {_first_line(error)}") from error
    if not available.get(resolved.type, False):
        here = ", ".join(name for name, is_there in available.items() if is_there)
        raise ConfigError(f"device {device} is not available here; there is {here}")
    return resolved


def _max_model_len(text_config: Any) -> int:
    """Longest sequence that is exact whatever the batch.

    Dynamic and long RoPE change all positions once any sequence of the batch passes the original length, so that a
    request's answer would depend on its neighbours: such models stop at their original length.
    """
    longest = int(getattr(text_config, "max_position_embeddings", None) or 2048)
    rope = getattr(text_config, "rope_parameters", None) or {}
    if rope.get("rope_type") in ("dynamic", "longrope"):
        longest = int(rope.get("original_max_position_embeddings") or longest)
        logger.warning("context limited to %d tokens: this RoPE is not independent of the batch beyond", longest)
    return longest


def _reason(error: Exception, config: ModelConfig) -> str:
    is_local = Path(model_path(config.model)).is_dir()
    has_pickles = not is_local or any(Path(model_path(config.model)).glob("*.bin"))
    if isinstance(error, OSError) and "safetensors" in str(error) and has_pickles and not config.allow_pickle:
        return "it has no weights in safetensors; pickle files (.bin) can hold programs and need --allow-pickle"
    return _first_line(error)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
