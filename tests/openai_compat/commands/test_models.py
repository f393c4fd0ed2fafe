"""`helix models` lists what is here and fetches what is not, from a hub on this machine in place of the real one."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from helix.demo import DRAFT_DIR
from openai_compat.cli import main

COMMIT = "0123abcd" * 5


class _Hub(http.server.BaseHTTPRequestHandler):
    """One model, as huggingface.co serves it."""

    names = tuple(path.name for path in DRAFT_DIR.iterdir() if path.suffix in (".json", ".safetensors", ".jinja"))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/maker/draft/tree/"):
            sizes = {name: (DRAFT_DIR / name).stat().st_size for name in self.names} | {"pytorch_model.bin": 9}
            entries = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes.items()]
            self._send(json.dumps(entries).encode())
        elif path.startswith("/api/models/maker/draft"):
            files = [{"rfilename": name} for name in (*self.names, "pytorch_model.bin")]
            self._send(json.dumps({"id": "maker/draft", "sha": COMMIT, "siblings": files}).encode())
        elif path.startswith(f"/maker/draft/resolve/{COMMIT}/") and path.rpartition("/")[2] in self.names:
            self._send((DRAFT_DIR / path.rpartition("/")[2]).read_bytes())
        else:
            self.send_response(HTTPStatus.NOT_FOUND)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def _send(self, body: bytes) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hash(body)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _helix(hub: str, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"HF_ENDPOINT": hub, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-m", "helix", "models", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)


def test_a_model_is_fetched_without_its_pickles_and_then_listed(hub: str, tmp_path: Path) -> None:
    done = _helix(hub, tmp_path, "download", "maker/draft")
    assert done.returncode == 0, done.stderr
    assert "helix serve maker/draft" in done.stdout
    fetched = {path.name for path in tmp_path.rglob("snapshots/*/*")}
    assert "model.safetensors" in fetched and "pytorch_model.bin" not in fetched
    listed = _helix("http://127.0.0.1:9", tmp_path).stdout
    assert "maker/draft " in listed
    assert "helix serve helix-demo --draft-model maker/draft" in listed


def test_what_the_hub_does_not_have_is_a_sentence(hub: str, tmp_path: Path) -> None:
    done = _helix(hub, tmp_path, "download", "maker/none")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        "helix: the hub has no model maker/none, or it is private and HF_TOKEN is not set"
    )


def test_without_a_download_the_built_in_pair_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("MODEL")
    assert "helix-demo-draft  LlamaForCausalLM" in out
    assert "  helix serve helix-demo --draft-model helix-demo-draft" in out
