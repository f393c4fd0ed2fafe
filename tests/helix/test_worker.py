"""What an engine runs on: the right pair, tested, checked against each other, in pools that fit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from helix.config import CacheConfig, EngineConfig, ModelConfig, SchedulerConfig, SpeculativeConfig
from helix.errors import ConfigError, ModelLoadError
from helix.model.loader import LoadedModel, prepare
from helix.model.mtp_loader import LoadedMTP, build_mtp
from helix.sampling.sampler import Sampler
from helix.spec_decode.draft_model import DraftModelProposer
from helix.spec_decode.mtp import MTPProposer
from helix.spec_decode.proposer import ModelProposer
from helix.spec_decode.translated_draft import TranslatedDraftProposer
from helix.text.tokenizer import Tokenizer
from helix.worker import Worker, build_worker, load_worker
from tests.engines import LetterTokenizer
from tests.helix.text.conftest import sentencepiece
from tests.models import random_mtp, tiny_llama

BLOCK_BYTES = 4 * 4 * 2 * 2 * 2 * 8
"""Four tokens of float32 keys and values in two layers with two heads of eight, of a tiny Llama."""


def _prepared(**changes: Any) -> LoadedModel:
    return prepare(tiny_llama(**changes), "tiny", torch.device("cpu"))


def _build(
    target: LoadedModel | None = None,
    draft: LoadedModel | None = None,
    *,
    mtp: LoadedMTP | None = None,
    cache: dict[str, Any] | None = None,
    max_model_len: int | None = None,
    max_num_seqs: int = 2,
) -> Worker:
    config = EngineConfig(
        model=ModelConfig(max_model_len=max_model_len),
        cache=CacheConfig(block_size=4, **(cache or {})),
        scheduler=SchedulerConfig(max_num_seqs=max_num_seqs),
    )
    return build_worker(config, cast(Tokenizer, LetterTokenizer()), target or _prepared(), draft, mtp=mtp)


def _proposers(worker: Worker, config: EngineConfig) -> list[type[ModelProposer]]:
    return [type(proposer) for proposer in worker.draft_proposers(Sampler(worker.tokenizer.vocab_size), config)]


def _with_heads(**settings: Any) -> Worker:
    target = _prepared()
    return _build(target, mtp=build_mtp(random_mtp(tiny_llama()), target), **settings)


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
    assert _proposers(worker, config) == [TranslatedDraftProposer, MTPProposer]


def test_the_proposer_is_the_one_for_the_vocabulary() -> None:
    assert _proposers(_build(draft=_prepared()), EngineConfig()) == [DraftModelProposer]
    assert _proposers(_build(), EngineConfig()) == []


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


def test_a_cache_of_8_bits_holds_more_tokens_in_the_same_memory_and_says_so() -> None:
    head_bytes = 8 + 4  # instead of 8 * 4
    cache = {"kv_memory_gib": 10 * BLOCK_BYTES / 2**30, "kv_cache_dtype": "int8"}
    worker = _build(draft=_prepared(), cache=cache, max_num_seqs=16)
    info = worker.info(EngineConfig())
    assert worker.draft is not None and worker.draft.pool.dtype is torch.int8
    assert info.num_blocks == 10 * 32 // (2 * head_bytes)
    assert info.kv_cache_bytes == info.num_blocks * 2 * BLOCK_BYTES * head_bytes // 32
    assert (info.kv_cache_dtype, _build().info(EngineConfig()).kv_cache_dtype) == ("int8", "float32")


def test_a_model_that_8_bits_break_is_not_served_with_them() -> None:
    model = tiny_llama()
    with torch.no_grad():  # one number of each key and value is so large that nothing is left of the others
        for layer in model.model.layers:  # type: ignore[union-attr]
            for weight in (layer.self_attn.k_proj.weight, layer.self_attn.v_proj.weight):
                weight[::8] *= 300.0
            layer.self_attn.q_proj.weight[::8] *= 0.0
            layer.self_attn.o_proj.weight[:, ::8] *= 0.0
    loaded = prepare(model, "tiny", torch.device("cpu"))
    _build(loaded)
    with pytest.raises(ModelLoadError, match="and a KV cache of int8: its logits differ"):
        _build(loaded, cache={"kv_cache_dtype": "int8"})


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tiny_llama(vocab_size=274)
    model.save_pretrained(tmp_path)  # type: ignore[operator]
    PreTrainedTokenizerFast(tokenizer_object=sentencepiece()).save_pretrained(tmp_path)
    save_file({f"mtp.{name}": weight for name, weight in random_mtp(model).items()}, tmp_path / "mtp.safetensors")
    return tmp_path


def _load(folder: Path, **speculative: Any) -> tuple[Worker, EngineConfig]:
    config = EngineConfig(
        model=ModelConfig(model=str(folder), device="cpu"),
        speculative=SpeculativeConfig(**speculative),
        cache=CacheConfig(num_blocks=80),
    )
    return load_worker(config), config


@pytest.mark.parametrize(("method", "has_mtp"), [("auto", True), ("mtp", True), ("suffix", False), ("none", False)])
def test_heads_of_a_checkpoint_draft_where_they_may_and_are_described(folder: Path, method: Any, has_mtp: bool) -> None:
    worker, config = _load(folder, speculation_method=method)
    assert worker.info(config).has_mtp == has_mtp
    assert _proposers(worker, config) == ([MTPProposer] if has_mtp else [])
    assert (worker.target.hidden_states is not None) == has_mtp, "nobody reads them"


def test_heads_and_a_draft_model_are_there_together_unless_one_of_them_is_named(folder: Path) -> None:
    worker, config = _load(folder, draft_model=str(folder))
    assert (worker.info(config).has_mtp, worker.info(config).draft_model) == (True, str(folder))
    assert _proposers(worker, config) == [DraftModelProposer, MTPProposer]
    assert worker.mtp is not None and worker.draft is not None
    pools = (worker.target.pool, worker.mtp.pool, worker.draft.pool)
    assert worker.target.hidden_states is not None
    assert worker.info(config).kv_cache_bytes == sum(p.num_bytes for p in pools) + worker.target.hidden_states.num_bytes
    for pool in pools:
        pool.keys[0][16:32] = 5.0
    worker.copy_blocks([(1, 3)])
    assert all((pool.keys[0][48:64] == 5.0).all() for pool in pools)
    worker, config = _load(folder, draft_model=str(folder), speculation_method="draft")
    assert _proposers(worker, config) == [DraftModelProposer]
    worker, config = _load(folder, draft_model=str(folder), speculation_method="mtp")
    assert _proposers(worker, config) == [MTPProposer]


def test_heads_that_are_asked_for_and_not_there_are_missed_at_the_start(folder: Path) -> None:
    (folder / "mtp.safetensors").unlink()
    with pytest.raises(ConfigError, match=r"speculation_method mtp needs heads: the checkpoint of .* has no heads"):
        _load(folder, speculation_method="mtp")
    worker, config = _load(folder)
    assert not worker.info(config).has_mtp


def test_heads_and_hidden_states_share_the_memory_and_the_block_ids() -> None:
    head_bytes, state_bytes = BLOCK_BYTES // 2, 4 * 4 * 32
    worker = _with_heads(cache={"kv_memory_gib": 10 * (BLOCK_BYTES + head_bytes + state_bytes) / 2**30})
    assert worker.mtp is not None and worker.target.hidden_states is not None
    assert worker.target.pool.num_blocks == worker.mtp.pool.num_blocks == 10
    assert worker.info(EngineConfig()).kv_cache_bytes == 10 * (BLOCK_BYTES + head_bytes + state_bytes)
    states = worker.target.hidden_states
    states.write(torch.arange(4, 8), torch.ones(4, 32))
    worker.mtp.pool.keys[0][4:8] = 5.0
    worker.copy_blocks([(1, 3)])
    assert (states.read(torch.arange(12, 16)) == 1).all()
    assert (worker.mtp.pool.keys[0][12:16] == 5.0).all()
