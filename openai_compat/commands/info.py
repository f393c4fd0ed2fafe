"""`helix info`: what this machine has and which kernels serve."""

from __future__ import annotations

import argparse

from openai_compat.version import package_version


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: nothing."""


def run(_: argparse.Namespace) -> int:
    """Print one line per fact."""
    from helix import describe_machine

    machine = describe_machine()
    memory = "unknown" if machine.memory_bytes is None else f"{machine.memory_bytes / 2**30:.1f} GiB"
    kernels = machine.kernels if machine.has_kernels else f"none, PyTorch's routes serve: {machine.kernels}"
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    rows = {
        "python": f"{machine.python}, {packages}",
        "devices": ", ".join(machine.devices) + " (the first one is what --device auto takes)",
        "processor": f"{machine.cpu}, {machine.num_cores} cores, {machine.capability}",
        "threads": f"{machine.num_threads} compute (--num-threads)",
        "memory": memory,
        "CPU kernels": kernels,
        "kernel cache": machine.kernel_cache,
        "model cache": machine.model_cache,
    }
    print(f"Helix {package_version()}")
    for name, text in rows.items():
        print(f"  {name:<13} {text}")
    return 0
