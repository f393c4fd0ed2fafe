"""Names become models, or a sentence that says why not."""

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.utils import logging as transformers_logging

from helix.config import ModelConfig
from helix.errors import ConfigError, ModelLoadError
from helix.model import loader
from helix.model.layout import check_matmul_precision
from helix.model.linear import PackedLinear
from helix.model.loader import NUM_LOADING_STAGES, LoadedModel, load_model, model_path, prepare, resolve_device
from helix.model.loading_bar import LoadingBar
from tests.models import random_model, tiny_llama


def _load(config: ModelConfig) -> LoadedModel:
    with LoadingBar(NUM_LOADING_STAGES) as bar:
        return load_model(config, bar)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tiny")
    tiny_llama(vocab_size=72).to(torch.bfloat16).save_pretrained(path)  # type: ignore[operator]
    return path


def test_a_folder_is_loaded_and_described(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    loaded = _load(ModelConfig(model=str(folder), device="cpu"))
    assert (loaded.name, loaded.architecture) == (str(folder), "LlamaForCausalLM")
    assert (loaded.vocab_size, loaded.max_model_len, loaded.device.type) == (72, 512, "cpu")
    assert loaded.num_parameters == sum(p.numel() for p in tiny_llama(vocab_size=72).parameters())
    assert [(layer.kv.num_kv_heads, layer.kv.key_dim) for layer in loaded.layers] == [(2, 8), (2, 8)]
    assert not loaded.module.training
    assert loaded.linear_route
    assert capfd.readouterr() == ("", ""), "transformers' own bar and warnings are not for users"


def test_bars_of_others_work_again_after_loading(folder: Path, tmp_path: Path) -> None:
    def hook(factory: Any, args: Any, kwargs: Any) -> Any:
        return factory(*args, **kwargs)

    outer = transformers_logging.set_tqdm_hook(hook)
    try:
        _load(ModelConfig(model=str(folder), device="cpu"))
        with pytest.raises(ModelLoadError):
            _load(ModelConfig(model=str(tmp_path), device="cpu"))
        assert transformers_logging.set_tqdm_hook(outer) is hook
    finally:
        transformers_logging.set_tqdm_hook(outer)


@pytest.mark.parametrize("dtype", ["float32", "float16", "auto"])
def test_the_number_format_is_the_operators_or_the_checkpoints(folder: Path, dtype: Any) -> None:
    expected = {"float32": torch.float32, "float16": torch.float16, "auto": torch.bfloat16}[dtype]
    lm_head = _load(ModelConfig(model=str(folder), device="cpu", dtype=dtype)).module.lm_head
    assert isinstance(lm_head, PackedLinear)
    assert lm_head.packed.dtype is expected


def test_inputs_are_rounded_if_asked_and_the_route_says_so(folder: Path) -> None:
    try:
        check_matmul_precision("bfloat16", torch.device("cpu"))
    except ConfigError as error:
        pytest.skip(str(error))
    loaded = _load(ModelConfig(model=str(folder), device="cpu", matmul_precision="bfloat16"))
    assert loaded.matmul_precision == "bfloat16"
    assert loaded.linear_route.endswith("inputs in bfloat16, bfloat16 weights")
    assert loaded.dtype is torch.float32
    assert loaded.fused is not None


def test_weights_are_quantised_at_load_and_the_route_says_so(folder: Path) -> None:
    loaded = _load(ModelConfig(model=str(folder), device="cpu", quantization="int8"))
    assert loaded.quantization == "int8"
    assert loaded.linear_route.endswith("int8 weights")
    assert loaded.dtype is torch.float32
    assert loaded.module.lm_head.packed.dtype is torch.int32  # type: ignore[union-attr]


def test_what_cannot_be_quantised_here_is_refused_before_anything_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "resolve_device", lambda device: torch.device("cuda"))
    with pytest.raises(ConfigError, match="works on the CPU only"):
        _load(ModelConfig(model="no/such-model", quantization="int4"))


@pytest.mark.parametrize("contents", [None, "{broken", '{"model_type": "nothing-like-it"}', '{"model_type": "llama"}'])
def test_what_cannot_be_loaded_is_named(tmp_path: Path, contents: str | None) -> None:
    """The last one has a config and no weights."""
    if contents is not None:
        (tmp_path / "config.json").write_text(contents, encoding="utf-8")
    with pytest.raises(ModelLoadError) as caught:
        _load(ModelConfig(model=str(tmp_path), device="cpu"))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_names_of_the_built_in_pair_are_folders_and_other_names_stay() -> None:
    assert (Path(model_path("helix-demo")) / "config.json").is_file()
    assert (Path(model_path("helix-demo-draft")) / "config.json").is_file()
    assert model_path("helix-demo") != model_path("helix-demo-draft")
    assert model_path("org/model") == "org/model"


