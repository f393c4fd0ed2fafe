"""The public surface is complete, sorted, and free of torch until an engine is asked for."""

from __future__ import annotations

import subprocess
import sys

import helix


def test_all_is_sorted_and_every_name_exists() -> None:
    constants = [name for name in helix.__all__ if name.isupper()]
    rest = [name for name in helix.__all__ if not name.isupper()]
    assert helix.__all__ == sorted(constants) + sorted(rest)
    for name in helix.__all__:
        assert getattr(helix, name) is not None


def test_importing_settings_and_types_does_not_import_torch() -> None:
    code = "import sys, helix; helix.SamplingParams(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
