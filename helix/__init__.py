"""Helix: speculative decoding and PagedAttention over transformers models.

Dimensions, used in every shape comment:
    num_requests      requests in the batch
    num_query_tokens  tokens computed this step, all requests packed one after another
    num_draft_tokens  draft tokens of this step, packed the same way
    num_blocks, block_size      KV memory; a slot is block_id * block_size + offset
    num_kv_heads, num_heads, head_dim, vocab_size

The engines are imported on first use, because they bring torch: settings and types alone import at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from helix.config import (
    DEMO_MODEL,
    CacheConfig,
    EngineConfig,
    ModelConfig,
    QuantizationConfig,
    SchedulerConfig,
    SpeculativeConfig,
)
from helix.errors import (
    ConfigError,
    ContextLengthExceededError,
    DeadlineExceededError,
    EngineBusyError,
    EngineDeadError,
    EngineStoppedError,
    HelixError,
    InvalidRequestError,
    ModelLoadError,
    QueueTimeoutError,
    RequestFailedError,
    TextTooLongError,
)
from helix.finishing_rate import FinishingRate
from helix.kv_cache.block_manager import BlockUse
from helix.outputs import (
    DecodeStep,
    EngineInfo,
    FinishReason,
    Generation,
    ProposerStats,
    RequestMetrics,
    RequestOutput,
    SpecDecodeStats,
    StepDraft,
    TokenLogprob,
)
from helix.sampling_params import MAX_LOGPROBS, SamplingParams
from helix.snapshot import EngineSnapshot, RequestSnapshot
from helix.stats import EngineStats, Histogram
from helix.structured.grammar import Grammar

if TYPE_CHECKING:
    from helix.async_engine import AsyncEngine
    from helix.bench import ArmResult, BenchArm, bench_arms, run_bench
    from helix.engine import LLMEngine
    from helix.machine import MachineInfo, describe_machine
    from helix.model.local import LocalModel, Pair, download_model, fitting_pairs, list_local_models
    from helix.text.tokenizer import Tokenizer

__all__ = [
    "DEMO_MODEL",
    "MAX_LOGPROBS",
    "ArmResult",
    "AsyncEngine",
    "BenchArm",
    "BlockUse",
    "CacheConfig",
    "ConfigError",
    "ContextLengthExceededError",
    "DeadlineExceededError",
    "DecodeStep",
    "EngineBusyError",
    "EngineConfig",
    "EngineDeadError",
    "EngineInfo",
    "EngineSnapshot",
    "EngineStats",
    "EngineStoppedError",
    "FinishReason",
    "FinishingRate",
    "Generation",
    "Grammar",
    "HelixError",
    "Histogram",
    "InvalidRequestError",
    "LLMEngine",
    "LocalModel",
    "MachineInfo",
    "ModelConfig",
    "ModelLoadError",
    "Pair",
    "ProposerStats",
    "QuantizationConfig",
    "QueueTimeoutError",
    "RequestFailedError",
    "RequestMetrics",
    "RequestOutput",
    "RequestSnapshot",
    "SamplingParams",
    "SchedulerConfig",
    "SpecDecodeStats",
    "SpeculativeConfig",
    "StepDraft",
    "TextTooLongError",
    "TokenLogprob",
    "Tokenizer",
    "bench_arms",
    "describe_machine",
    "download_model",
    "fitting_pairs",
    "list_local_models",
    "run_bench",
]

_LAZY = {
    "ArmResult": "helix.bench",
    "AsyncEngine": "helix.async_engine",
    "BenchArm": "helix.bench",
    "LLMEngine": "helix.engine",
    "LocalModel": "helix.model.local",
    "MachineInfo": "helix.machine",
    "Pair": "helix.model.local",
    "Tokenizer": "helix.text.tokenizer",
    "bench_arms": "helix.bench",
    "describe_machine": "helix.machine",
    "download_model": "helix.model.local",
    "fitting_pairs": "helix.model.local",
    "list_local_models": "helix.model.local",
    "run_bench": "helix.bench",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
