"""Clients that want another openai package than the tests have, each in a process of an environment of its own."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from helix import AsyncEngine
from tests.clients.examples import example
from tests.servers import Server

pytestmark = pytest.mark.timeout(1200)  # the first one installs them
HERE = Path(__file__).parent
REQUIREMENTS = HERE / "other_clients.txt"
TARGET = HERE.parents[1] / "helix/demo/target"
PERSON = {"name": "Anna", "age": 31, "city": "Vienna"}
SETTINGS = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PYTHONWARNINGS": "ignore", "HF_HUB_OFFLINE": "1"}
PAIRS = [
    ["The capital of Austria", " is Vienna."],
    ["Once upon a time", " there was a fox who lived in the forest."],
    ["Once upon a time", " purple seven"],
    ["Speculative decoding is", " a way to make a large model faster."],
]


@pytest.fixture(scope="module")
def python(pytestconfig: pytest.Config) -> Path:
    """An interpreter that finds the clients first and then what the tests have; it outlives the session."""
    assert pytestconfig.cache is not None
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.prefix.encode()).hexdigest()[:12]
    folder = pytestconfig.cache.mkdir("other_clients") / wanted
    interpreter = folder / "bin/python"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=300)
        site = next(folder.glob("lib/python*/site-packages"))
        (site / "tests_own.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
        install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--disable-pip-version-check"]
        done = subprocess.run(
            [interpreter, *install, "-r", REQUIREMENTS], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            pytest.fail(f"{REQUIREMENTS.name} cannot be installed, which needs a network once: {done.stderr[-300:]}")
        (folder / "complete").touch()
    return interpreter


@pytest.fixture
def said(python: Path, server: Server[AsyncEngine]) -> Callable[..., Any]:
    """Run one of the programs beside this file, and return what it prints at last, which is JSON.

    What its docstring shows, if that is Python, runs before it, in the same process.
    """

    def run(program: str, *arguments: str) -> Any:
        shown = "" if program == "with_lm_eval.py" else example(HERE / program, server.url)
        both = f"{shown}\nimport runpy\nrunpy.run_path({str(HERE / program)!r}, run_name='__main__')"
        done = subprocess.run(
            [python, "-c", both, f"{server.url}/v1", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            env=os.environ | SETTINGS,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        *before, last = done.stdout.splitlines()
        assert before or not shown, "the example prints something"
        return json.loads(last)

    return run


@pytest.fixture(scope="module")
def answer(demo_server: Server[AsyncEngine]) -> str:
    """What the server says to the question that all programs ask."""
    ask = [{"role": "user", "content": "What is speculative decoding?"}]
    whole = demo_server.chat(messages=ask, temperature=0).json()
    text: str = whole["choices"][0]["message"]["content"]
    assert "draft" in text
    return text


def test_openai_2(said: Callable[..., Any], server: Server[AsyncEngine], answer: str) -> None:
    seen = said("with_openai_2.py")
    assert seen["version"].startswith("2.")
    assert seen["texts"] == [answer] * 4
    assert seen["person"] == PERSON
    assert seen["kinds"] == ["response.created", "response.completed"]
    assert seen["request_id"].startswith("req_")
    assert seen["completion"] == "length"
    assert seen["embeddings"] == [server.engine.info.hidden_size] * 2
    assert seen["models"] == ["helix-demo"]
    assert seen["refused"] == "temperature"


def test_litellm(said: Callable[..., Any], server: Server[AsyncEngine], answer: str) -> None:
    seen = said("with_litellm.py")
    assert seen["texts"] == [answer] * 3
    assert seen["usage"][0] == seen["usage"][1] > 0
    assert seen["person"] == PERSON
    name, arguments, told = seen["weather"]
    assert (name, arguments) == ("get_weather", {"city": "Vienna"})
    assert "21" in told
    assert seen["completion"] == "length"
    assert seen["embeddings"] == [server.engine.info.hidden_size] * 2
    assert "max_tokens" in seen["refused"]


def test_instructor(said: Callable[..., Any]) -> None:
    seen = said("with_instructor.py")
    assert seen["people"] == [PERSON] * 2
    assert len(seen["growing"]) > 2
    assert seen["growing"][-1] == PERSON


def test_llama_index(said: Callable[..., Any], answer: str) -> None:
    seen = said("with_llama_index.py")
    assert seen["texts"] == [answer] * 3
    assert seen["calls"] == [["get_weather", {"city": "Vienna"}]]
    assert seen["person"] == PERSON
    whole, streamed = seen["completions"]
    assert whole == streamed != ""


def test_lm_evaluation_harness_scores_continuations_as_the_model_alone_does(
    said: Callable[..., Any], server: Server[AsyncEngine]
) -> None:
    likeliest = server.complete(prompt="Once upon a time", max_tokens=6, temperature=0).json()["choices"][0]["text"]
    pairs = [*PAIRS, ["Once upon a time", likeliest]]
    seen = said("with_lm_eval.py", str(TARGET), json.dumps(pairs))
    reference = _log_likelihoods(pairs)
    assert {is_greedy for _, is_greedy in reference} == {True, False}
    for scores in (seen["one_by_one"], seen["in_batches"]):
        assert [is_greedy for _, is_greedy in scores] == [is_greedy for _, is_greedy in reference]
        assert [score for score, _ in scores] == pytest.approx([score for score, _ in reference], abs=1e-3)
    assert seen["rolling"][0] < reference[0][0], "of the context too"
    assert likeliest.split(".")[0] in seen["until"][0] and "." not in seen["until"][0]


def _log_likelihoods(pairs: list[list[str]]) -> list[tuple[float, bool]]:
    """Return how likely transformers' own forward pass finds each continuation, and whether it is the likeliest one."""
    tokenizer: Any = AutoTokenizer.from_pretrained(TARGET)
    model: Any = AutoModelForCausalLM.from_pretrained(TARGET, dtype=torch.float32)
    scores = []
    for context, continuation in pairs:
        before = len(tokenizer.encode(context))
        ids = tokenizer.encode(context + continuation)
        with torch.inference_mode():
            logprobs = model(torch.tensor([ids])).logits[0].log_softmax(-1)[before - 1 : -1]
        chosen = torch.tensor(ids[before:])
        is_greedy = bool((logprobs.argmax(-1) == chosen).all())
        scores.append((logprobs.gather(1, chosen[:, None]).sum().item(), is_greedy))
    return scores
