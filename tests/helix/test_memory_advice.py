"""Memory that ends while a model is loaded is a sentence with a way out, and other errors stay what they are."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch

from helix.config import ModelConfig
from helix.errors import ConfigError, ModelLoadError
from helix.memory_advice import blocks_that_fit, free_bytes, weights_that_fit
from tests.engines import make_engine
from tests.models import tiny_llama

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("settings", "offered", "not_offered"),
    [
        ({}, ["bfloat16", "int8", "int4"], []),
        ({"dtype": "bfloat16"}, ["int8", "int4"], ["bfloat16"]),
        ({"quantization": "int8"}, ["int4"], ["bfloat16", "int8"]),
        ({"quantization": "int4"}, ["smaller model"], ["bfloat16", "int8"]),
    ],
)
def test_only_settings_that_take_less_are_offered(
    settings: dict[str, str], offered: list[str], not_offered: list[str], tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 2**20)
    config = ModelConfig(model="large", **settings)  # type: ignore[arg-type]
    with pytest.raises(ModelLoadError) as caught, weights_that_fit(config, str(tmp_path)):
        raise torch.OutOfMemoryError("CUDA out of memory")
    sentence = str(caught.value)
    assert sentence.startswith("large does not fit the memory: its weights take 0.0 GiB as they are stored")
    assert all(name in sentence for name in offered)
    assert not any(name in sentence for name in not_offered)


@pytest.mark.parametrize("times_too_many", [1.5, 2.0**20])
def test_more_blocks_than_there_is_memory_for_are_refused_with_a_number_that_fits(times_too_many: float) -> None:
    """Also where the system would promise more than it has, and end the process when the blocks fill."""
    free = free_bytes(CPU)
    assert free is not None
    num_blocks = int(times_too_many * free / (make_engine(tiny_llama(), num_blocks=8).worker.target.pool.num_bytes / 8))
    with pytest.raises(ConfigError, match="lower num_blocks") as caught:
        make_engine(tiny_llama(), num_blocks=num_blocks)
    (fits,) = re.findall(r"num_blocks to (\d+)", str(caught.value))
    assert 0 < int(fits) < num_blocks
    assert "take kv_cache_dtype int8" in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        make_engine(tiny_llama(), num_blocks=4 * num_blocks, kv_cache_dtype="int8")
    assert "int8" not in str(caught.value), "that it has already"


@pytest.mark.parametrize("guard", [lambda: weights_that_fit(ModelConfig(), "x"), lambda: blocks_that_fit(4, 64, CPU)])
def test_another_error_stays_what_it_is(guard: Callable[[], AbstractContextManager[None]]) -> None:
    with pytest.raises(RuntimeError, match="shapes"), guard():
        raise RuntimeError("shapes disagree")


def test_a_machine_knows_what_is_free() -> None:
    free = free_bytes(CPU)
    assert free is None or free > 2**20
