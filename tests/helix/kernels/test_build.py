from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest
import torch

from helix.kernels.build import VARIANTS, KernelBuildError, build, find_compiler, supported_variants

PORTABLE = next(variant for variant in VARIANTS if variant.name == "portable")


def fake_compiler(folder: Path, body: str) -> tuple[str]:
    path = folder / "compiler"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return (str(path),)


WRITES_ITS_OUTPUT = 'while [ "$1" != -o ]; do shift; done; echo built > "$2"'


def test_every_cpu_has_a_variant() -> None:
    assert supported_variants()[-1] is PORTABLE


def test_pytorchs_own_variable_limits_the_variants(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a CPU without AVX-512, or without any vectors, would: so that each can be tested on all."""
    everything = {name: True for variant in VARIANTS for name in variant.needs}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: everything)
    for limit, first in (("AVX512", "avx512bf16"), ("AVX2", "avx2"), ("DEFAULT", "portable")):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda limit=limit: limit)
        assert supported_variants()[0].name == first


def test_a_second_build_finds_the_first(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    compilers = fake_compiler(tmp_path, WRITES_ITS_OUTPUT)
    with caplog.at_level(logging.INFO, logger="helix.kernels.build"):
        library = build(PORTABLE, cache_dir=tmp_path / "cache", compilers=compilers)
        assert library.read_text() == "built\n"
        assert sum("Compiling" in message for message in caplog.messages) == 1
        assert build(PORTABLE, cache_dir=tmp_path / "cache", compilers=compilers) == library
    assert sum("Compiling" in message for message in caplog.messages) == 1
    assert list((tmp_path / "cache").iterdir()) == [library]


def test_variants_have_their_own_files(tmp_path: Path) -> None:
    compilers = fake_compiler(tmp_path, WRITES_ITS_OUTPUT)
    assert len({build(variant, cache_dir=tmp_path, compilers=compilers) for variant in VARIANTS}) == len(VARIANTS)


def test_a_failing_compiler_is_quoted(tmp_path: Path) -> None:
    compilers = fake_compiler(tmp_path, "echo 'linear.cpp:1: error: no such thing' >&2; exit 1")
    with pytest.raises(KernelBuildError, match="error: no such thing"):
        build(PORTABLE, cache_dir=tmp_path / "cache", compilers=compilers)
    assert not list((tmp_path / "cache").iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    compilers = fake_compiler(tmp_path, WRITES_ITS_OUTPUT)
    (tmp_path / "file").write_text("")
    with pytest.raises(KernelBuildError, match="cannot be stored"):
        build(PORTABLE, cache_dir=tmp_path / "file", compilers=compilers)


def test_no_compiler_is_a_sentence() -> None:
    with pytest.raises(KernelBuildError, match="no C\\+\\+ compiler found"):
        find_compiler(("no-such-compiler",))
