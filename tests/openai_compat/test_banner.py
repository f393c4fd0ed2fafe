"""What an operator sees must be true, and what it offers for copying must work."""

from __future__ import annotations

import ast
import json
import shlex
from dataclasses import replace

from helix import EngineInfo, SamplingParams
from openai_compat.banner import banner, base_url
from openai_compat.config import ServerConfig
from tests.fakes import FakeEngine

INFO = FakeEngine().info


def shown(info: EngineInfo = INFO, config: ServerConfig | None = None) -> str:
    return banner(info, config or ServerConfig(), model="fake/model-1", port=1234, version="9.9")


def code_behind(text: str, heading: str) -> str:
    return text.split(heading, 1)[1].strip("\n").split("\n\n", 1)[0]


def test_it_says_what_runs_and_where() -> None:
    text = shown()
    for fact in (
        "fake/model-1",
        "fake/draft",
        "cpu, float32",
        "64 blocks of 16 tokens = 1,024 tokens",
        "4,096 tokens",
        "depth 4",
        "http://127.0.0.1:1234/v1",
        "http://127.0.0.1:1234 in a browser",
        "1.2 M parameters",
    ):
        assert fact in text
    assert max(len(line) for line in text.splitlines()) <= 130
    assert "Warning" not in text


def test_bits_of_weights_are_shown_where_they_are_not_the_checkpoints() -> None:
    assert "weights" not in shown()
    text = shown(replace(INFO, quantization="int8", draft_quantization="int4", draft_remark="other tokenizer"))
    assert "cpu, float32, int8 weights" in text
    assert "fake/draft (int4 weights, other tokenizer)" in text
    assert "cpu, float32, inputs of linear layers in bfloat16\n" in shown(replace(INFO, matmul_precision="bfloat16"))


def test_the_curl_line_is_valid_shell_with_valid_json() -> None:
    words = shlex.split(code_behind(shown(), "Ask from a shell:"))
    assert words[:2] == ["curl", "http://127.0.0.1:1234/v1/chat/completions"]
    assert json.loads(words[words.index("-d") + 1])["model"] == "fake/model-1"


def test_the_python_lines_are_valid_python() -> None:
    code = code_behind(shown(), "(pip install openai):")
    ast.parse("\n".join(line.strip() for line in code.splitlines()))


def test_a_key_is_asked_for_and_not_shown() -> None:
    text = shown(config=ServerConfig(api_key=("sk-secret",)))
    assert "sk-secret" not in text
    assert "Authorization: Bearer $HELIX_API_KEY" in text
    shlex.split(code_behind(text, "Ask from a shell:"))


def test_an_open_door_is_warned_of() -> None:
    assert "Warning: anyone who can reach 0.0.0.0" in shown(config=ServerConfig(host="0.0.0.0", allow_no_key=True))
    assert "Warning" not in shown(config=ServerConfig(host="0.0.0.0", api_key=("k",)))
    assert "Warning" not in shown(config=ServerConfig(host="localhost"))


def test_speculation_is_described() -> None:
    assert "speculation   off\n" in shown(replace(INFO, speculation_method="none"))
    assert "off unless a request asks for it" in shown(replace(INFO, speculation_depth=0))
    assert "draft model   none\n" in shown(replace(INFO, draft_model=None))
    assert "draft model   none, but the model's own heads\n" in shown(replace(INFO, draft_model=None, has_mtp=True))
    assert "draft model   tiny, and the model's own heads\n" in shown(replace(INFO, draft_model="tiny", has_mtp=True))
    assert "draft model   none (looked for)\n" in shown(replace(INFO, draft_model=None, draft_remark="looked for"))


def test_the_defaults_of_sampling_are_shown_with_whose_they_are() -> None:
    assert "sampling      temperature 1, top_p 1 (OpenAI's defaults)\n" in shown()
    own = replace(INFO, default_sampling_params=SamplingParams(temperature=0.3, top_p=0.9))
    assert "sampling      temperature 0.3, top_p 0.9 (the model's own defaults)\n" in shown(own)


def test_addresses_are_those_of_this_machine() -> None:
    assert base_url("0.0.0.0", 1) == "http://127.0.0.1:1/v1"
    assert base_url("::", 1) == "http://[::1]:1/v1"
    assert base_url("::1", 1) == "http://[::1]:1/v1"
    assert base_url("box.local", 1) == "http://box.local:1/v1"
