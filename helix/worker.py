"""Everything an engine runs on a device: target, draft, heads, their KV pools and the tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace

import torch

from helix.config import EngineConfig, ModelConfig
from helix.errors import ConfigError, ModelLoadError
from helix.generation_config import GenerationConfig
from helix.kernels.threads import own_threads
from helix.kv_cache.pool import HiddenStatePool, KVCachePool, num_bytes_per_block
from helix.memory_advice import blocks_that_fit, weights_that_fit
from helix.model.draft import LoadedDraft, draft_name, load_draft
from helix.model.families import LayerSpec
from helix.model.loader import NUM_LOADING_STAGES, LoadedModel, load_model, load_tokenizer, model_path
from helix.model.loading_bar import LoadingBar
from helix.model.mtp import MTPRunner
from helix.model.mtp_loader import LoadedMTP, load_mtp
from helix.model.runner import ModelRunner, self_test
from helix.outputs import EngineInfo
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.draft_model import DraftModelProposer
from helix.spec_decode.mtp import MTPProposer
from helix.spec_decode.proposer import ModelProposer
from helix.spec_decode.translated_draft import TranslatedDraftProposer
from helix.text.tokenizer import Tokenizer
from helix.text.translation import Translation


@dataclass(frozen=True, slots=True)
class Worker:
    """The loaded parts; a target, its heads and a draft of its vocabulary share block ids, each in its own pool."""

    name: str
    tokenizer: Tokenizer
    target: ModelRunner
    draft: ModelRunner | None
    max_model_len: int
    self_test_difference: float
    translation: Translation | None = None
    """Between the target's tokens and those of a draft of another vocabulary, whose blocks are its own."""
    draft_remark: str = ""
    mtp: MTPRunner | None = None
    """The target's heads, where they may guess."""
    default_sampling_params: SamplingParams = field(default_factory=SamplingParams)
    num_swap_blocks: int = 0
    """Blocks in host memory, in the pools that share block ids."""

    def threads(self) -> AbstractContextManager[None]:
        """Return the context of a step: Helix's own threads where its operators do all long work, else torch's."""
        # Heads run layer by layer, but what takes long in their one layer are operators too.
        runners = (self.target, self.draft)
        is_fused = all(runner.loaded.fused is not None for runner in runners if runner is not None)
        return own_threads() if is_fused else nullcontext()

    def copy_blocks(self, copies: Sequence[tuple[int, int]]) -> None:
        """Copy blocks (source, destination) in the pools that share their ids."""
        if copies:
            for pool in self._pools_of_one_table:
                pool.copy_blocks(copies)

    def release_blocks(self, runs: Sequence[tuple[int, int]]) -> None:
        """Give the memory of runs of blocks, which hold nothing, back in the pools that share their ids."""
        for pool in self._pools_of_one_table:
            pool.release_blocks(runs)

    def add_swap_space(self) -> None:
        """Take host memory for num_swap_blocks blocks."""
        for pool in self._pools_of_one_table:
            pool.add_swap_space(self.num_swap_blocks)

    @property
    def _pools_of_one_table(self) -> list[KVCachePool | HiddenStatePool]:
        runners = [self.target, self.draft if self.translation is None else None, self.mtp]
        pools = [*(runner.pool for runner in runners if runner is not None), self.target.hidden_states]
        return [pool for pool in pools if pool is not None]

    @property
    def drafters(self) -> dict[str, ModelRunner | MTPRunner]:
        """What drafts besides copying, by the name of its proposer."""
        runners = {DraftModelProposer.name: self.draft, MTPProposer.name: self.mtp}
        return {name: runner for name, runner in runners.items() if runner is not None}

    def draft_proposers(self, sampler: Sampler, config: EngineConfig) -> list[ModelProposer]:
        """Return the proposers that run the draft model and the heads, as far as there are any, in this order."""
        budget = config.scheduler.max_num_batched_tokens
        proposers: list[ModelProposer] = []
        if self.draft is not None and self.translation is None:
            proposers.append(DraftModelProposer(self.draft, sampler, max_num_batched_tokens=budget))
        elif self.draft is not None and self.translation is not None:
            translated = TranslatedDraftProposer(
                self.draft,
                self.translation,
                max_num_batched_tokens=budget,
                enable_prefix_caching=config.cache.enable_prefix_caching,
            )
            proposers.append(translated)
        if self.mtp is not None:
            proposers.append(MTPProposer(self.mtp, sampler, max_num_batched_tokens=budget))
        return proposers

    def info(self, config: EngineConfig) -> EngineInfo:
        """Describe what runs, for people and for the API."""
        target, draft = self.target, self.draft
        speculative = config.speculative
        return EngineInfo(
            model=self.name,
            architecture=target.loaded.architecture,
            num_parameters=target.loaded.num_parameters,
            draft_model=None if draft is None else draft.loaded.name,
            draft_remark=self.draft_remark,
            device=str(target.loaded.device),
            dtype=str(target.loaded.dtype).removeprefix("torch."),
            linear_route=target.loaded.linear_route,
            max_model_len=self.max_model_len,
            max_num_requests=config.scheduler.max_num_requests,
            num_blocks=target.pool.num_blocks,
            block_size=target.pool.block_size,
            kv_cache_bytes=self._num_cache_bytes,
            speculation_method=speculative.speculation_method,
            speculation_depth=(
                speculative.max_speculation_depth
                if speculative.speculation_depth is None
                else speculative.speculation_depth
            ),
            max_speculation_depth=speculative.max_speculation_depth,
            speculation_adaptive=speculative.speculation_adaptive,
            acceptance_rule=speculative.acceptance_rule,
            prediction_depth=min(speculative.prediction_depth, speculative.max_speculation_depth),
            default_sampling_params=self.default_sampling_params,
            self_test_difference=self.self_test_difference,
            hidden_size=target.loaded.hidden_size,
            has_mtp=self.mtp is not None,
            quantization=target.loaded.quantization,
            draft_quantization="none" if draft is None else draft.loaded.quantization,
            matmul_precision=target.loaded.matmul_precision,
            kv_cache_dtype=str(target.pool.dtype).removeprefix("torch."),
        )

    @property
    def _num_cache_bytes(self) -> int:
        states = self.target.hidden_states
        num_bytes = sum(runner.pool.num_bytes for runner in (self.target, *self.drafters.values()))
        return num_bytes + (0 if states is None else states.num_bytes)


