"""Small models of the same family that could draft for a model, where this machine has one; nothing is downloaded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_SIZE_RATIO = 0.3
"""A draft of more than about a quarter of the target's parameters costs more than it saves."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """A model that lies on this machine."""

    name: str
    """On the Hugging Face hub."""
    num_parameters: int
    path: str
    """Its folder."""


def find_siblings(model: str, *, cache_dir: str | Path | None = None) -> list[Sibling]:
    """Return the known siblings of a model that are here whole, the one most like it first, then the smallest.

    They are looked for beside the model's folder, if it is one, and in the hub's cache.

    Args:
        model: Name on the hub or a folder; its last part tells the family.
        cache_dir: The hub's cache; None: where huggingface_hub keeps it.
    """
    known = _siblings_of(Path(model).name)
    found = ((name, num_parameters, _folder(name, model, cache_dir)) for name, num_parameters in known)
    return [Sibling(name, num_parameters, str(path)) for name, num_parameters, path in found if path is not None]


def small_enough(siblings: Sequence[Sibling], num_parameters: int) -> Sibling | None:
    """Return the first sibling that is small beside a target of so many parameters."""
    limit = MAX_SIZE_RATIO * num_parameters
    return next((sibling for sibling in siblings if sibling.num_parameters <= limit), None)


def _siblings_of(name: str) -> list[tuple[str, int]]:
    """Return names and sizes, those of the same flavour (instruct or base, say) first."""
    for pattern, siblings in _FAMILIES:
        if re.match(pattern, name, re.IGNORECASE):
            own = _words(name)
            return sorted(
                ((sibling, round(size * 1e6)) for sibling, size in siblings.items() if Path(sibling).name != name),
                key=lambda pair: len(own ^ _words(Path(pair[0]).name)),
            )
    return []


def _words(name: str) -> set[str]:
    """Return the parts of a name that are not sizes."""
    return {word for word in name.lower().split("-") if not re.fullmatch(r"[\d.]+[bm]", word)}


def _folder(name: str, model: str, cache_dir: str | Path | None) -> Path | None:
    """Return the folder that holds a whole model, or None."""
    return next((folder for folder in _places(name, model, cache_dir) if _is_whole(folder)), None)


def _places(name: str, model: str, cache_dir: str | Path | None) -> Iterator[Path]:
    """Yield the folders where a model of the hub may be."""
    from huggingface_hub import try_to_load_from_cache

    target = Path(model).expanduser()
    if target.is_dir():
        yield target.resolve().parent / Path(name).name
    config = try_to_load_from_cache(name, "config.json", cache_dir=cache_dir)
    if isinstance(config, str):
        yield Path(config).parent


def _is_whole(folder: Path) -> bool:
    """Return whether a folder has a configuration and all the weights, in files that are only numbers."""
    if not (folder / "config.json").is_file():
        return False
    if (folder / "model.safetensors").is_file():
        return True
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return False
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return all((folder / shard).is_file() for shard in shards)


_FAMILIES: tuple[tuple[str, dict[str, float]], ...] = (
    (
        r"Qwen3-(Coder-)?\d",
        {"Qwen/Qwen3-0.6B": 596, "Qwen/Qwen3-0.6B-Base": 596, "Qwen/Qwen3-1.7B": 1721, "Qwen/Qwen3-1.7B-Base": 1721},
    ),
    (
        r"Qwen2\.5-Coder-\d",
        {
            "Qwen/Qwen2.5-Coder-0.5B-Instruct": 494,
            "Qwen/Qwen2.5-Coder-0.5B": 494,
            "Qwen/Qwen2.5-Coder-1.5B-Instruct": 1544,
            "Qwen/Qwen2.5-Coder-1.5B": 1544,
        },
    ),
    (r"Qwen2\.5-Math-\d", {"Qwen/Qwen2.5-Math-1.5B-Instruct": 1544, "Qwen/Qwen2.5-Math-1.5B": 1544}),
    (
        r"Qwen2\.5-\d|QwQ-",
        {
            "Qwen/Qwen2.5-0.5B-Instruct": 494,
            "Qwen/Qwen2.5-0.5B": 494,
            "Qwen/Qwen2.5-1.5B-Instruct": 1544,
            "Qwen/Qwen2.5-1.5B": 1544,
        },
    ),
    (r"Qwen2-\d", {"Qwen/Qwen2-0.5B-Instruct": 494, "Qwen/Qwen2-0.5B": 494}),
    (r"Qwen1\.5-\d", {"Qwen/Qwen1.5-0.5B-Chat": 464, "Qwen/Qwen1.5-0.5B": 464}),
    (r"DeepSeek-R1-Distill-Qwen-\d", {"deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B": 1777}),
    (
        r"DeepSeek-R1-Distill-Llama-\d",
        {"meta-llama/Llama-3.2-1B-Instruct": 1236, "deepseek-ai/DeepSeek-R1-Distill-Llama-8B": 8030},
    ),
    (
        r"(Meta-)?Llama-3(\.\d)?-\d",
        {
            "meta-llama/Llama-3.2-1B-Instruct": 1236,
            "meta-llama/Llama-3.2-1B": 1236,
            "unsloth/Llama-3.2-1B-Instruct": 1236,
            "unsloth/Llama-3.2-1B": 1236,
        },
    ),
    (r"Llama-2-\d", {"TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1100}),
    (
        r"SmolLM2-\d",
        {
            "HuggingFaceTB/SmolLM2-135M-Instruct": 135,
            "HuggingFaceTB/SmolLM2-135M": 135,
            "HuggingFaceTB/SmolLM2-360M-Instruct": 362,
            "HuggingFaceTB/SmolLM2-360M": 362,
        },
    ),
    (r"SmolLM-\d", {"HuggingFaceTB/SmolLM-135M-Instruct": 135, "HuggingFaceTB/SmolLM-135M": 135}),
    (
        r"gemma-3-\d",
        {
            "google/gemma-3-270m-it": 268,
            "google/gemma-3-270m": 268,
            "google/gemma-3-1b-it": 1000,
            "google/gemma-3-1b-pt": 1000,
        },
    ),
    (r"gemma-2-\d", {"google/gemma-2-2b-it": 2614, "google/gemma-2-2b": 2614}),
    (r"OLMo-2-\d", {"allenai/OLMo-2-0425-1B-Instruct": 1485, "allenai/OLMo-2-0425-1B": 1485}),
    (
        r"granite-3\.\d-\d",
        {"ibm-granite/granite-3.1-1b-a400m-instruct": 1335, "ibm-granite/granite-3.1-1b-a400m-base": 1335},
    ),
    (r"Falcon3-\d", {"tiiuae/Falcon3-1B-Instruct": 1669, "tiiuae/Falcon3-1B-Base": 1669}),
    (r"pythia-\d", {"EleutherAI/pythia-70m-deduped": 70, "EleutherAI/pythia-70m": 70, "EleutherAI/pythia-160m": 162}),
    (r"gpt2-(medium|large|xl)", {"distilbert/distilgpt2": 82, "openai-community/gpt2": 124}),
    (r"opt-\d", {"facebook/opt-125m": 125}),
)
"""Names of targets, and the family's small models on the hub with millions of parameters, the smallest first."""
