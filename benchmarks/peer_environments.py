"""Where the peers are installed: a virtual environment each, made once from the package registry."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.peer_process import PeerError

DEFAULT_FOLDER = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "helix" / "peers"
HELIX = "helix"
"""The environment that runs already."""

_TORCH = "torch==2.13.0"
"""Named beside whatever needs it: another one would bring libraries for accelerators, gigabytes of them."""
REQUIREMENTS: dict[str, list[list[str]]] = {
    "llama_cpp": [["llama-cpp-python>=0.3.16", "gguf>=0.17"]],
    "openvino": [["openvino-genai>=2026.4"], [_TORCH], [_TORCH, "optimum-intel>=1.27"]],
    "ctranslate2": [["ctranslate2>=4.8"], [_TORCH], [_TORCH, "transformers>=4.57", "safetensors>=0.5"]],
    "onnxruntime": [
        ["onnxruntime-genai>=0.18"],
        [_TORCH],
        [_TORCH, "transformers>=4.57", "onnx-ir>=0.1"],
    ],
}
"""What each environment needs, in the order in which it is installed."""
_UNWANTED = {"openvino": ["torchvision"]}
"""What is removed again: the registry's build is for another torch and fails beside this one; text does without."""
_BUILD_OPTIONS = {"CMAKE_ARGS": "-DGGML_NATIVE=ON"}
"""For what is compiled: for this processor."""
_MARKER = ".installed"


def python_of(name: str, folder: Path) -> Path:
    """Return the interpreter of an environment, which is made if it is not there.

    Raises:
        PeerError: Something cannot be installed; the log of the attempt lies beside the environment.
    """
    if name == HELIX:
        return Path(sys.executable)
    environment = folder / name
    python = environment / "bin" / "python"
    wanted = repr(REQUIREMENTS[name])
    marker = environment / _MARKER
    if marker.exists() and marker.read_text(encoding="utf-8") == wanted:
        return python
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name}.install.log"
    with log.open("w", encoding="utf-8") as output:
        if not python.exists():
            _run([sys.executable, "-m", "venv", str(environment)], output, name)
        for requirements in REQUIREMENTS[name]:
            _run([str(python), "-m", "pip", "install", "--quiet", *requirements], output, name)
        if unwanted := _UNWANTED.get(name):
            _run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", *unwanted], output, name)
    marker.write_text(wanted, encoding="utf-8")
    return python


def _run(command: list[str], output: object, name: str) -> None:
    done = subprocess.run(
        command,
        stdout=output,  # type: ignore[call-overload]
        stderr=subprocess.STDOUT,
        env=os.environ | _BUILD_OPTIONS,
        check=False,
    )
    if done.returncode:
        raise PeerError(f"{' '.join(command[1:])} ended with {done.returncode}: see {name}.install.log")
