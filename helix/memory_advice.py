"""What an operator is told when memory ends while a model is loaded: what there is, and what would fit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from helix.config import KVCacheDtype, ModelConfig
from helix.errors import ConfigError, ModelLoadError
from helix.recovery import is_out_of_memory, release_memory

_GIB = 2**30
_SMALLER = {"dtype bfloat16": 2.0, "quantization int8": 1.0, "quantization int4": 0.6}
"""Bytes per weight, roughly, of settings that take less."""


@contextmanager
def weights_that_fit(config: ModelConfig, path: str) -> Iterator[None]:
    """Turn an end of memory into a ModelLoadError that names settings which take less.

    path is the checkpoint's folder, or a name where its size is not known.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        release_memory()
        raise ModelLoadError(_about_weights(config, path)) from error


@contextmanager
def blocks_that_fit(
    num_blocks: int, bytes_per_block: int, device: torch.device, *, kv_cache_dtype: KVCacheDtype = "auto"
) -> Iterator[None]:
    """Turn an end of memory into a ConfigError that says how many blocks of the KV cache there is room for.

    On a CPU it is raised ahead: there a cache takes its memory as it fills, when it would be too late.
    """
    free = free_bytes(device)
    if device.type == "cpu" and free is not None and num_blocks * bytes_per_block > free:
        raise ConfigError(_about_blocks(num_blocks, bytes_per_block, free, kv_cache_dtype))
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        release_memory()
        raise ConfigError(_about_blocks(num_blocks, bytes_per_block, free_bytes(device), kv_cache_dtype)) from error


def free_bytes(device: torch.device) -> int | None:
    """Return the memory of a device that could be had now; None where nobody knows."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = next((line.split()[1] for line in lines if line.startswith("MemAvailable:")), None)
    return None if kib is None else int(kib) * 1024


def _about_weights(config: ModelConfig, path: str) -> str:
    """Say what is too large, what there is, and what takes less than the settings at hand."""
    size = sum(file.stat().st_size for file in Path(path).glob("*.safetensors")) if Path(path).is_dir() else 0
    text = f"{config.model} does not fit the memory"
    if size:
        text += f": its weights take {size / _GIB:.1f} GiB as they are stored"
    if config.device in ("auto", "cpu") and (free := free_bytes(torch.device("cpu"))) is not None:
        text += f"{' and' if size else ':'} {free / _GIB:.1f} GiB are free"
    used = {"int8": 1.0, "int4": 0.6}.get(config.quantization, 4.0 if config.dtype in ("auto", "float32") else 2.0)
    smaller = [name for name, num_bytes in _SMALLER.items() if num_bytes < used]
    if config.device not in ("auto", "cpu"):  # which alone can quantise
        smaller = [name for name in smaller if not name.startswith("quantization")]
    return text + f"; take {', '.join([*smaller, 'a smaller model'])}"


def _about_blocks(num_blocks: int, bytes_per_block: int, free: int | None, kv_cache_dtype: KVCacheDtype) -> str:
    """Say what is asked for, what there is, and what would fit."""
    asked = f"{num_blocks} blocks of the KV cache take {num_blocks * bytes_per_block / _GIB:.1f} GiB"
    smaller = "" if kv_cache_dtype == "int8" else ", or take kv_cache_dtype int8"
    if free is None:
        return f"{asked}, which this machine has not; lower num_blocks or kv_memory_gib{smaller}"
    return (
        f"{asked} and {free / _GIB:.1f} GiB are free; lower num_blocks to {free // bytes_per_block} or less, or "
        f"kv_memory_gib to {max(free / _GIB - 0.1, 0.1):.1f} or less{smaller}"
    )
