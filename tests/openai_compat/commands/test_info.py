"""`helix info` says what serves here."""

from __future__ import annotations

import pytest
import torch

from openai_compat.cli import main


def test_it_shows_versions_devices_and_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert f"torch {torch.__version__}" in out
    assert "\n  devices " in out and "\n  CPU kernels " in out and "\n  model cache " in out
