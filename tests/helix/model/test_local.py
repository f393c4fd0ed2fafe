"""What lies on this machine is found, told apart and paired."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from helix.errors import ModelLoadError
from helix.model.local import download_model, fitting_pairs, list_local_models, read_model

COMMIT = "0123abcd" * 5


def _cache(cache_dir: Path, name: str, *, size: int, architecture: str = "LlamaForCausalLM", words: str = "ab") -> Path:
    """Lay a model of size² parameters out as huggingface_hub does."""
    repo = cache_dir / ("models--" + name.replace("/", "--"))
    folder = repo / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"architectures": [architecture]}), encoding="utf-8")
    vocabulary = {"model": {"vocab": {word: i for i, word in enumerate(words)}, "merges": []}, "added_tokens": []}
    (folder / "tokenizer.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    save_file({"weight": torch.zeros(size, size, dtype=torch.bfloat16)}, folder / "model.safetensors")
    return folder


def test_the_built_in_pair_is_there_and_fits(tmp_path: Path) -> None:
    models = list_local_models(tmp_path / "nothing")
    assert [model.name for model in models] == ["helix-demo", "helix-demo-draft"]
    assert models[0].num_parameters > 8_000_000 and models[0].dtype == "BF16"
    assert [(pair.target.name, pair.draft.name) for pair in fitting_pairs(models)] == [
        ("helix-demo", "helix-demo-draft")
    ]


def test_a_pair_needs_one_vocabulary_and_a_small_draft(tmp_path: Path) -> None:
    _cache(tmp_path, "maker/large", size=32)
    _cache(tmp_path, "maker/small", size=8)
    _cache(tmp_path, "maker/medium", size=28)
    _cache(tmp_path, "other/small", size=8, words="abc")
    models = list_local_models(tmp_path)
    assert [(model.name, model.num_parameters) for model in models[2:]] == [
        ("maker/large", 1024),
        ("maker/medium", 784),
        ("maker/small", 64),
        ("other/small", 64),
    ]
    assert [(pair.target.name, pair.draft.name) for pair in fitting_pairs(models[2:])] == [
        ("maker/large", "maker/small"),
        ("maker/medium", "maker/small"),
    ]


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "model.safetensors"])
def test_half_a_model_is_none(tmp_path: Path, missing: str) -> None:
    folder = _cache(tmp_path, "maker/large", size=4)
    assert read_model("maker/large", folder) is not None
    (folder / missing).unlink()
    assert read_model("maker/large", folder) is None


def test_broken_weights_and_encoders_are_left_out(tmp_path: Path) -> None:
    folder = _cache(tmp_path, "maker/broken", size=4)
    (folder / "model.safetensors").write_bytes(b"no tensors")
    _cache(tmp_path, "maker/encoder", size=4, architecture="BertForMaskedLM")
    assert [model.name for model in list_local_models(tmp_path)][2:] == []


def test_what_cannot_be_a_name_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"^a/b/c is no name of a model"):
        download_model("a/b/c", cache_dir=tmp_path)
