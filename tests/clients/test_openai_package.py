"""The openai package for JavaScript, fetched by npm into pytest's cache."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helix import AsyncEngine
from tests.servers import Server

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="node and npm are not installed"
)
PROGRAM = Path(__file__).with_name("openai_package.mjs")
PACKAGE = "openai@^6"


@pytest.fixture(scope="module")
def package_folder(pytestconfig: pytest.Config) -> Path:
    """A folder whose node_modules has the package; it outlives the session."""
    assert pytestconfig.cache is not None
    folder = pytestconfig.cache.mkdir("openai_package")
    if not (folder / "node_modules/openai/package.json").is_file():
        install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--prefix", str(folder), PACKAGE]
        done = subprocess.run(install, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    return folder


def test_a_program_in_javascript_finds_all_of_the_api(server: Server[AsyncEngine], package_folder: Path) -> None:
    done = subprocess.run(
        ["node", str(PROGRAM), str(package_folder), f"{server.url}/v1"], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert "draft" in seen["whole"] and seen["request_id"].startswith("req_")
    assert seen["streamed"]["text"] == seen["responses"]["text"] == seen["responses"]["streamed"] == seen["whole"]
    assert seen["streamed"]["pieces"] > 2
    usage = seen["streamed"]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert (seen["call"]["name"], json.loads(seen["call"]["arguments"])) == ("get_weather", {"city": "Vienna"})
    assert seen["with_tool"]["cities"] == ["Vienna"] and "21" in seen["with_tool"]["text"]
    assert seen["completion"] == "length"
    assert {"response.created", "response.output_text.delta", "response.completed"} <= set(seen["responses"]["types"])
    assert seen["embeddings"]["length"] == server.engine.info.hidden_size and seen["embeddings"]["difference"] < 1e-6
    assert seen["models"] == ["helix-demo"]
    assert seen["unknown_model"] == "NotFoundError model_not_found model"
    assert seen["bad_field"] == "BadRequestError invalid_value temperature"
