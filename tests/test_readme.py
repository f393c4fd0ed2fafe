"""The README's commands and programs do what it says, against the server that they address."""

from __future__ import annotations

import ast
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from helix import AsyncEngine
from openai_compat import cli
from openai_compat.commands.engine_options import engine_config
from tests.servers import Server

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8000"
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def _programs() -> list[str]:
    return [code for language, code in BLOCKS if language == "python"]


def _commands() -> list[str]:
    """Shell commands, each in one line."""
    code = "".join(code for language, code in BLOCKS if language == "sh").replace("\\\n", " ")
    return [line for line in code.splitlines() if line.strip()]


COMMANDS = _commands()


def test_every_block_is_of_a_language_that_is_tested() -> None:
    assert {language for language, _ in BLOCKS} == {"python", "sh"}
    assert {shlex.split(command)[0] for command in COMMANDS} == {"make", "curl"}


@pytest.mark.parametrize("code", _programs(), ids=lambda code: code.splitlines()[0])
def test_a_program_runs_and_prints(
    code: str, demo_server: Server[AsyncEngine], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code.replace(ADDRESS, demo_server.url), "README.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out.strip()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("curl ")])
def test_a_curl_command_gets_an_answer(command: str, demo_server: Server[AsyncEngine]) -> None:
    assert ADDRESS in command
    done = subprocess.run(
        ["sh", "-c", command.replace(ADDRESS, demo_server.url) + " --silent --max-time 60"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_a_make_command_has_a_target_and_settings_that_exist(command: str) -> None:
    _, target, *variables = shlex.split(command, comments=True)
    assert re.search(rf"^{target}:.*## ", MAKEFILE, re.MULTILINE), target
    for variable in variables:
        name, _, value = variable.partition("=")
        assert f"$({name})" in MAKEFILE
        assert engine_config(cli.parser().parse_args([target, *shlex.split(value)])).model.model in value


def test_the_fields_it_names_are_in_an_answer(demo_server: Server[AsyncEngine]) -> None:
    (comment,) = re.findall(r'model_extra\["helix"\]\["speculation"\]\)  # (.*), \.\.\.', README)
    assert set(comment.split(", ")) <= set(demo_server.chat(max_tokens=4).json()["helix"]["speculation"])


def test_what_it_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert links
    for link in links:
        assert (ROOT / link).exists(), link


def test_the_folders_that_contributors_read_about_exist() -> None:
    contributing = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = contributing.split("| folder |")[1].split("\n\n")[0]
    folders = [name for row in table.splitlines()[2:] for name in re.findall(r"`([\w/]+/)`", row.split("|")[1])]
    assert len(folders) > 5
    for folder in folders:
        assert (ROOT / folder).is_dir(), folder


def _defined() -> Iterator[str]:
    """Yield dotted names of all modules, classes, functions, methods and attributes of both packages."""
    for path in [*(ROOT / "helix").rglob("*.py"), *(ROOT / "openai_compat").rglob("*.py")]:
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{module}.{node.name}"
            elif isinstance(node, ast.ClassDef):
                yield f"{module}.{node.name}"
                for inner in ast.walk(node):
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                        yield f"{module}.{node.name}.{inner.name}"
                    elif isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                        yield f"{module}.{node.name}.{inner.target.id}"
                    elif isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                        yield f"{module}.{node.name}.{inner.attr}"


def test_the_functions_it_tells_a_request_by_exist() -> None:
    told = README.split("## The life of one request")[1].split("\n## ")[0]
    names = re.findall(r"`([A-Za-z_][\w.]*)`", told)
    assert len(names) > 20
    defined = set(_defined())
    for name in names:
        assert any(one.endswith(f".{name}") for one in defined), name


def test_it_is_short_enough_to_be_read() -> None:
    assert len(README.splitlines()) < 200
