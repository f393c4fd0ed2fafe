"""Tables for people, JSON on the last line for programs, and the facts without which figures mean nothing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.workloads import Prompt
from helix import LLMEngine

_BANDWIDTH_PROBE_BYTES = 2**28


def describe(engine: LLMEngine, prompts: Sequence[Prompt], *, batch: str) -> dict[str, Any]:
    """Return hardware, model, number format, threads, batch, prompt length and commit."""
    info = engine.info
    lens = sorted(len(prompt.token_ids) for prompt in prompts)
    return {
        "hardware": hardware(),
        "model": f"{Path(info.model).name} ({info.num_parameters / 1e6:,.1f} M parameters)",
        "draft": Path(info.draft_model).name if info.draft_model else None,
        "dtype": info.dtype,
        "linear_route": info.linear_route,
        "threads": torch.get_num_threads(),
        "batch": batch,
        "prompt_len": f"{lens[0]} to {lens[-1]}, median {lens[len(lens) // 2]}",
        "torch": torch.__version__,
        "commit": commit(),
    }


def headline(description: dict[str, Any]) -> str:
    """Return the description in one line."""
    d = description
    return (
        f"{d['hardware']}; model {d['model']}, draft {d['draft']}, {d['dtype']}, {d['threads']} threads, batch "
        f"{d['batch']}, prompts of {d['prompt_len']} tokens, torch {d['torch']}, commit {d['commit']}\n"
        f"linear layers: {d['linear_route']}"
    )


def hardware() -> str:
    """Return processor, vector units and memory bandwidth as measured now, or the accelerator's name."""
    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    return (
        f"{os.cpu_count()} x {_processor()} ({torch.backends.cpu.get_cpu_capability()}, "
        f"{read_bandwidth() / 1e9:.0f} GB/s read by {torch.get_num_threads()} threads)"
    )


def read_bandwidth() -> float:
    """Return bytes per second of summing a tensor larger than any cache; median of five."""
    data = torch.ones(_BANDWIDTH_PROBE_BYTES // 4)
    times = []
    for _ in range(6):
        start = time.perf_counter()
        data.sum()
        times.append(time.perf_counter() - start)
    return _BANDWIDTH_PROBE_BYTES / median(times[1:])


def commit() -> str:
    """Return the abbreviated commit, marked when tracked files differ from it."""
    git = ["git", "-C", str(Path(__file__).parent)]
    try:
        name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True).stdout
        changed = subprocess.run(
            [*git, "diff", "--quiet", "HEAD", "--", "../helix"], capture_output=True, check=False
        ).returncode
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.strip() + ("+changes" if changed else "")


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table with aligned columns; the first column to the left, the others to the right."""
    cells = [[str(cell) for cell in row] for row in (headers, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(headers))]
    lines = []
    for row in cells:
        padded = [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("| " + " | ".join(padded) + " |")
    marks = ["-" * width if i == 0 else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    return "\n".join([lines[0], "| " + " | ".join(marks) + " |", *lines[1:]])


def number(value: float | None, digits: int = 2) -> str:
    """Return a figure for a table; a dash where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """Return a share for a table; a dash where there is none."""
    return "-" if value is None else f"{value:.0%}"


def print_json(document: dict[str, Any]) -> None:
    """Print the document on one line; nothing may be printed behind it."""
    print(json.dumps(document, separators=(",", ":")), flush=True)


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