@pytest.mark.parametrize("name", ["/nothing/here", "./nothing", "../nothing", "~/nothing-here"])
def test_a_path_that_leads_nowhere_is_not_asked_of_the_hub(name: str) -> None:
    with pytest.raises(ModelLoadError, match=r"there is no folder .*nothing"):
        model_path(name)


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_path("~/model") == str(tmp_path / "model")


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("toaster", "unknown device 'toaster'"),
        ("meta", "device meta is not available here; there is .*cpu"),
        ("xpu:99x", "unknown device"),
    ],
)
def test_a_device_that_is_not_there_is_a_setting_at_fault(device: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resolve_device(device)


def test_the_cpu_is_always_there() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cuda", "mps", "xpu", "cpu", "privateuseone")


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        ({"rope_type": "default", "rope_theta": 1e4}, 512),
        ({"rope_type": "linear", "factor": 4.0, "rope_theta": 1e4}, 512),
        ({"rope_type": "dynamic", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 128}, 128),
        (
            {
                "rope_type": "longrope",
                "short_factor": [1.0] * 4,
                "long_factor": [2.0] * 4,
                "rope_theta": 1e4,
                "original_max_position_embeddings": 64,
            },
            64,
        ),
    ],
)
def test_positions_that_depend_on_the_batch_end_the_context(rope: dict[str, Any], expected: int) -> None:
    config = LlamaConfig(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=4,
        head_dim=8,
        max_position_embeddings=512,
        rope_parameters=rope,
    )
    assert prepare(random_model(config), "roped", torch.device("cpu")).max_model_len == expected


class Bomb:
    """What a pickle file can be: a program that runs when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.fixture
def pickled(folder: Path, tmp_path: Path) -> Path:
    """The model with its weights in a pickle file alone."""
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    torch.save(tiny_llama(vocab_size=72).to(torch.bfloat16).state_dict(), tmp_path / "pytorch_model.bin")
    return tmp_path


def test_pickled_weights_are_read_only_where_the_operator_says_so(pickled: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"no weights in safetensors.*--allow-pickle"):
        _load(ModelConfig(model=str(pickled), device="cpu"))
    assert _load(ModelConfig(model=str(pickled), device="cpu", allow_pickle=True)).vocab_size == 72


def test_a_program_in_a_pickle_file_is_not_run(pickled: Path) -> None:
    ran = pickled / "ran"
    torch.save({"model.norm.weight": Bomb(ran)}, pickled / "pytorch_model.bin")
    for allow in (False, True):
        with pytest.raises(ModelLoadError):
            _load(ModelConfig(model=str(pickled), device="cpu", allow_pickle=allow))
    assert not ran.exists()


def test_code_that_comes_with_a_model_is_not_run(folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "model_type": "unheard_of",
        "auto_map": {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "evil.py").write_text(f"open({str(ran)!r}, 'w')\n")
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(ModelLoadError):
        _load(ModelConfig(model=str(tmp_path), device="cpu"))
    assert not ran.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell a peak of memory")
def test_loading_takes_little_more_memory_than_the_packed_weights(folder: Path, tmp_path: Path) -> None:
    """A checkpoint that is read as a whole before it is packed would take three times as much."""
    config = LlamaConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=2, num_attention_heads=16, vocab_size=72
    )
    model: Any = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(tmp_path)
    del model
    _load(ModelConfig(model=str(folder), device="cpu", quantization="int4"))  # what is imported and compiled once
    peaks = []
    for _ in range(3):  # pages that the system maps ahead, and other threads, only add
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak is now what there is
        before = _memory_bytes("VmHWM")
        loaded = _load(ModelConfig(model=str(tmp_path), device="cpu", quantization="int4"))
        peaks.append(_memory_bytes("VmHWM") - before)
        packed = sum(m.packed.nbytes for m in loaded.module.modules() if isinstance(m, PackedLinear))
        del loaded
        gc.collect()
    assert min(peaks) < 1.3 * packed + 2**24
    assert 1.3 * packed + 2**24 < (tmp_path / "model.safetensors").stat().st_size * 0.7, "nothing was tried"


def _memory_bytes(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))
