"""Which small model of a family drafts for a large one, among those that are here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helix.model.siblings import Sibling, find_siblings, small_enough


def _put(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or ("config.json", "model.safetensors"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def _cache(cache_dir: Path, name: str, *names: str) -> Path:
    """Lay a model out as huggingface_hub does."""
    repo = cache_dir / ("models--" + name.replace("/", "--"))
    _put(repo / "refs")
    (repo / "refs" / "main").write_text("0123abcd", encoding="utf-8")
    return _put(repo / "snapshots" / "0123abcd", *names)


def _names(model: str, cache_dir: Path) -> list[str]:
    return [sibling.name for sibling in find_siblings(model, cache_dir=cache_dir)]


def test_a_cached_sibling_is_found_where_it_lies(tmp_path: Path) -> None:
    assert find_siblings("Qwen/Qwen3-8B", cache_dir=tmp_path) == []
    folder = _cache(tmp_path, "Qwen/Qwen3-0.6B")
    assert find_siblings("Qwen/Qwen3-8B", cache_dir=tmp_path) == [Sibling("Qwen/Qwen3-0.6B", 596_000_000, str(folder))]


def test_a_sibling_beside_the_models_folder_is_found(tmp_path: Path) -> None:
    target = _put(tmp_path / "models" / "SmolLM2-1.7B-Instruct")
    folder = _put(tmp_path / "models" / "SmolLM2-135M-Instruct")
    for model in (str(target), f"{target}/", str(target / ".." / target.name)):
        (sibling,) = find_siblings(model, cache_dir=tmp_path)
        assert Path(sibling.path) == folder
    assert _names("HuggingFaceTB/SmolLM2-1.7B-Instruct", tmp_path) == [], "only a folder has folders beside it"


def test_the_same_flavour_goes_first_and_then_the_smallest(tmp_path: Path) -> None:
    for size in ("0.5B", "1.5B"):
        for flavour in ("", "-Instruct"):
            _cache(tmp_path, f"Qwen/Qwen2.5-{size}{flavour}")
    base = ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-1.5B"]
    instruct = [f"{name}-Instruct" for name in base]
    assert _names("Qwen/Qwen2.5-7B-Instruct", tmp_path) == instruct + base
    assert _names("someone/qwen2.5-14b-instruct-awq", tmp_path) == instruct + base
    assert _names("Qwen/Qwen2.5-7B", tmp_path) == base + instruct
    assert _names("Qwen/Qwen2.5-Coder-7B-Instruct", tmp_path) == [], "another family"


@pytest.mark.parametrize(
    ("model", "sibling"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.2-1B-Instruct"),
        ("meta-llama/Llama-3.3-70B-Instruct", "unsloth/Llama-3.2-1B-Instruct"),
        ("meta-llama/Meta-Llama-3-8B", "meta-llama/Llama-3.2-1B"),
        ("google/gemma-3-27b-it", "google/gemma-3-270m-it"),
        ("google/gemma-3-12b-it", "google/gemma-3-1b-it"),
        ("allenai/OLMo-2-1124-7B-Instruct", "allenai/OLMo-2-0425-1B-Instruct"),
        ("ibm-granite/granite-3.3-8b-instruct", "ibm-granite/granite-3.1-1b-a400m-instruct"),
        ("Qwen/Qwen3-30B-A3B", "Qwen/Qwen3-0.6B"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"),
        ("openai-community/gpt2-xl", "openai-community/gpt2"),
    ],
)
def test_families_are_told_by_their_names(tmp_path: Path, model: str, sibling: str) -> None:
    _cache(tmp_path, sibling)
    assert _names(model, tmp_path) == [sibling]


@pytest.mark.parametrize("model", ["helix-demo", "mistralai/Mistral-7B-v0.1", "Qwen/Qwen3-VL-8B", "/nowhere/at/all"])
def test_nothing_is_guessed_for_families_that_are_not_known(tmp_path: Path, model: str) -> None:
    for name in ("Qwen/Qwen3-0.6B", "meta-llama/Llama-3.2-1B"):
        _cache(tmp_path, name)
    assert _names(model, tmp_path) == []


def test_half_a_download_is_not_a_model(tmp_path: Path) -> None:
    """Loading it would fail, or ask the hub for the rest."""
    name, index = "Qwen/Qwen3-0.6B", "model.safetensors.index.json"
    for files in (["tokenizer.json"], ["config.json"], ["model.safetensors"]):
        _cache(tmp_path / files[0], name, *files)
        assert _names("Qwen/Qwen3-8B", tmp_path / files[0]) == []
    folder = _cache(tmp_path, name, "config.json", "a.safetensors")
    shards = {"weight_map": {"one": "a.safetensors", "two": "b.safetensors"}}
    (folder / index).write_text(json.dumps(shards), encoding="utf-8")
    assert _names("Qwen/Qwen3-8B", tmp_path) == []
    _put(folder, "b.safetensors")
    assert _names("Qwen/Qwen3-8B", tmp_path) == [name]


def test_a_model_does_not_draft_for_itself(tmp_path: Path) -> None:
    _cache(tmp_path, "Qwen/Qwen3-0.6B")
    assert _names("Qwen/Qwen3-0.6B", tmp_path) == []


def test_a_draft_has_about_a_quarter_of_the_targets_size_at_most() -> None:
    large, small = Sibling("large", 300, ""), Sibling("small", 100, "")
    for num_parameters, sibling in ((1000, large), (999, small), (334, small), (333, None)):
        assert small_enough([large, small], num_parameters) is sibling
