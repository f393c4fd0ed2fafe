"""What this machine is and has, as far as serving a model goes."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from helix.kernels.build import DEFAULT_CACHE_DIR, KernelBuildError
from helix.kernels.linear import load_linear_kernel
from helix.model.loader import resolve_device


@dataclass(frozen=True, slots=True)
class MachineInfo:
    """What `helix info` shows."""

    python: str
    packages: dict[str, str]
    """Versions of what arithmetic depends on."""
    cpu: str
    num_cores: int
    """Cores that this process may use."""
    num_threads: int
    """Threads that PyTorch computes with unless num_threads says otherwise."""
    capability: str
    """Widest vectors that PyTorch's own CPU code uses."""
    memory_bytes: int | None
    devices: tuple[str, ...]
    """What a model can run on, the one that auto takes first."""
    kernels: str
    """Which of Helix's CPU kernels serve, or why none does."""
    has_kernels: bool
    kernel_cache: str
    model_cache: str
    """Where models of the hub are kept."""


def describe_machine() -> MachineInfo:
    """Look at this machine; kernels that were never compiled here are compiled now, which takes some seconds."""
    from huggingface_hub.constants import HF_HUB_CACHE

    try:
        kernels, has_kernels = load_linear_kernel().variant, True
    except KernelBuildError as error:
        kernels, has_kernels = str(error), False
    return MachineInfo(
        python=platform.python_version(),
        packages={name: version(name) for name in ("torch", "transformers")},
        cpu=_cpu_name(),
        num_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        num_threads=torch.get_num_threads(),
        capability=torch.backends.cpu.get_cpu_capability(),
        memory_bytes=_memory_bytes(),
        devices=_devices(),
        kernels=kernels,
        has_kernels=has_kernels,
        kernel_cache=str(DEFAULT_CACHE_DIR),
        model_cache=HF_HUB_CACHE,
    )


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def _devices() -> tuple[str, ...]:
    first = resolve_device("auto")
    if first.type == "cuda":
        names = [
            f"cuda:{i} ({torch.cuda.get_device_name(i)}, {torch.cuda.get_device_properties(i).total_memory >> 30} GiB)"
            for i in range(torch.cuda.device_count())
        ]
        return (*names, "cpu")
    return ("cpu",) if first.type == "cpu" else (str(first), "cpu")