def load_worker(config: EngineConfig) -> Worker:
    """Load target, draft, heads and tokenizer, check them against each other, and allocate the pools.

    Raises:
        ConfigError, ModelLoadError: They cannot be loaded, do not fit together, or do not fit the memory.
    """
    if config.model.num_threads is not None:
        torch.set_num_threads(config.model.num_threads)
    wanted = draft_name(config)
    num_models = 1 if wanted is None else 2
    with LoadingBar(2 + num_models * NUM_LOADING_STAGES) as bar:
        bar.begin("reading the tokenizer")
        tokenizer = load_tokenizer(config.model)
        sampling_params = _default_sampling_params(config.model)
        with weights_that_fit(config.model, model_path(config.model.model)):
            target = load_model(config.model, bar, quantization_settings=config.quantization)
        draft = LoadedDraft() if wanted is None else load_draft(wanted, config, tokenizer, target, bar)
        mtp = LoadedMTP()
        if config.speculative.speculation_method in ("auto", "mtp"):
            mtp = load_mtp(config.model, target)
            if config.speculative.speculation_method == "mtp" and mtp.module is None:
                raise ConfigError(f"speculation_method mtp needs heads: {mtp.remark}")
        bar.begin("comparing with transformers")
        worker = build_worker(config, tokenizer, target, draft.model, draft.translation, mtp)
        tokenizer.limit(worker.max_model_len)
        return replace(worker, default_sampling_params=sampling_params, draft_remark=draft.remark)


