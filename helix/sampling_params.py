"""What one caller asks of the sampler and when to stop."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from helix.config import AcceptanceRule, SpeculationMethod
from helix.errors import InvalidRequestError
from helix.structured.grammar import Grammar

MAX_LOGPROBS = 20
"""Most alternatives reported per token, as in OpenAI's API."""

_TINY = 2.0**-126
"""Smallest normal float32: the sampler's arithmetic turns what is smaller into 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingParams:
    """Sampling and stopping of one request; names and meanings are OpenAI's and vLLM's.

    Raises:
        InvalidRequestError: A value is out of range; param names the field.
    """

    max_tokens: int | None = None
    """Most tokens to generate; None: up to the end of the context; 0: the prompt is computed, and that is all."""
    min_tokens: int = 0
    """No end of sequence and no stop token before this many tokens, unless grammar leaves nothing else."""
    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    """Smallest set of most likely tokens whose probability reaches top_p; at least one token."""
    top_k: int = 0
    """Only the top_k most likely tokens; 0: all."""
    min_p: float = 0.0
    """Only tokens at least min_p times as likely as the most likely one."""
    presence_penalty: float = 0.0
    """Subtracted once from the logit of every token already generated."""
    frequency_penalty: float = 0.0
    """Subtracted from a token's logit for each time it was generated."""
    repetition_penalty: float = 1.0
    """Divides positive and multiplies negative logits of tokens in prompt or output (CTRL, arXiv 1909.05858)."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """Added to the logits of these token ids."""
    seed: int | None = None
    """Same seed, same text: whatever the batch, the speculation or its depth. None: a fresh one."""
    stop: tuple[str, ...] = ()
    """Generation ends before the first of these strings."""
    stop_token_ids: tuple[int, ...] = ()
    """Generation ends at any of these ids, besides the model's own end of sequence."""
    ignore_eos: bool = False
    """Do not stop at the model's end of sequence, except where it ends the grammar."""
    include_stop_str_in_output: bool = False
    """Leave the matched stop string in the text."""
    skip_special_tokens: bool = True
    """Leave special tokens out of the text."""
    logprobs: int | None = None
    """Alternatives to report per token, 0 to 20; None: no logprobs at all."""
    prompt_logprobs: int | None = None
    """The same for the tokens of the prompt, all of which are computed, whatever the prefix cache holds."""
    pooling: Literal["mean"] | None = None
    """Report an embedding of the prompt, all of which is computed: the mean of the last layer's hidden states."""
    grammar: Grammar | None = None
    """What the answer has to look like; None: anything. An answer cut by max_tokens or stop is the beginning of one."""
    speculation_depth: int | None = None
    """Draft tokens per step; None: the engine's; 0: no speculation for this request."""
    speculation_method: SpeculationMethod | None = None
    """Which proposer; None: the engine's."""
    speculation_adaptive: bool | None = None
    """Whether speculation_depth is a maximum, or always drafted; None: the engine's setting."""
    acceptance_rule: AcceptanceRule | None = None
    """How drafts are accepted; None: the engine's rule."""
    reports_steps: bool = False
    """Report each step of decoding: what was drafted, and what became of it."""
    prediction: tuple[int, ...] = ()
    """Token ids that much of the output is expected to repeat; they change its speed and never the output."""

    def __post_init__(self) -> None:
        _check_range("temperature", self.temperature, 0, 100)
        _check_range("top_p", self.top_p, _TINY, 1)
        _check_range("min_p", self.min_p, 0, 1)
        _check_range("top_k", self.top_k, 0, 2**31 - 1)
        _check_range("presence_penalty", self.presence_penalty, -2, 2)
        _check_range("frequency_penalty", self.frequency_penalty, -2, 2)
        _check_range("repetition_penalty", self.repetition_penalty, 0.01, 100)
        _check_range("max_tokens", self.max_tokens, 0, None)
        _check_range("min_tokens", self.min_tokens, 0, None)
        _check_range("logprobs", self.logprobs, 0, MAX_LOGPROBS)
        _check_range("prompt_logprobs", self.prompt_logprobs, 0, MAX_LOGPROBS)
        _check_range("speculation_depth", self.speculation_depth, 0, None)
        if self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise InvalidRequestError("min_tokens is larger than max_tokens", param="min_tokens")
        for bias in self.logit_bias.values():
            _check_range("logit_bias", bias, -100, 100)
        if any(not text for text in self.stop):
            raise InvalidRequestError("a stop string must not be empty", param="stop")
        if self.seed is not None and not -(2**63) <= self.seed < 2**64:
            raise InvalidRequestError("seed must be a 64-bit integer", param="seed")


def _check_range(name: str, value: float | None, low: float, high: float | None) -> None:
    """Raise unless value is None or a number in [low, high]; NaN is never in range."""
    if value is None:
        return
    if not (low <= value < math.inf and (high is None or value <= high)):
        wanted = f"at least {low}" if high is None else f"between {low} and {high}"
        raise InvalidRequestError(f"{name} must be {wanted}, got {value}", param=name)
