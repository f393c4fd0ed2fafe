"""Settings are checked when built and never change afterwards."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from helix.config import (
    CacheConfig,
    EngineConfig,
    ModelConfig,
    QuantizationConfig,
    SchedulerConfig,
    SpeculativeConfig,
)
from helix.errors import ConfigError


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (CacheConfig, {"block_size": 0}),
        (CacheConfig, {"num_blocks": 0}),
        (CacheConfig, {"device_memory_utilization": 1.5}),
        (SchedulerConfig, {"max_num_seqs": 8, "max_num_batched_tokens": 4}),
        (SpeculativeConfig, {"speculation_depth": 17}),
        (SpeculativeConfig, {"speculation_depth": -1}),
        (SpeculativeConfig, {"ngram_min": 9}),
        (SpeculativeConfig, {"prediction_depth": 0}),
        (SpeculativeConfig, {"suffix_pool_tokens": -1}),
        (ModelConfig, {"max_model_len": 0}),
        (ModelConfig, {"matmul_precision": "bfloat16", "quantization": "int8"}),
        (ModelConfig, {"matmul_precision": "bfloat16", "dtype": "float16"}),
        (QuantizationConfig, {"quantization_group_size": 48}),
    ],
)
def test_contradictions_are_refused(config: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        config(**settings)


@pytest.mark.parametrize(
    "settings",
    [{"quantization_group_size": 64}, {"quantization_zero_points": True}, {"quantization_output_layer": "int8"}],
)
def test_settings_of_4_bits_are_refused_where_nothing_has_4_bits(settings: dict[str, Any]) -> None:
    quantization = QuantizationConfig(**settings)
    with pytest.raises(ConfigError, match=f"^{next(iter(settings))} needs quantization int4, or draft_quantization"):
        EngineConfig(model=ModelConfig(quantization="int8"), quantization=quantization)
    for config in (
        EngineConfig(model=ModelConfig(quantization="int4"), quantization=quantization),
        EngineConfig(speculative=SpeculativeConfig(draft_quantization="int4"), quantization=quantization),
    ):
        assert config.quantization is quantization


def test_settings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        CacheConfig().block_size = 8  # type: ignore[misc]


def test_the_largest_depth_may_be_lowered_alone() -> None:
    """The depth that nobody set follows it."""
    assert SpeculativeConfig(max_speculation_depth=4).speculation_depth is None
    with pytest.raises(ConfigError, match="between 0 and 4"):
        SpeculativeConfig(max_speculation_depth=4, speculation_depth=5)
