"""Frozen settings of an engine, validated when built.

What is found out at load (number of blocks, EOS ids, context length) belongs to the object that found it and is
never written back here. The command line generates its options from these classes: field, flag and help are one fact.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal

from helix.errors import ConfigError

DEMO_MODEL = "helix-demo"
"""Name of the built-in model, which needs no download."""
DEMO_DRAFT_MODEL = "helix-demo-draft"
"""Name of the built-in model's draft."""
AUTO_DRAFT_MODEL = "auto"
"""As a draft model: a small sibling of the model, if this machine has one."""

Quantization = Literal["none", "int8", "int4"]
DraftQuantization = Literal["auto", "none", "int8", "int4"]
OutputQuantization = Literal["int8", "int4"]
KVCacheDtype = Literal["auto", "int8"]
MatmulPrecision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Which model runs, where, and in which number format."""

    model: str = DEMO_MODEL
    """Name on the Hugging Face hub, a folder, or helix-demo for the built-in model."""
    revision: str | None = None
    """Branch, tag or commit of a hub model."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:N, mps, xpu or directml; auto takes the first of CUDA, DirectML, MPS, XPU, CPU."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of weights and, unless kv_cache_dtype says otherwise, KV cache; auto takes the checkpoint's where
    the device is fast at it."""
    quantization: Quantization = "none"
    """Bits of the weights of linear layers, on the CPU: int8 (a scale for each output), int4 (a scale for each
    group of weights), or none: as in the checkpoint. Faster and smaller, and no longer exactly the model."""
    matmul_precision: MatmulPrecision = "float32"
    """What the inputs of linear layers are rounded to, on the CPU: bfloat16 reads prompts and verifies drafts in half
    the time where the CPU has AVX512_BF16 and weights are bfloat16, and is no longer exactly the model. Sums and
    everything between the layers stay float32, and so does the draft model."""
    max_model_len: int | None = None
    """Longest prompt plus completion in tokens; None: what the model was built for."""
    num_threads: int | None = None
    """Threads for CPU arithmetic; None: as many as PyTorch chooses."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""
    allow_pickle: bool = False
    """Read weights from pickle files (.bin) where a model has none in safetensors; such files can hold programs, which
    are not run, but what reads them is larger than what reads safetensors."""
    sampling_defaults: Literal["model", "openai"] = "model"
    """What a request that leaves out temperature, top_p and the like gets: what the model's generation_config.json
    says, or OpenAI's own defaults (temperature 1, top_p 1)."""

    def __post_init__(self) -> None:
        _check_positive(max_model_len=self.max_model_len, num_threads=self.num_threads)
        if self.matmul_precision == "bfloat16":
            if self.quantization != "none":
                raise ConfigError(f"matmul_precision bfloat16 is for weights as they are, not {self.quantization}")
            if self.dtype not in ("auto", "bfloat16"):
                raise ConfigError(f"matmul_precision bfloat16 is for weights in bfloat16, not {self.dtype}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationConfig:
    """What weights of 4 bits look like, the model's and its draft's."""

    quantization_group_size: Literal[32, 64] | None = None
    """Weights that share a scale: 32 are nearer to the model, 64 smaller and in batches faster; None: 32."""
    quantization_zero_points: bool = False
    """Let a group's steps reach from its smallest to its largest weight instead of equally far to both sides of zero:
    nearer to the model, and in some batches slower."""
    quantization_output_layer: OutputQuantization | None = None
    """Bits of the layer that computes the logits, and of embeddings tied to it: int4 saves a few percent and is further
    from the model; None: int8."""

    def __post_init__(self) -> None:
        if self.quantization_group_size not in (None, 32, 64):
            raise ConfigError(f"quantization_group_size must be 32 or 64, got {self.quantization_group_size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """How much memory the KV cache takes and how it is cut."""

    block_size: int = 16
    """Tokens per block."""
    num_blocks: int | None = None
    """Number of blocks; None: as many as fit into kv_memory_gib or the device."""
    kv_memory_gib: float | None = None
    """Memory for the KV cache of target and draft together in GiB; None: 1 on CPU, what is left on a device."""
    device_memory_utilization: float = 0.9
    """Share of a device's memory the engine may take, weights included. Ignored on CPU."""
    kv_cache_dtype: KVCacheDtype = "auto"
    """Number format of keys and values: auto is the model's own; int8 holds 2 to 4 times as many tokens, with one scale
    for each token and head, and is no longer exactly the model."""
    kv_idle_memory_gib: float | None = None
    """Most memory in GiB that cached prefixes keep while nothing runs: beyond it, those used longest ago are forgotten.
    What they and finished requests took goes back to the system, on the CPU under Linux; None: all prefixes stay."""
    enable_prefix_caching: bool = True
    """Keep blocks of finished requests and share equal prefixes."""
    swap_space_gib: float = 0.0
    """Host memory in GiB for blocks that a GPU has no room for any more: a preempted request and a known prefix are
    copied back from it instead of being computed again. Of no use on a CPU, where kv_memory_gib is the same memory."""

    def __post_init__(self) -> None:
        _check_positive(block_size=self.block_size, num_blocks=self.num_blocks, kv_memory_gib=self.kv_memory_gib)
        if self.swap_space_gib < 0 or (self.swap_space_gib and not self.enable_prefix_caching):
            raise ConfigError("swap_space_gib is not negative, and needs enable_prefix_caching, which finds its blocks")
        if self.kv_idle_memory_gib is not None and self.kv_idle_memory_gib < 0:
            raise ConfigError(f"kv_idle_memory_gib must be at least 0, got {self.kv_idle_memory_gib}")
        if not 0 < self.device_memory_utilization <= 1:
            raise ConfigError(f"device_memory_utilization must be in (0, 1], got {self.device_memory_utilization}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerConfig:
    """How many requests and tokens share one step."""

    max_num_seqs: int = 16
    """Most requests that run at once."""
    max_num_batched_tokens: int = 512
    """Most tokens computed in one step, all requests together."""
    max_num_prefill_tokens_beside_decode: int = 128
    """Most prompt tokens that one request computes in a step others share, so that running streams keep flowing."""
    max_num_waiting: int = 256
    """Most requests that wait while all seats are taken; one more is refused as busy."""

    def __post_init__(self) -> None:
        _check_positive(
            max_num_seqs=self.max_num_seqs,
            max_num_batched_tokens=self.max_num_batched_tokens,
            max_num_prefill_tokens_beside_decode=self.max_num_prefill_tokens_beside_decode,
            max_num_waiting=self.max_num_waiting,
        )
        if self.max_num_batched_tokens < self.max_num_seqs:
            raise ConfigError(
                f"max_num_batched_tokens ({self.max_num_batched_tokens}) must be at least max_num_seqs "
                f"({self.max_num_seqs}): every running request needs one token a step"
            )

    @property
    def max_num_requests(self) -> int:
        """Most requests at once, running or waiting."""
        return self.max_num_seqs + self.max_num_waiting


SpeculationMethod = Literal["auto", "draft", "mtp", "suffix", "ngram", "grammar", "none"]
AcceptanceRule = Literal["auto", "match", "rejection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculativeConfig:
    """How tokens are guessed ahead and how guesses are accepted. Every setting is lossless."""

    speculation_depth: int | None = None
    """Most draft tokens per request and step unless a request asks otherwise; 0: none unless a request asks; None:
    max_speculation_depth."""
    max_speculation_depth: int = 16
    """Largest depth a request may ask for."""
    prediction_depth: int = 16
    """Draft tokens per step from the prediction that a request comes with, unless it asks for a depth itself; at most
    max_speculation_depth, and none where speculation is off."""
    draft_model: str | None = None
    """Name or folder of a smaller model, best one with the same tokenizer; auto: a small sibling of the model if this
    machine has one, never downloaded; None: the built-in one for helix-demo, else none."""
    draft_quantization: DraftQuantization = "auto"
    """Bits of the draft model's weights, as quantization: a draft that is wrong more often changes speed, not
    answers. auto: int8 where it works, which takes two thirds of the time and guesses as well."""
    draft_vocabulary_size: int | None = None
    """Let the draft model guess only the first so many tokens of its vocabulary, the frequent ones, and the special
    ones: its output layer is smaller, and it misses rare words; None: all."""
    speculation_adaptive: bool = True
    """Choose each step's depth, up to speculation_depth, by measured costs and past acceptance, so that speculation
    never costs more than it gives; off: always draft speculation_depth tokens."""
    speculation_method: SpeculationMethod = "auto"
    """Which proposer guesses: draft (a smaller model), mtp (heads that the model's checkpoint brings), suffix (the
    request's text and earlier outputs), ngram (the request's text alone, by its last tokens), grammar (what has no
    alternative), none, or auto: the best of them by measured costs and past acceptance, n-grams left to suffix, which
    finds the same; where nothing adapts, the first that guesses, a draft model before heads."""
    suffix_pool_tokens: int = 65536
    """Tokens of finished outputs that the suffix proposer keeps for each of the cache salts used last, at up to 160
    bytes each; 0: none."""
    ngram_max: int = 8
    """Longest suffix that the ngram proposer looks up."""
    ngram_min: int = 1
    """Shortest suffix that the ngram proposer looks up."""
    acceptance_rule: AcceptanceRule = "auto"
    """match: keep a guess equal to the target's own draw; rejection: Leviathan et al.; auto: match unless a sampled
    draft without a seed makes rejection accept more."""

    def __post_init__(self) -> None:
        _check_positive(
            max_speculation_depth=self.max_speculation_depth,
            prediction_depth=self.prediction_depth,
            draft_vocabulary_size=self.draft_vocabulary_size,
            ngram_max=self.ngram_max,
            ngram_min=self.ngram_min,
        )
        if self.speculation_depth is not None and not 0 <= self.speculation_depth <= self.max_speculation_depth:
            raise ConfigError(
                f"speculation_depth must be between 0 and {self.max_speculation_depth}, got {self.speculation_depth}"
            )
        if self.suffix_pool_tokens < 0:
            raise ConfigError(f"suffix_pool_tokens must be at least 0, got {self.suffix_pool_tokens}")
        if self.ngram_min > self.ngram_max:
            raise ConfigError(f"ngram_min ({self.ngram_min}) is larger than ngram_max ({self.ngram_max})")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Everything an engine needs to know before it loads."""

    model: ModelConfig = field(default_factory=ModelConfig)
    cache: CacheConfig = field(default_factory=CacheConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    speculative: SpeculativeConfig = field(default_factory=SpeculativeConfig)
    quantization: QuantizationConfig = field(default_factory=QuantizationConfig)

    def __post_init__(self) -> None:
        if "int4" not in (self.model.quantization, self.speculative.draft_quantization):
            for setting in fields(QuantizationConfig):
                if getattr(self.quantization, setting.name) != setting.default:
                    raise ConfigError(f"{setting.name} needs quantization int4, or draft_quantization int4")


def _check_positive(**values: float | None) -> None:
    for name, value in values.items():
        if value is not None and value <= 0:
            raise ConfigError(f"{name} must be positive, got {value}")