def build_worker(
    config: EngineConfig,
    tokenizer: Tokenizer,
    target: LoadedModel,
    draft: LoadedModel | None,
    translation: Translation | None = None,
    mtp: LoadedMTP | None = None,
) -> Worker:
    """Test loaded models, size and allocate their pools."""
    if tokenizer.vocab_size > target.vocab_size:
        raise ModelLoadError(
            f"the tokenizer of {target.name} has {tokenizer.vocab_size} ids, its model only {target.vocab_size}"
        )
    block_size = config.cache.block_size
    difference = self_test(target, block_size=block_size, kv_dtype=_kv_dtype(config, target))
    models = [target]
    if draft is not None:
        self_test(draft, block_size=block_size, kv_dtype=_kv_dtype(config, draft))
        models.append(draft)
    # How many of its own tokens a translated text takes is the draft's business, so there its context is no limit.
    max_model_len = min(model.max_model_len for model in (models if translation is None else [target]))
    if config.model.max_model_len is not None:
        if config.model.max_model_len > max_model_len:
            raise ConfigError(f"max_model_len {config.model.max_model_len} is beyond the model's {max_model_len}")
        max_model_len = config.model.max_model_len
    head = None if mtp is None else mtp.layer
    num_blocks = _num_blocks(config, models, head, max_model_len)
    bytes_per_block = _num_bytes_per_block(config, models, head)
    heads = None
    with blocks_that_fit(num_blocks, bytes_per_block, target.device, kv_cache_dtype=config.cache.kv_cache_dtype):
        states = None if head is None else _hidden_states(config, target, num_blocks)
        runners = [
            ModelRunner(model, _pool(config, model, model.layers, num_blocks), states if model is target else None)
            for model in models
        ]
        if mtp is not None and mtp.module is not None and head is not None:
            heads = MTPRunner(mtp.module, head, runners[0], _pool(config, target, [head], num_blocks))
    worker = Worker(
        name=target.name,
        tokenizer=tokenizer,
        target=runners[0],
        draft=runners[1] if draft is not None else None,
        max_model_len=min(max_model_len, num_blocks * block_size),
        self_test_difference=difference,
        translation=translation,
        mtp=heads,
        num_swap_blocks=int(config.cache.swap_space_gib * 2**30 / bytes_per_block),
    )
    worker.add_swap_space()
    return worker


def _pool(config: EngineConfig, model: LoadedModel, layers: Sequence[LayerSpec], num_blocks: int) -> KVCachePool:
    return KVCachePool(
        [layer.kv for layer in layers],
        num_blocks=num_blocks,
        block_size=config.cache.block_size,
        dtype=_kv_dtype(config, model),
        device=model.device,
    )


def _kv_dtype(config: EngineConfig, model: LoadedModel) -> torch.dtype:
    return torch.int8 if config.cache.kv_cache_dtype == "int8" else model.dtype


def _hidden_states(config: EngineConfig, model: LoadedModel, num_blocks: int) -> HiddenStatePool:
    return HiddenStatePool(
        model.hidden_size,
        num_blocks=num_blocks,
        block_size=config.cache.block_size,
        dtype=model.dtype,
        device=model.device,
    )


def _default_sampling_params(model: ModelConfig) -> SamplingParams:
    if model.sampling_defaults == "openai":
        return SamplingParams()
    return GenerationConfig.read(model_path(model.model), revision=model.revision).sampling_params()


def _num_blocks(config: EngineConfig, models: Sequence[LoadedModel], head: LayerSpec | None, max_model_len: int) -> int:
    """How many blocks fit, all pools counted; never more than all seats could use."""
    cache = config.cache
    if cache.num_blocks is not None:
        return cache.num_blocks
    block_size, per_block = cache.block_size, _num_bytes_per_block(config, models, head)
    device = models[0].device
    if cache.kv_memory_gib is not None:
        memory = cache.kv_memory_gib * 2**30
    elif device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        memory = free - (1 - cache.device_memory_utilization) * total
    else:
        memory = 2**30
    num_useful = -(-max_model_len // block_size) * config.scheduler.max_num_seqs
    num_blocks = min(int(memory // per_block), num_useful)
    if num_blocks < 2:
        raise ConfigError(
            f"no room for the KV cache: one block of {block_size} tokens takes {per_block / 2**20:.1f} MiB "
            f"and there are {max(memory, 0) / 2**20:.1f} MiB; lower block_size or raise kv_memory_gib"
            + ("" if cache.kv_cache_dtype == "int8" else ", or take kv_cache_dtype int8")
        )
    return num_blocks


def _num_bytes_per_block(config: EngineConfig, models: Sequence[LoadedModel], head: LayerSpec | None) -> int:
    """Return what a block takes in all pools together."""
    block_size = config.cache.block_size
    per_block = sum(
        num_bytes_per_block([layer.kv for layer in m.layers], block_size=block_size, dtype=_kv_dtype(config, m))
        for m in models
    )
    target = models[0]
    if head is not None:
        per_block += num_bytes_per_block([head.kv], block_size=block_size, dtype=_kv_dtype(config, target))
        per_block += block_size * target.hidden_size * target.dtype.itemsize
    return per_block
