"""The models that lie on this machine, which of them fit together, and fetching one more."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open

from helix.config import DEMO_DRAFT_MODEL, DEMO_MODEL
from helix.errors import ModelLoadError
from helix.model.siblings import MAX_SIZE_RATIO

_FETCHED = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.jinja", "*.model", "*.txt")
"""What a model is served from: weights that are only numbers, configuration and tokenizer."""


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model that can be loaded without a download."""

    name: str
    path: Path
    architecture: str
    num_parameters: int
    dtype: str
    """Number format of most weights, as safetensors names it: BF16, F16, F32 ..."""
    num_bytes: int
    vocabulary: str
    """Equal for tokenizers that give every text the same ids."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A target, and a draft model small enough to be worth its time."""

    target: LocalModel
    draft: LocalModel


def list_local_models(cache_dir: Path | None = None) -> list[LocalModel]:
    """Return the built-in pair and the decoder models in the hub's cache that are whole.

    Args:
        cache_dir: None: where huggingface_hub keeps it.
    """
    from huggingface_hub import CacheNotFound, scan_cache_dir

    from helix.demo import DRAFT_DIR, TARGET_DIR

    folders = [(DEMO_MODEL, TARGET_DIR), (DEMO_DRAFT_MODEL, DRAFT_DIR)]
    try:
        repos = sorted(scan_cache_dir(cache_dir).repos, key=lambda repo: repo.repo_id)
    except CacheNotFound:
        repos = []
    for repo in repos:
        if repo.repo_type == "model" and repo.revisions:
            newest = max(repo.revisions, key=lambda revision: revision.last_modified)
            folders.append((repo.repo_id, newest.snapshot_path))
    return [model for name, folder in folders if (model := read_model(name, folder)) is not None]


def read_model(name: str, folder: Path) -> LocalModel | None:
    """Return what a folder's files say of its model; None where it has none that can be loaded."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        num_weights: Counter[str] = Counter()
        for shard in sorted(folder.glob("*.safetensors")):
            with safe_open(shard, framework="numpy") as weights:
                for key in weights.keys():  # noqa: SIM118 - a safetensors file is no mapping
                    part = weights.get_slice(key)
                    num_weights[part.get_dtype()] += math.prod(part.get_shape())
        vocabulary = _vocabulary(folder / "tokenizer.json")
    except (OSError, ValueError, KeyError, SafetensorError):
        return None
    architecture = (config.get("architectures") or ["?"])[0]
    if not num_weights or not _is_decoder(architecture):
        return None
    return LocalModel(
        name=name,
        path=folder,
        architecture=architecture,
        num_parameters=num_weights.total(),
        dtype=num_weights.most_common(1)[0][0],
        num_bytes=sum(shard.stat().st_size for shard in folder.glob("*.safetensors")),
        vocabulary=vocabulary,
    )


def fitting_pairs(models: list[LocalModel]) -> list[Pair]:
    """Return each target with each draft of the same vocabulary and at most MAX_SIZE_RATIO of its size."""
    return [
        Pair(target, draft)
        for target in models
        for draft in sorted(models, key=lambda model: model.num_parameters)
        if draft.vocabulary == target.vocabulary and draft.num_parameters <= MAX_SIZE_RATIO * target.num_parameters
    ]


def download_model(name: str, *, revision: str | None = None, cache_dir: Path | None = None) -> Path:
    """Fetch a model from the Hugging Face hub into its cache, with a progress bar; what is there is not fetched again.

    Raises:
        ModelLoadError: There is no such model, it may not be fetched, or the hub cannot be reached.
    """
    import httpx
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, cache_dir=cache_dir, allow_patterns=list(_FETCHED)))
    except GatedRepoError:
        reason = f"{name} asks for its licence to be accepted: do so on its page, then set HF_TOKEN"
    except RepositoryNotFoundError:
        reason = f"the hub has no model {name}, or it is private and HF_TOKEN is not set"
    except RevisionNotFoundError:
        reason = f"{name} has no revision {revision}"
    except HFValidationError:
        reason = f"{name} is no name of a model; names look like Qwen/Qwen3-0.6B"
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx.HTTPError, OSError) as error:
        reason = f"{name} cannot be fetched: {str(error).strip().splitlines()[0]}"
    raise ModelLoadError(reason)


def _is_decoder(architecture: str) -> bool:
    return architecture.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"))


def _vocabulary(path: Path) -> str:
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    added = {token["content"]: token["id"] for token in tokenizer.get("added_tokens") or ()}
    parts = (tokenizer["model"]["vocab"], added, tokenizer["model"].get("merges"))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
