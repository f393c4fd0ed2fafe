"""A model folder's own sampling defaults, from the file to the text that a client gets."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from transformers import PreTrainedModel

from helix import AsyncEngine, CacheConfig, EngineConfig, ModelConfig, SpeculativeConfig
from helix.demo import TARGET_DIR
from openai_compat.config import ServerConfig
from tests.models import tiny_llama
from tests.servers import Server, running_server

OPENAI = {"temperature": 1, "top_p": 1, "top_k": 0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with the built-in model's tokenizer."""
    folder: Path = tmp_path_factory.mktemp("model")
    for file in TARGET_DIR.iterdir():
        if file.name.startswith(("tokenizer", "chat_template")):
            shutil.copy(file, folder)
    vocab_size = json.loads((TARGET_DIR / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    model = tiny_llama(vocab_size=vocab_size, scale=8.0)
    assert isinstance(model, PreTrainedModel)
    model.save_pretrained(folder)
    return folder


@contextmanager
def serving(
    folder: Path, own: dict[str, Any], sampling_defaults: Literal["model", "openai"] = "model"
) -> Iterator[Server[AsyncEngine]]:
    (folder / "generation_config.json").write_text(json.dumps(own), encoding="utf-8")
    config = EngineConfig(
        model=ModelConfig(model=str(folder), device="cpu", sampling_defaults=sampling_defaults),
        cache=CacheConfig(num_blocks=32),
        speculative=SpeculativeConfig(speculation_method="none"),
    )
    with running_server(AsyncEngine(config), ServerConfig(port=0)) as server:
        yield server


def texts(server: Server[AsyncEngine], **fields: Any) -> tuple[str, str]:
    """Return what a chat completion and a completion say to the same fields."""
    fields = {"max_tokens": 12, "ignore_eos": True, "skip_special_tokens": False} | fields
    chat, completion = server.chat(**fields), server.complete(**fields)
    assert (chat.status_code, completion.status_code) == (200, 200), chat.text + completion.text
    return chat.json()["choices"][0]["message"]["content"], completion.json()["choices"][0]["text"]


@pytest.mark.parametrize("own", [{"temperature": 0}, {"do_sample": True, "temperature": 0.9, "top_k": 1}])
def test_a_silent_request_is_sampled_as_the_model_asks_and_its_own_value_wins(
    folder: Path, own: dict[str, Any]
) -> None:
    with serving(folder, own) as server:
        greedy = texts(server, temperature=0)
        assert texts(server) == texts(server, **dict.fromkeys(OPENAI)) == greedy
        asked = texts(server, seed=1, **OPENAI)
        assert asked[0] != greedy[0] and asked[1] != greedy[1]


def test_openais_defaults_leave_the_file_alone(folder: Path) -> None:
    with serving(folder, {"top_k": 1}) as server:
        own = server.chat(max_tokens=1).json()["system_fingerprint"]
    with serving(folder, {"top_k": 1}, "openai") as server:
        assert server.chat(max_tokens=1).json()["system_fingerprint"] != own
        silent = texts(server, seed=1)
        assert silent == texts(server, seed=1, **OPENAI)
        assert silent != texts(server, temperature=0)
