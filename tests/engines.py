"""Real engines over tiny random models, for tests of claims that cross modules."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from helix.config import (
    CacheConfig,
    EngineConfig,
    KVCacheDtype,
    MatmulPrecision,
    Quantization,
    QuantizationConfig,
    SchedulerConfig,
    SpeculativeConfig,
)
from helix.engine import LLMEngine
from helix.model.loader import prepare
from helix.model.mtp_loader import build_mtp
from helix.sampling_params import SamplingParams
from helix.text.tokenizer import Tokenizer
from helix.text.translation import Translation
from helix.worker import build_worker

VOCAB_SIZE = 64
EOS = 0


class LetterTokenizer:
    """One printable character per id; id 0 ends a sequence and has no text."""

    vocab_size = VOCAB_SIZE
    eos_token_ids = frozenset({EOS})

    def encode(self, text: str) -> list[int]:
        return [ord(character) - 48 for character in text]

    def decode(self, token_ids: Iterable[int]) -> str:
        return "".join(chr(48 + token_id) for token_id in token_ids if token_id != EOS)

    def detokenizer(
        self, *, skip_special_tokens: bool = True, prompt_token_ids: Sequence[int] = ()
    ) -> LetterDetokenizer:
        return LetterDetokenizer(self)


class LetterDetokenizer:
    """Pushes ids through LetterTokenizer.decode."""

    def __init__(self, tokenizer: LetterTokenizer) -> None:
        self._tokenizer = tokenizer

    def feed(self, token_ids: Iterable[int]) -> str:
        return self._tokenizer.decode(token_ids)

    def finish(self) -> str:
        return ""


def make_engine(
    target: nn.Module,
    draft: nn.Module | None = None,
    *,
    block_size: int = 4,
    num_blocks: int = 256,
    enable_prefix_caching: bool = True,
    swap_space_gib: float = 0.0,
    kv_cache_dtype: KVCacheDtype = "auto",
    kv_idle_memory_gib: float | None = None,
    tokenizer: Any = None,
    draft_tokenizer: Tokenizer | None = None,
    mtp: Mapping[str, Tensor] | None = None,
    scheduler: dict[str, Any] | None = None,
    quantization: Quantization = "none",
    draft_quantization: Quantization = "none",
    quantization_settings: QuantizationConfig | None = None,
    matmul_precision: MatmulPrecision = "float32",
    **speculative: Any,
) -> LLMEngine:
    """Assemble an engine over copies of the models; mtp are weights of heads, further keywords SpeculativeConfig's.

    Depths are pinned, at 5, unless they ask otherwise: in models this small no draft ever pays.
    """
    speculative = {"speculation_adaptive": False, "speculation_depth": 5} | speculative
    config = EngineConfig(
        cache=CacheConfig(
            block_size=block_size,
            num_blocks=num_blocks,
            enable_prefix_caching=enable_prefix_caching,
            swap_space_gib=swap_space_gib,
            kv_cache_dtype=kv_cache_dtype,
            kv_idle_memory_gib=kv_idle_memory_gib,
        ),
        scheduler=SchedulerConfig(**(scheduler or {})),
        speculative=SpeculativeConfig(**speculative),
    )
    cpu = torch.device("cpu")
    loaded = prepare(
        copy.deepcopy(target),
        "tiny",
        cpu,
        quantization=quantization,
        quantization_settings=quantization_settings,
        matmul_precision=matmul_precision,
    )
    worker = build_worker(
        config,
        cast(Tokenizer, tokenizer or LetterTokenizer()),
        loaded,
        None if draft is None else prepare(copy.deepcopy(draft), "tiny-draft", cpu, quantization=draft_quantization),
        None if draft_tokenizer is None else Translation(tokenizer, draft_tokenizer),
        None if mtp is None else build_mtp(mtp, loaded),
    )
    return LLMEngine(config, worker=worker)


def check_integrity(engine: LLMEngine) -> None:
    """Assert that blocks and tables agree, and that nothing beyond the computed tokens counts as valid."""
    scheduler = engine.scheduler
    for request in scheduler.running:
        assert 0 <= request.num_computed_tokens < request.num_tokens
        assert request.num_draft_computed_tokens <= request.num_computed_tokens
        assert request.num_mtp_computed_tokens <= request.num_computed_tokens
    engine.block_manager.check_integrity(request.block_table for request in (*scheduler.running, *scheduler.waiting))


def run(engine: LLMEngine, prompts: Sequence[Sequence[int]], params: Any) -> list[tuple[int, ...]]:
    """Complete prompts in one batch, checking the books after every step; return the output tokens of each."""
    all_params = params if isinstance(params, list) else [params] * len(prompts)
    requests = [engine.make_request(prompt, p) for prompt, p in zip(prompts, all_params, strict=True)]
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        engine.step()
        check_integrity(engine)
    assert engine.stats().num_free_blocks == engine.block_manager.num_blocks, "blocks leaked"
    return [tuple(request.output_token_ids) for request in requests]


def complete(engine: LLMEngine, prompts: Sequence[Sequence[int]], params: Sequence[SamplingParams]) -> list[Any]:
    """Complete prompts in one batch and return everything about the answers but times."""
    requests = [engine.make_request(prompt, one) for prompt, one in zip(prompts, params, strict=True)]
    texts = {request.request_id: "" for request in requests}
    for request in requests:
        engine.add_request(request)
    while engine.has_requests:
        for output in engine.step():
            texts[output.request_id] += output.text
    return [
        (
            request.output_token_ids,
            texts[request.request_id],
            request.finish_reason,
            request.stop_reason,
            [(lp.token_id, round(lp.logprob, 3), [i for i, _ in lp.top]) for lp in request.output_logprobs],
        )
        for request in requests
    ]


def dense_greedy(model: nn.Module, prompt: Sequence[int], max_tokens: int) -> tuple[int, ...]:
    """Decode greedily with the model's own attention, computing everything again for each token."""
    ids = list(prompt)
    with torch.inference_mode():
        for _ in range(max_tokens):
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1, :VOCAB_SIZE]
            ids.append(int(logits.argmax()))
            if ids[-1] == EOS:
                break
    return tuple(ids[len(prompt) :])
