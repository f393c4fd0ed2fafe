"""What the engine tells the world about a request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum

from helix.sampling_params import SamplingParams


class FinishReason(StrEnum):
    """Why a request ended; the first two are OpenAI's words."""

    STOP = "stop"
    LENGTH = "length"
    ABORT = "abort"


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """How likely the model found one token, before any penalty, bias, temperature or filter."""

    token_id: int
    logprob: float
    top: tuple[tuple[int, float], ...] = ()
    """The most likely (token_id, logprob) at this position, best first; as many as were asked for."""


@dataclass(slots=True)
class ProposerStats:
    """What one proposer drafted for one request, or for all of them."""

    num_draft_tokens: int = 0
    num_accepted_tokens: int = 0


@dataclass(slots=True)
class SpecDecodeStats:
    """What speculation did: counted where drafts are verified, never estimated."""

    num_steps: int = 0
    """Target passes that committed at least one token."""
    num_drafts: int = 0
    """Of those, passes that verified at least one draft token."""
    num_draft_tokens: int = 0
    num_accepted_tokens: int = 0
    num_emitted_tokens: int = 0
    """Tokens committed by those passes: accepted ones, and one of the target's own each."""
    draft_tokens_per_position: Counter[int] = field(default_factory=Counter)
    accepted_tokens_per_position: Counter[int] = field(default_factory=Counter)
    by_proposer: dict[str, ProposerStats] = field(default_factory=dict)
    drafting_s: float = 0.0
    """Time of the steps above that went into drafting, batch mates' drafts included."""
    verifying_s: float = 0.0
    """Time of the steps above that went into the target's pass, the sampler and all else that every step takes."""
    plain_s: float = 0.0
    """Time that plain decoding would have taken for the same tokens, by measured costs; 0 where they are not known."""
    num_paused_steps: int = 0
    """Steps in which speculation was switched off because it had been slower than plain decoding."""

    @property
    def estimated_speed_up(self) -> float | None:
        """How much faster than plain decoding; None where costs are not known."""
        spent_s = self.drafting_s + self.verifying_s
        return self.plain_s / spent_s if self.plain_s and spent_s else None

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted over drafted tokens; None when nothing was drafted."""
        return self.num_accepted_tokens / self.num_draft_tokens if self.num_draft_tokens else None

    @property
    def mean_accepted_length(self) -> float | None:
        """Tokens committed per target pass; 1 is plain decoding, None before the first pass."""
        return self.num_emitted_tokens / self.num_steps if self.num_steps else None

    def observe(self, drafts: Sequence[tuple[str, int]], *, num_accepted_tokens: int, num_emitted: int) -> None:
        """Count one verification.

        Accepted tokens that a stop cut off did not reach the answer and do not count.

        Args:
            drafts: Proposer and number of tokens of each draft, one behind the other; empty when decoding plainly.
            num_accepted_tokens: Of all of them together.
            num_emitted: Tokens committed.
        """
        self.num_steps += 1
        self.num_emitted_tokens += num_emitted
        if not drafts:
            return
        num_accepted_tokens = min(num_accepted_tokens, num_emitted)
        num_draft_tokens = sum(num_tokens for _, num_tokens in drafts)
        self.num_drafts += 1
        self.num_draft_tokens += num_draft_tokens
        self.num_accepted_tokens += num_accepted_tokens
        self.draft_tokens_per_position.update(range(num_draft_tokens))
        self.accepted_tokens_per_position.update(range(num_accepted_tokens))
        for proposer, num_tokens in drafts:
            stats = self.by_proposer.setdefault(proposer, ProposerStats())
            stats.num_draft_tokens += num_tokens
            stats.num_accepted_tokens += min(num_tokens, num_accepted_tokens)
            num_accepted_tokens -= min(num_tokens, num_accepted_tokens)

    def add(self, other: SpecDecodeStats) -> None:
        """Count what another one counted as well."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Counter):
                value.update(getattr(other, one.name))
            elif one.name != "by_proposer":
                setattr(self, one.name, value + getattr(other, one.name))
        for proposer, counted in other.by_proposer.items():
            stats = self.by_proposer.setdefault(proposer, ProposerStats())
            stats.num_draft_tokens += counted.num_draft_tokens
            stats.num_accepted_tokens += counted.num_accepted_tokens

    def observe_time(self, drafting_s: float, verifying_s: float, plain_s: float | None, *, is_paused: bool) -> None:
        """Count the time of one verification."""
        self.drafting_s += drafting_s
        self.verifying_s += verifying_s
        self.plain_s += plain_s or 0.0
        self.num_paused_steps += is_paused


