"""Finds the heads in a checkpoint by the names of their tensors, and makes a module of them.

    Qwen3-Next and later    mtp: fc, pre_fc_norm_embedding, pre_fc_norm_hidden, norm, layers.0; the built-in model too
    DeepSeek-V3, GLM-4.5    as layer N, behind the last one: eh_proj, enorm, hnorm, shared_head.norm
    MiMo                    model.mtp_layers.0: input_proj, token_layernorm, hidden_layernorm, final_layernorm

All of them read the hidden state that the target's LM head reads, behind the final norm, which is what vLLM and SGLang
give them. Embeddings and LM head that a checkpoint repeats for its heads are copies, and the target's own are used.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from helix.config import ModelConfig
from helix.model import linear
from helix.model.families import LayerSpec
from helix.model.loader import LoadedModel, model_path
from helix.model.mtp import MTPModule

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedMTP:
    """The head of a checkpoint, ready to run; or none."""

    module: MTPModule | None = None
    layer: LayerSpec | None = None
    """What its attention needs."""
    remark: str = ""
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class _Form:
    """How a family names the parts of a head."""

    prefix: str
    """In front of every name; N stands for the number of layers of the model."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Helix's name by the family's, without .weight; what is not among them belongs to the decoder layer."""
    copies: tuple[str, ...] = ()
    """Beginnings of names that repeat the target's tensors."""
    is_hidden_first: bool = False
    """Whether the projection reads the hidden state before the embedding."""


_FORMS = (
    _Form(
        "mtp.",
        {name: name for name in ("fc", "pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm")},
        ("embed_tokens.", "lm_head."),
    ),
    _Form(
        "model.layers.N.",
        {"eh_proj": "fc", "enorm": "pre_fc_norm_embedding", "hnorm": "pre_fc_norm_hidden", "shared_head.norm": "norm"},
        ("embed_tokens.", "shared_head.head."),
    ),
    _Form(
        "model.mtp_layers.0.",
        {
            "input_proj": "fc",
            "token_layernorm": "pre_fc_norm_embedding",
            "hidden_layernorm": "pre_fc_norm_hidden",
            "final_layernorm": "norm",
        },
        is_hidden_first=True,
    ),
)
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_mtp(config: ModelConfig, target: LoadedModel) -> LoadedMTP:
    """Return the head that lies beside a loaded target's weights, or none and a remark why."""
    folder = _folder(config)
    weights = {} if folder is None else _read(folder, len(target.layers))
    if not weights:
        return LoadedMTP(remark=f"the checkpoint of {target.name} has no heads that Helix knows")
    if config.dtype != "auto":
        weights = {name: weight.to(_DTYPES[config.dtype]) for name, weight in weights.items()}
    try:
        return build_mtp(weights, target)
    except (AttributeError, IndexError, KeyError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        remark = f"the heads of {target.name} are not of a form that Helix knows: {str(error).strip().splitlines()[0]}"
        logger.warning(remark)
        return LoadedMTP(remark=remark)


def build_mtp(weights: Mapping[str, Tensor], target: LoadedModel) -> LoadedMTP:
    """Make a head of weights under MTPModule's names; its layer is another one of the target's last layer's class.

    Raises:
        RuntimeError and what a constructor raises: The weights do not fit such a layer.
    """
    model: Any = target.module
    decoder = model.get_decoder()
    assert decoder.rotary_emb is not None, "without rotary positions the layer would see none"
    whole = [i for i, spec in enumerate(target.layers) if spec.window is None and spec.chunk is None]
    index = whole[-1] if whole else len(target.layers) - 1
    config = model.config.get_text_config()
    norms = [copy.deepcopy(decoder.norm) for _ in range(3)]
    with torch.device("meta"):
        module = MTPModule(type(decoder.layers[index])(config, index), norms, config.hidden_size)
    module.load_state_dict(_fused_experts(weights, module.state_dict()), strict=True, assign=True)
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        raise ValueError("its layer has buffers that no checkpoint holds")
    part: Any
    for part in module.modules():
        if hasattr(part, "layer_idx"):
            part.layer_idx = 0  # of its own pool
    module.eval().requires_grad_(False)
    if target.device.type == "cpu":
        linear.pack(module, activation_dtype=target.dtype)
    else:
        module.to(device=target.device, dtype=target.dtype)
    return LoadedMTP(module, target.layers[index])


def _folder(config: ModelConfig) -> Path | None:
    """Return the local folder of a model that was loaded, if it has one."""
    from transformers.utils import cached_file

    try:
        file = cached_file(model_path(config.model), "config.json", revision=config.revision)
    except OSError:
        return None
    return None if file is None else Path(file).parent


def _read(folder: Path, num_layers: int) -> dict[str, Tensor]:
    """Return a head's weights under MTPModule's names; empty if no file has any."""
    from safetensors import safe_open

    for form in _FORMS:
        prefix = form.prefix.replace("N", str(num_layers))
        weights: dict[str, Tensor] = {}
        for path in sorted(folder.glob("*.safetensors")):
            with safe_open(path, framework="pt") as file:
                for name in list(file.keys()):
                    rest = name.removeprefix(prefix)
                    if name.startswith(prefix) and not any(map(rest.startswith, form.copies)):
                        weights[_own_name(form, rest)] = file.get_tensor(name)
        if "fc.weight" in weights:
            if form.is_hidden_first:
                weights["fc.weight"] = torch.cat(weights["fc.weight"].chunk(2, dim=1)[::-1], dim=1)
            return weights
    return {}


def _own_name(form: _Form, name: str) -> str:
    own = form.names.get(name.removesuffix(".weight"))
    if own is not None:
        return f"{own}.weight"
    return name if name.startswith("layers.") else f"layers.0.{name}"


def _fused_experts(weights: Mapping[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    """Return weights with experts stacked where the layer keeps all of them in one tensor, as transformers 5 does."""
    result = dict(weights)
    for name in wanted:
        if not (match := re.fullmatch(r"(.*\.experts)\.(gate_up|down)_proj", name)) or name in result:
            continue
        prefix, kind = match.groups()
        parts = ("gate", "up") if kind == "gate_up" else ("down",)
        experts: list[Tensor] = []
        while f"{prefix}.{len(experts)}.{parts[0]}_proj.weight" in result:
            expert = f"{prefix}.{len(experts)}"
            experts.append(torch.cat([result.pop(f"{expert}.{part}_proj.weight") for part in parts]))
        if experts:
            result[name] = torch.stack(experts)
    return result
