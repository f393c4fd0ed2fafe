"""Parsers and the edge hold for what a coverage-guided fuzzer thinks of."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("atheris", reason="atheris has no build for this machine")
NUM_RUNS = 4000
"""The same ones each time: hours of `python -m tests.fuzzing.targets NAME FOLDER` find more."""


def test_no_bytes_break_a_parser_or_the_edge(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzzing.targets", "any", str(tmp_path), f"-runs={NUM_RUNS}", "-seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(rf"^Done {NUM_RUNS} runs", done.stderr, re.MULTILINE)
