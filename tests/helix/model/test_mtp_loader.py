"""Heads are found by the names of their tensors, wherever they lie in a folder, and what is not known is left alone."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from helix.config import ModelConfig
from helix.model.linear import PackedLinear
from helix.model.loader import LoadedModel, load_model, prepare
from helix.model.loading_bar import LoadingBar
from helix.model.mtp_loader import LoadedMTP, build_mtp, load_mtp
from tests.models import random_model, random_mtp, tiny_llama

WEIGHTS = random_mtp(tiny_llama())
INPUT = torch.randn(1, 3, 32, generator=torch.Generator().manual_seed(0))


def _qwen(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"mtp.{name}": weight for name, weight in weights.items()}


def _deepseek(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    names = ("eh_proj", "enorm", "hnorm", "shared_head.norm")
    copies = {"model.layers.2.embed_tokens.weight", "model.layers.2.shared_head.head.weight"}
    return _named("model.layers.2", names, weights) | {name: torch.zeros(64, 32) for name in copies}


def _mimo(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    names = ("input_proj", "token_layernorm", "hidden_layernorm", "final_layernorm")
    swapped = torch.cat(weights["fc.weight"].chunk(2, dim=1)[::-1], dim=1)
    return _named("model.mtp_layers.0", names, weights | {"fc.weight": swapped})


def _named(prefix: str, names: tuple[str, ...], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    own = ("fc.weight", "pre_fc_norm_embedding.weight", "pre_fc_norm_hidden.weight", "norm.weight")
    named = dict(zip(own, (f"{name}.weight" for name in names), strict=True))
    return {f"{prefix}.{named.get(name, name.removeprefix('layers.0.'))}": w for name, w in weights.items()}


FORMS = {"Qwen": _qwen, "DeepSeek": _deepseek, "MiMo": _mimo}


def _loaded(folder: Path) -> tuple[ModelConfig, LoadedModel]:
    config = ModelConfig(model=str(folder), device="cpu")
    with LoadingBar(2) as bar:
        return config, load_model(config, bar)


def _run(head: LoadedMTP) -> Tensor:
    assert head.module is not None, head.remark
    head.module.layers[0].self_attn = _Seen()
    with torch.inference_mode():
        output: Tensor = head.module(INPUT, INPUT.roll(1, 1))
    return output


class _Seen(torch.nn.Module):
    """Stands where attention was, and hands on what it is asked about."""

    def forward(self, *, hidden_states: Tensor, **_: Any) -> tuple[Tensor, None]:
        return hidden_states, None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny_llama().save_pretrained(tmp_path)  # type: ignore[operator]
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("num_files", [1, 2])
def test_each_form_gives_the_same_head_whatever_files_it_lies_in(folder: Path, form: str, num_files: int) -> None:
    named = FORMS[form](WEIGHTS)
    names = sorted(named)
    for i in range(num_files):
        save_file({name: named[name].contiguous() for name in names[i::num_files]}, folder / f"extra-{i}.safetensors")
    config, target = _loaded(folder)
    expected = build_mtp(WEIGHTS, prepare(tiny_llama(), "tiny", torch.device("cpu")))
    assert torch.allclose(_run(load_mtp(config, target)), _run(expected), atol=1e-5)


def test_a_head_is_packed_numbered_for_its_own_pool_and_shares_the_layers_shape(folder: Path) -> None:
    save_file(_qwen(WEIGHTS), folder / "mtp.safetensors")
    config, target = _loaded(folder)
    head = load_mtp(config, target)
    assert head.module is not None
    assert isinstance(head.module.fc, PackedLinear)
    assert isinstance(head.module.layers[0].mlp.down_proj, PackedLinear)
    assert head.module.layers[0].self_attn.layer_idx == 0
    assert head.layer == target.layers[1]
    assert target.module.model.layers[1].self_attn.layer_idx == 1


def test_a_checkpoint_without_heads_has_none_and_nothing_is_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config, target = _loaded(folder)
    head = load_mtp(config, target)
    assert (head.module, head.layer) == (None, None)
    assert "no heads that Helix knows" in head.remark
    assert not caplog.records


@pytest.mark.parametrize("change", ["a tensor is missing", "one is too many", "a shape is another", "two layers"])
def test_heads_of_another_form_are_left_alone_with_one_line(
    folder: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    weights = dict(WEIGHTS)
    if change == "a tensor is missing":
        del weights["layers.0.mlp.up_proj.weight"]
    elif change == "one is too many":
        weights["hnorm_scale"] = torch.ones(1)
    elif change == "two layers":
        weights["layers.1.mlp.up_proj.weight"] = weights["layers.0.mlp.up_proj.weight"].clone()
    else:
        weights["fc.weight"] = torch.zeros(32, 32)
    save_file(_qwen(weights), folder / "mtp.safetensors")
    config, target = _loaded(folder)
    with caplog.at_level(logging.INFO):
        assert load_mtp(config, target).module is None
    assert len(caplog.records) == 1
    assert "not of a form that Helix knows" in caplog.text


def test_experts_that_lie_apart_are_stacked_as_the_layer_wants_them() -> None:
    from transformers import MixtralConfig

    sizes = {"hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": 64, "head_dim": 8}
    config = MixtralConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, num_local_experts=3)
    target = prepare(random_model(config), "tiny", torch.device("cpu"))
    layer: Any = random_model(config).model.layers[0]  # type: ignore[union-attr, index]
    fused = {f"layers.0.{name}": weight for name, weight in layer.state_dict().items()}
    fused |= {name: weight for name, weight in WEIGHTS.items() if not name.startswith("layers")}
    apart = {name: weight for name, weight in fused.items() if ".experts." not in name}
    for i in range(3):
        gate, up = fused["layers.0.mlp.experts.gate_up_proj"][i].chunk(2)
        down = fused["layers.0.mlp.experts.down_proj"][i]
        for part, weight in (("gate", gate), ("up", up), ("down", down)):
            apart[f"layers.0.mlp.experts.{i}.{part}_proj.weight"] = weight
    assert torch.allclose(_run(build_mtp(apart, target)), _run(build_mtp(fused, target)))
