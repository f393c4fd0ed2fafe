"""What the docstrings of this folder show is a program that runs, as it stands there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helix import AsyncEngine
from tests.clients.examples import URL, example
from tests.servers import Server

HERE = Path(__file__).parent
FILES = [
    *("test_openai_sdk.py", "test_responses.py", "test_structured_output.py", "test_tools.py"),
    *("test_langchain.py", "test_langgraph.py", "test_pydantic_ai.py"),
]
"""Those that need no other packages than the tests do; test_other_clients.py tries the others."""


def test_every_example_prints_an_answer(server: Server[AsyncEngine]) -> None:
    """In one process, because the libraries take longer to import than their programs to run."""
    parts = [f"print('\\n@@ {name}', flush=True)\n{example(HERE / name, server.url)}\n" for name in FILES]
    program = "\n".join(parts)
    assert program.count(server.url) >= len(FILES) and URL not in program
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = dict(part.split("\n", 1) for part in done.stdout.split("@@ ")[1:])
    assert list(said) == FILES
    assert all(len(text.strip()) > 10 for text in said.values()), said
    assert "get_weather" in said["test_tools.py"] and "name=" in said["test_structured_output.py"]


def test_contributors_find_every_client() -> None:
    page = (HERE.parents[1] / ".github/CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = {*FILES, *(path.name for path in HERE.glob("with_*.py")), "openai_package.mjs", "test_command_line.py"}
    assert [name for name in sorted(shown) if f"(../tests/clients/{name})" not in page] == []


@pytest.mark.parametrize("path", sorted(HERE.glob("with_*.py")), ids=lambda path: path.stem)
def test_a_program_of_its_own_has_an_example(path: Path) -> None:
    assert example(path, "http://server:1").count("http://server:1/v1") == 1
