"""What an engine runs on: the right pair, tested, checked against each other, in pools that fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from transformers import PreTrainedTokenizerFast

from helix.config import CacheConfig, EngineConfig, ModelConfig, SchedulerConfig, SpeculativeConfig
from helix.errors import ConfigError, ModelLoadError
from helix.model.loader import LoadedModel, prepare
from helix.sampling.sampler import Sampler
from helix.spec_decode.draft_model import DraftModelProposer
from helix.spec_decode.translated_draft import TranslatedDraftProposer
from helix.text.tokenizer import Tokenizer
from helix.worker import Worker, build_worker, load_worker
from tests.engines import LetterTokenizer
from tests.helix.text.conftest import sentencepiece
from tests.models import tiny_llama

BLOCK_BYTES = 4 * 4 * 2 * 2 * 2 * 8
"""Four tokens of float32 keys and values in two layers with two heads of eight, of a tiny Llama."""


def _prepared(**changes: Any) -> LoadedModel:
    return prepare(tiny_llama(**changes), "tiny", torch.device("cpu"))


def _build(
    target: LoadedModel | None = None,
    draft: LoadedModel | None = None,
    *,
    cache: dict[str, Any] | None = None,
    max_model_len: int | None = None,
    max_num_seqs: int = 2,
) -> Worker:
    config = EngineConfig(
        model=ModelConfig(max_model_len=max_model_len),
        cache=CacheConfig(block_size=4, **(cache or {})),
        scheduler=SchedulerConfig(max_num_seqs=max_num_seqs),
    )
    return build_worker(config, cast(Tokenizer, LetterTokenizer()), target or _prepared(), draft)


def test_the_built_in_pair_goes_by_its_names_and_is_described_alike_after_every_start() -> None:
    """A path or a duration would change the fingerprint of answers that are the same."""
    config = EngineConfig(cache=CacheConfig(num_blocks=16))
    info = load_worker(config).info(config)
    assert (info.model, info.draft_model) == ("helix-demo", "helix-demo-draft")
    assert load_worker(config).info(config) == info


@pytest.mark.parametrize("method", ["suffix", "ngram", "none"])
def test_no_draft_model_is_loaded_where_none_may_guess(method: Any) -> None:
    config = EngineConfig(speculative=SpeculativeConfig(speculation_method=method))
    assert load_worker(config).draft is None


def test_a_draft_of_another_vocabulary_has_blocks_of_its_own_and_is_described(tmp_path: Path) -> None:
    """Copying the target's blocks in its pool would overwrite other texts."""
    tiny_llama(vocab_size=274, max_position_embeddings=64).save_pretrained(tmp_path)  # type: ignore[operator]
    PreTrainedTokenizerFast(tokenizer_object=sentencepiece()).save_pretrained(tmp_path)
    config = EngineConfig(
        model=ModelConfig(device="cpu"),
        speculative=SpeculativeConfig(draft_model=str(tmp_path)),
        cache=CacheConfig(num_blocks=80),
    )
    worker = load_worker(config)
    assert worker.draft is not None
    worker.draft.pool.keys[0][:16] = 5.0
    worker.copy_blocks([(0, 1)])
    assert not worker.draft.pool.keys[0][16:32].any()
    assert worker.max_model_len > 64, "its context is no limit of the target's"
    assert worker.info(config).draft_remark.startswith("other tokenizer")
    assert isinstance(worker.draft_proposer(Sampler(274), config), TranslatedDraftProposer)


def test_the_proposer_is_the_one_for_the_vocabulary() -> None:
    config = EngineConfig()
    assert isinstance(_build(draft=_prepared()).draft_proposer(Sampler(64), config), DraftModelProposer)
    assert _build().draft_proposer(Sampler(64), config) is None


def test_a_tokenizer_with_more_ids_than_the_model_is_refused() -> None:
    with pytest.raises(ModelLoadError, match="64 ids, its model only 63"):
        _build(_prepared(vocab_size=63))


def test_a_model_that_fails_the_self_test_is_not_served() -> None:
    for place in ("target", "draft"):
        broken = _prepared()
        broken.layers[0] = replace(broken.layers[0], window=2)
        models = (broken, None) if place == "target" else (_prepared(), broken)
        with pytest.raises(ModelLoadError, match="cannot be served"):
            _build(*models)


def test_the_context_is_the_shorter_models_or_the_operators_and_fits_the_pool() -> None:
    short = _prepared(max_position_embeddings=128)
    assert _build().max_model_len == 512
    assert _build(draft=short).max_model_len == 128
    assert _build(max_model_len=100).max_model_len == 100
    assert _build(cache={"num_blocks": 5}).max_model_len == 20
    with pytest.raises(ConfigError, match="513 is beyond the model's 512"):
        _build(max_model_len=513)


def test_blocks_are_as_many_as_fit_and_never_more_than_all_seats_can_use() -> None:
    def memory(num_blocks: float) -> dict[str, Any]:
        return {"kv_memory_gib": num_blocks * BLOCK_BYTES / 2**30}

    assert _build(cache=memory(10.5)).target.pool.num_blocks == 10
    assert _build(cache=memory(10.5)).target.pool.num_bytes == 10 * BLOCK_BYTES
    assert _build(cache=memory(1e6)).target.pool.num_blocks == 2 * 512 // 4
    assert _build(cache=memory(1e6), max_num_seqs=3, max_model_len=30).target.pool.num_blocks == 3 * 8
    assert _build(cache={"num_blocks": 7} | memory(1e6)).target.pool.num_blocks == 7
    with pytest.raises(ConfigError, match="no room for the KV cache"):
        _build(cache=memory(1.5))


def test_target_and_draft_share_the_memory_and_the_block_ids() -> None:
    worker = _build(
        draft=_prepared(num_hidden_layers=1), cache={"kv_memory_gib": 15 * BLOCK_BYTES / 2**30}, max_num_seqs=16
    )
    assert worker.draft is not None
    assert worker.target.pool.num_blocks == worker.draft.pool.num_blocks == 10
    config = EngineConfig()
    assert worker.info(config).kv_cache_bytes == 15 * BLOCK_BYTES


def test_blocks_are_copied_in_both_pools() -> None:
    worker = _build(draft=_prepared())
    assert worker.draft is not None
    pools = (worker.target.pool, worker.draft.pool)
    for pool in pools:
        pool.keys[1][4:8] = 5.0
    worker.copy_blocks([(1, 3)])
    worker.copy_blocks([])
    for pool in pools:
        assert (pool.keys[1][12:16] == 5.0).all()
        assert not pool.keys[1][8:12].any()
