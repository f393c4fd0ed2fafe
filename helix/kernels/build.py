"""Compiles the kernels for this CPU, once, into a folder of the user's."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from helix.errors import HelixError

_SOURCES = Path(__file__).parent / "csrc"
_LOGGER = logging.getLogger(__name__)
_TIMEOUT_S = 300.0

DEFAULT_CACHE_DIR = Path.home() / ".cache" / "helix" / "kernels"
DEFAULT_COMPILERS = ("c++", "g++", "clang++")


class KernelBuildError(HelixError):
    """The kernels cannot be compiled or loaded here; the library routes serve instead."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One set of vector instructions to compile for."""

    name: str
    flags: tuple[str, ...]
    needs: tuple[str, ...]
    """Capabilities of the CPU, as `torch.cpu.get_capabilities` names them."""

    @property
    def namespace(self) -> str:
        """Where torch finds the operators of this variant."""
        return f"helix_{self.name}"


_AVX2_FLAGS = ("-mavx2", "-mfma", "-mf16c")
_AVX2_NEEDS = ("avx2", "fma3", "f16c")
_AVX512_FLAGS = (*_AVX2_FLAGS, "-mavx512f", "-mavx512vl", "-mavx512bw")
_AVX512_NEEDS = (*_AVX2_NEEDS, "avx512_f", "avx512_vl", "avx512_bw")
_VNNI_FLAGS = (*_AVX512_FLAGS, "-mavx512vnni")
_VNNI_NEEDS = (*_AVX512_NEEDS, "avx512_vnni")
VARIANTS = (
    Variant("avx512bf16", (*_VNNI_FLAGS, "-mavx512bf16"), (*_VNNI_NEEDS, "avx512_bf16")),
    Variant("avx512vnni", _VNNI_FLAGS, _VNNI_NEEDS),
    Variant("avx512", _AVX512_FLAGS, _AVX512_NEEDS),
    Variant("avx2", _AVX2_FLAGS, _AVX2_NEEDS),
    Variant("portable", (), ()),
)
"""Best first."""


def supported_variants() -> list[Variant]:
    """Variants whose instructions this CPU has, best first.

    ATEN_CPU_CAPABILITY, PyTorch's own variable, limits them as it limits PyTorch: with `avx2` there is no variant of
    AVX-512, with `default` only the portable one.
    """
    has = torch.cpu.get_capabilities()
    limit = torch.backends.cpu.get_cpu_capability()
    return [
        variant
        for variant in VARIANTS
        if all(has.get(name) for name in variant.needs)
        and not (limit == "DEFAULT" and variant.needs)
        and not (limit == "AVX2" and "avx512_f" in variant.needs)
    ]


def find_compiler(candidates: tuple[str, ...] = DEFAULT_COMPILERS) -> str:
    """Path of the first C++ compiler found.

    Raises:
        KernelBuildError: There is none, or this system's extensions are not built by one.
    """
    if platform.system() not in ("Linux", "Darwin"):
        raise KernelBuildError(f"kernels are not built on {platform.system()}")
    for candidate in candidates:
        if path := shutil.which(candidate):
            return path
    raise KernelBuildError(f"no C++ compiler found (looked for {', '.join(candidates)})")


def build(variant: Variant, *, cache_dir: Path = DEFAULT_CACHE_DIR, compilers: tuple[str, ...] | None = None) -> Path:
    """Return the shared library of a variant, compiling it when this machine has not done so yet.

    The file is named after everything that enters it (source, flags, compiler, torch), so a stale one is never
    found. Processes that build at the same time do the work twice and agree on the result.

    Raises:
        KernelBuildError: There is no compiler, or it fails.
    """
    compiler = find_compiler(compilers or DEFAULT_COMPILERS)
    compile_command, link_options = _command(compiler, variant)
    library = cache_dir / f"{variant.namespace}-{_fingerprint([*compile_command, *link_options])}.so"
    if library.exists():
        return library
    _LOGGER.info("Compiling Helix's kernels for %s; this happens once and takes some seconds.", variant.name)
    started_s = time.monotonic()
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir) as scratch:
            sources = sorted(_SOURCES.glob("*.cpp"))
            objects = [str(Path(scratch) / f"{source.stem}.o") for source in sources]
            with ThreadPoolExecutor(os.cpu_count()) as executor:
                commands = [
                    [*compile_command, "-c", str(source), "-o", to] for source, to in zip(sources, objects, strict=True)
                ]
                list(executor.map(_run, commands))
            unfinished = Path(scratch) / library.name
            _run([compiler, "-shared", *objects, "-o", str(unfinished), *link_options])
            os.replace(unfinished, library)
    except OSError as error:
        raise KernelBuildError(f"kernels cannot be stored in {cache_dir}: {error}") from error
    _LOGGER.info("Compiled Helix's kernels in %.1f s.", time.monotonic() - started_s)
    return library


def _command(compiler: str, variant: Variant) -> tuple[list[str], list[str]]:
    """How to compile one file, and the options to link all of them."""
    torch_dir = Path(torch.__file__).parent
    compile_command = [
        compiler, "-O3", "-std=c++20", "-fPIC", "-pthread", *variant.flags,
        f"-DHELIX_NAMESPACE={variant.namespace}", f"-I{torch_dir / 'include'}",
    ]  # fmt: skip
    system = ["-undefined", "dynamic_lookup"] if platform.system() == "Darwin" else []
    return compile_command, ["-pthread", f"-L{torch_dir / 'lib'}", "-ltorch_cpu", *system]


def _fingerprint(command: list[str]) -> str:
    digest = hashlib.sha256(torch.__version__.encode())
    for word in command:
        digest.update(word.encode() + b"\0")
    for source in sorted((*_SOURCES.glob("*.h"), *_SOURCES.glob("*.cpp"))):
        digest.update(source.read_bytes())
    compiler = Path(command[0]).resolve().stat()
    digest.update(f"{compiler.st_size} {compiler.st_mtime_ns} {platform.machine()}".encode())
    return digest.hexdigest()[:16]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise KernelBuildError(f"{command[0]} did not finish within {_TIMEOUT_S:.0f} s") from error
    if done.returncode:
        lines = (
            [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["no output"]
        )
        raise KernelBuildError(f"{command[0]} failed: {lines[0].strip()}")
