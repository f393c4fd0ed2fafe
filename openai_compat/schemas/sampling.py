"""Request fields that several endpoints share."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType, field

from openai_compat.schemas.extension import SpeculationOptions
from openai_compat.schemas.limits import CacheSalt, Choices, LogitBias, ModelName, StopString, StopStrings, StopTokenIds


class StreamOptions(Struct, kw_only=True):
    """What a stream carries besides text."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None
    """Accepted: a server without it sends no padding, which is what false asks for."""


class PlainSamplingFields(Struct, kw_only=True):
    """Sampling and stopping, as far as a number, a word or a switch says it. Null always means the default.

    Of temperature, top_p, top_k, min_p and repetition_penalty the default is the served model's own, where it has one.
    Ranges stand here only where OpenAI's are narrower than the engine's; the engine checks the others.
    """

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    max_tokens: int | None = None

    # Extensions, named as in vLLM.
    top_k: Annotated[int, Meta(ge=-1, le=2**31 - 1)] | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    include_stop_str_in_output: bool | None = None
    skip_special_tokens: bool | None = None
    ignore_eos: bool | None = None
    min_tokens: int | None = None
    guided_regex: str | None = None
    guided_grammar: str | None = None
    """In Lark's notation."""
    cache_salt: CacheSalt | None = None
    """Nothing kept of this request's text, neither KV nor what drafts copy, serves a request of another salt."""

    # Helix's own.
    speculation_depth: int | None = None

    # What clients of other servers send: llama.cpp's and mlx-lm's names for the depth, and mlx-lm's switch.
    speculative_n_max: int | None = field(default=None, name="speculative.n_max")
    num_draft_tokens: int | None = None
    draft_model: ModelName | UnsetType | None = UNSET
    """Null switches speculation off; a name must be that of the draft model that is loaded."""


class StructuredOutputs(Struct, kw_only=True):
    """What the answer must look like, in the newer form of vLLM: one of these, all of which have older names."""

    json: dict[str, Any] | str | None = None
    regex: str | None = None
    choice: Choices | None = None
    grammar: str | None = None
    """In Lark's notation."""
    json_object: bool | None = None

    disable_any_whitespace: bool | None = None
    """Accepted: JSON is written with one space behind comma and colon and none elsewhere."""
    disable_fallback: bool | None = None
    """Accepted: there is nothing to fall back to."""

    # Declared in order to be refused by name.
    disable_additional_properties: bool | None = None
    whitespace_pattern: str | None = None
    structural_tag: Any = None


class SamplingFields(PlainSamplingFields, kw_only=True):
    """All that can be said of sampling and stopping."""

    logit_bias: LogitBias | None = None
    stop: StopString | StopStrings | None = None
    stop_token_ids: StopTokenIds | None = None
    guided_json: dict[str, Any] | str | None = None
    guided_choice: Choices | None = None
    structured_outputs: StructuredOutputs | None = None
    speculation: SpeculationOptions | None = None


class AnswerFields(SamplingFields, kw_only=True):
    """What OpenAI's endpoints share: which model, how many choices, and how they are sent."""

    model: ModelName
    n: Annotated[int, Meta(ge=1, le=128)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    guided_decoding_backend: str | None = None
    """Accepted: which library sees to the form changes nothing about it."""

    # Declared in order to be refused by name.
    guided_whitespace_pattern: str | None = None
    prompt_logprobs: int | None = None
