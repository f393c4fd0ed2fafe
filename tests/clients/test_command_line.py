"""`helix serve` as a stranger meets it: started, asked with what it printed, and stopped."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


QUESTION: dict[str, Any] = {"model": "helix-demo", "prompt": "What is a secret?", "max_tokens": 4}


@pytest.fixture(scope="module")
def banner() -> Iterator[str]:
    """What a server prints on its way up; the server runs until the module is done, and then prints its traces."""
    environment = {name: value for name, value in os.environ.items() if name != "HELIX_API_KEY"}
    environment["OTEL_TRACES_EXPORTER"] = "console"
    with subprocess.Popen(
        [
            sys.executable,
            "-m",
            "openai_compat",
            "serve",
            "helix-demo",
            "--port",
            "0",
            "--speculation-depth",
            "3",
            "--traces",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert lines, process.stderr.read()
        yield "".join(lines)
        asked = httpx.post(re.findall(r"http://\S+/v1", "".join(lines))[0] + "/completions", json=QUESTION, timeout=60)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
        complaints = process.stderr.read().splitlines()
        assert [line for line in complaints if "speculation pauses" not in line] == [], "a slow machine may say that"
        spans = process.stdout.read()
        assert asked.headers["x-request-id"] in spans, "what was not sent yet is sent at the end"
        assert QUESTION["prompt"] not in spans


def code_behind(text: str, heading: str) -> str:
    block = text.split(heading, 1)[1].strip("\n").split("\n\n", 1)[0]
    return "\n".join(line.removeprefix("  ") for line in block.splitlines())


def test_it_says_what_it_runs(banner: str) -> None:
    assert banner.startswith("Loading helix-demo; until it is there, http://127.0.0.1:")
    assert "model         helix-demo (" in banner
    assert "draft model   helix-demo-draft (int8 weights), and the model's own heads\n" in banner
    assert "depth 3" in banner
    assert "http://127.0.0.1:" in banner


def test_the_printed_curl_line_gets_an_answer(banner: str) -> None:
    done = subprocess.run(
        ["sh", "-c", code_behind(banner, "Ask from a shell:") + " --silent --max-time 60"],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert answer["choices"][0]["message"]["content"]
    assert answer["helix"]["speculation"]["depth"] == 3


def test_the_printed_python_lines_get_an_answer(banner: str) -> None:
    code = code_behind(banner, "(pip install openai):")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_curl_sees_a_stream_of_events(banner: str) -> None:
    url = next(line.split()[-1] for line in banner.splitlines() if "listening on" in line)
    request = {"model": "helix-demo", "prompt": "One two three", "max_tokens": 8, "stream": True}
    done = subprocess.run(
        ["curl", "-siN", "--max-time", "60", f"{url}/completions", "-d", json.dumps(request)],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    head, _, body = done.stdout.partition("\n\n")
    assert "200 OK" in head and "content-type: text/event-stream" in head.lower()
    assert body.startswith("data: {") and body.endswith("data: [DONE]\n\n")


def test_curl_sees_an_error_envelope(banner: str) -> None:
    url = next(line.split()[-1] for line in banner.splitlines() if "listening on" in line)
    done = subprocess.run(
        ["curl", "--silent", "--max-time", "60", f"{url}/chat/completions", "-d", "{broken"],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    assert set(json.loads(done.stdout)["error"]) == {"message", "type", "param", "code"}