@dataclass(slots=True)
class RequestMetrics:
    """When things happened to one request, in seconds of the monotonic clock, and what speculation did."""

    arrival_s: float
    scheduled_s: float | None = None
    """First step that computed something for it."""
    first_token_s: float | None = None
    last_token_s: float | None = None
    num_prompt_tokens: int = 0
    num_cached_tokens: int = 0
    """Prompt tokens whose KV was found in the prefix cache."""
    num_generated_tokens: int = 0
    num_preemptions: int = 0
    inter_token_s: list[float] = field(default_factory=list)
    """Time between consecutive steps that brought tokens, divided evenly over each step's tokens."""
    spec: SpecDecodeStats = field(default_factory=SpecDecodeStats)

    @property
    def queue_s(self) -> float | None:
        """Waiting time before the first step."""
        return None if self.scheduled_s is None else self.scheduled_s - self.arrival_s

    @property
    def ttft_s(self) -> float | None:
        """Time to first token, waiting included."""
        return None if self.first_token_s is None else self.first_token_s - self.arrival_s

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens after the first one per second of decoding; None for fewer than two tokens."""
        if self.first_token_s is None or self.last_token_s is None or self.num_generated_tokens < 2:
            return None
        elapsed = self.last_token_s - self.first_token_s
        return (self.num_generated_tokens - 1) / elapsed if elapsed > 0 else None


@dataclass(frozen=True, slots=True)
class StepDraft:
    """What one proposer drafted for one request in one step."""

    proposer: str
    token_ids: tuple[int | None, ...]
    """None stands for a rejected token that was copied from the answer to another request."""


@dataclass(frozen=True, slots=True)
class DecodeStep:
    """One pass of the target for one request: what was guessed, and what was committed."""

    drafts: tuple[StepDraft, ...]
    """One behind the other; none when decoding plainly."""
    num_accepted_tokens: int
    """Of all drafts together; the first of token_ids."""
    token_ids: tuple[int, ...]
    """Accepted drafts, then a token of the target's own unless the request ended before it."""
    elapsed_s: float
    """From the request's arrival to the end of the step."""


@dataclass(frozen=True, slots=True)
class RequestOutput:
    """What one step added to one request."""

    request_id: str
    text: str
    """Text added since the last output: whole characters only, nothing that may still become a stop string."""
    token_ids: tuple[int, ...]
    """Tokens committed since the last output, an ending stop token included."""
    logprobs: tuple[TokenLogprob, ...] | None
    """One entry for each of token_ids, or None when none were asked for."""
    finish_reason: FinishReason | None
    stop_reason: str | int | None
    """The stop string or stop token id that ended the request; why its grammar could not be followed, for one that was
    aborted for that; None for end of sequence and other reasons."""
    metrics: RequestMetrics
    """Live numbers of the request; final when finish_reason is set."""
    prompt_logprobs: tuple[TokenLogprob, ...] | None = None
    """One entry for each prompt token but the first, which nothing stands before; in the first output of a request that
    asked for them."""
    embedding: tuple[float, ...] | None = None
    """Of the prompt, of length 1; in the first output of a request that asked for it."""
    steps: tuple[DecodeStep, ...] = ()
    """The steps that brought token_ids, for a request that asked for them."""

    @property
    def is_finished(self) -> bool:
        """Whether this is the request's last output."""
        return self.finish_reason is not None


@dataclass(frozen=True, slots=True)
class Generation:
    """The whole answer to one prompt, from the synchronous engine."""

    request_id: str
    prompt_token_ids: tuple[int, ...]
    text: str
    token_ids: tuple[int, ...]
    logprobs: tuple[TokenLogprob, ...] | None
    finish_reason: FinishReason
    stop_reason: str | int | None
    metrics: RequestMetrics
    prompt_logprobs: tuple[TokenLogprob, ...] | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine runs, found out at load."""

    model: str
    """As the operator named it."""
    architecture: str
    num_parameters: int
    draft_model: str | None
    """As the operator named it, or the built-in one, or the sibling that was found."""
    device: str
    dtype: str
    linear_route: str
    max_model_len: int
    max_num_requests: int
    """Most requests at once, running or waiting."""
    num_blocks: int
    block_size: int
    kv_cache_bytes: int
    speculation_method: str
    speculation_depth: int
    max_speculation_depth: int
    speculation_adaptive: bool
    acceptance_rule: str
    prediction_depth: int
    """Draft tokens per step from a request's prediction, unless the request asks for a depth."""
    default_sampling_params: SamplingParams
    """What a request gets where it asks for nothing."""
    self_test_difference: float
    """Largest difference of paged and stock logits at load, in standard deviations of the logits."""
    draft_remark: str = ""
    """What there is to know about the draft model, or why there is none where one was looked for."""
    hidden_size: int = 0
    """Numbers in an embedding."""
    has_mtp: bool = False
    """Whether heads of the model's checkpoint are loaded to draft."""
    quantization: str = "none"
    """Bits of the weights of linear layers."""
    draft_quantization: str = "none"
    """The same of the draft model."""
    matmul_precision: str = "float32"
    """What the inputs of linear layers are rounded to on a CPU."""
    kv_cache_dtype: str = "float32"
    """Number format of keys and values."""
