"""The line about a request tells what it took, and nothing of what was said."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.fakes import FakeEngine
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]


def lines(capsys: pytest.CaptureFixture[str], number: int) -> list[str]:
    """Wait for so many lines: an answer arrives before the line about it is written."""
    text, deadline_s = "", time.monotonic() + 10
    while text.count("\n") < number:
        assert time.monotonic() < deadline_s, text
        text += capsys.readouterr().err
        time.sleep(0.01)
    return text.splitlines()


def test_a_line_of_json_has_the_id_the_status_the_tokens_and_the_times(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(log_format="json")
    response = server.chat(n=2, max_tokens=5, speculation_depth=2)
    (line,) = (json.loads(line) for line in lines(capsys, 1))
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["completion_tokens"] == response.json()["usage"]["completion_tokens"] == 10
    assert line["drafted"] == response.json()["helix"]["speculation"]["drafted"]
    assert 0 <= line["queue_s"] <= line["ttft_s"] <= line["duration_s"]


def test_whatever_becomes_of_a_request_there_is_one_line(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    server = serve(FakeEngine(step_s=0.02), log_format="plain")
    server.http.get("/nowhere")
    server.complete(temperature=9)
    server.complete(stream=True)
    with server.http.stream("POST", "/generate/stream", json={"prompt": "x" * 900}) as stream:
        pieces = stream.iter_bytes()
        next(pieces)
    said = lines(capsys, 4)
    patterns = [
        r"GET /nowhere 404 \d+\.\d{3}s req_\w+$",
        r"POST /v1/completions 400 \d+\.\d{3}s req_\w+$",
        r"POST /v1/completions 200 .*s 2\+\d+ tokens \d+/\d+ drafts first after .*s req_\w+$",
        r"POST /generate/stream 200 .*s 900\+\d+ tokens \d+/\d+ drafts first after .*s req_\w+$",
    ]
    assert len(said) == len(patterns)
    for line, pattern in zip(said, patterns, strict=True):
        assert re.search(pattern, line), line


@pytest.mark.parametrize("log_format", ["plain", "json"])
def test_neither_texts_nor_keys_are_written(serve: Serve, capsys: pytest.CaptureFixture[str], log_format: str) -> None:
    server = serve(log_format=log_format, api_key=("sk-secret",))
    secret: Any = {"prompt": "secret prompt"}
    server.http.post("/generate", json=secret)
    server.http.get("/generate/stream", params=secret)
    httpx.get(f"{server.url}/v1/models", headers={"authorization": "Bearer sk-secret-too"})
    assert not [line for line in lines(capsys, 3) if "secret" in line or "said" in line]


def test_nothing_is_written_unless_somebody_asks(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve().chat().status_code == 200
    assert capsys.readouterr().err == ""
