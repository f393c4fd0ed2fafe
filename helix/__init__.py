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
    SchedulerConfig,
    SpeculativeConfig,
)
from helix.errors import (
    ConfigError,
    ContextLengthExceededError,
    EngineBusyError,
    EngineDeadError,
    HelixError,
    InvalidRequestError,
    ModelLoadError,
)
from helix.outputs import (
    EngineInfo,
    FinishReason,
    Generation,
    ProposerStats,
    RequestMetrics,
    RequestOutput,
    SpecDecodeStats,
    TokenLogprob,
)
from helix.sampling_params import MAX_LOGPROBS, SamplingParams
from helix.stats import EngineStats
from helix.structured.grammar import Grammar

if TYPE_CHECKING:
    from helix.async_engine import AsyncEngine
    from helix.engine import LLMEngine
    from helix.text.tokenizer import Tokenizer

__all__ = [
    "DEMO_MODEL",
    "MAX_LOGPROBS",
    "AsyncEngine",
    "CacheConfig",
    "ConfigError",
    "ContextLengthExceededError",
    "EngineBusyError",
    "EngineConfig",
    "EngineDeadError",
    "EngineInfo",
    "EngineStats",
    "FinishReason",
    "Generation",
    "Grammar",
    "HelixError",
    "InvalidRequestError",
    "LLMEngine",
    "ModelConfig",
    "ModelLoadError",
    "ProposerStats",
    "RequestMetrics",
    "RequestOutput",
    "SamplingParams",
    "SchedulerConfig",
    "SpecDecodeStats",
    "SpeculativeConfig",
    "TokenLogprob",
    "Tokenizer",
]

_LAZY = {"AsyncEngine": "helix.async_engine", "LLMEngine": "helix.engine", "Tokenizer": "helix.text.tokenizer"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
