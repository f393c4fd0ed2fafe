"""Helix's own API: POST /generate, /generate/batch and /generate/stream, and GET /generate/stream."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from openai_compat.schemas.extension import HelixReport
from openai_compat.schemas.limits import ModelName, StopString, StopStrings
from openai_compat.schemas.sampling import PlainSamplingFields, SamplingFields
from openai_compat.schemas.trace import TracedStep

DEFAULT_MAX_TOKENS = 256
"""Most tokens of an answer whose request names no number; fewer where the context has no room for them."""


class GenerateFields(SamplingFields, kw_only=True):
    """What requests for one text and for several share."""

    model: ModelName | None = None
    """The served model needs no name; any other one is not found."""
    chat: bool | None = None
    """Put each prompt into the model's chat template, as a question of the user; else it is continued as it stands."""
    prediction: str | None = None
    """What much of the answer will be: it makes the answer faster and never different."""
    speculation_trace: bool | None = None
    """Tell which steps the text came from: what each proposer guessed, and what became of it."""


class GenerateRequest(GenerateFields, kw_only=True):
    """A text, or the token ids of one, to be continued."""

    prompt: str | list[int]


class BatchRequest(GenerateFields, kw_only=True):
    """Several of them, computed together under the same settings."""

    prompts: Annotated[list[str | list[int]], Meta(min_length=1)]


class GenerateQuery(PlainSamplingFields, kw_only=True):
    """The same as parameters of a query; what takes an object or a list of numbers is for POST."""

    prompt: str
    model: ModelName | None = None
    chat: bool | None = None
    prediction: str | None = None
    speculation_trace: bool | None = None
    stop: StopString | StopStrings | None = None
    """May be given several times."""


class GenerateMetrics(Struct, kw_only=True):
    """The numbers most people look at."""

    prompt_tokens: int
    cached_tokens: int
    """Of the prompt, tokens that did not have to be computed."""
    completion_tokens: int
    ttft_s: float | None
    """From arrival to the first token."""
    total_s: float
    """From arrival to the last token."""
    tokens_per_s: float | None
    """Tokens after the first one per second of decoding; null for fewer than two tokens."""
    acceptance_rate: float | None
    """Accepted over drafted tokens; null when nothing was drafted."""


class GeneratedText(Struct, kw_only=True):
    """What became of one prompt."""

    text: str
    """Everything the model wrote, thoughts and calls included, without the prompt."""
    token_ids: list[int]
    """An ending stop token is one of them, and no part of the text."""
    finish_reason: Literal["stop", "length"]
    stop_reason: str | int | None
    """The stop string or stop token id that ended the text, if one did."""
    speculation_trace: list[TracedStep] | UnsetType = UNSET
    metrics: GenerateMetrics
    helix: HelixReport


class Generation(GeneratedText, kw_only=True):
    """The answer to one prompt."""

    id: str
    created: int
    model: str


class GenerationBatch(Struct, kw_only=True):
    """The answers to several prompts, in their order, and the numbers of all of them together."""

    id: str
    created: int
    model: str
    results: list[GeneratedText]
    metrics: GenerateMetrics
    helix: HelixReport


class GenerationEvent(Struct, kw_only=True):
    """What one step of decoding added; the last event says how it ended and what it cost."""

    token: str
    """Whole characters, so it may be empty; several tokens' text where drafts were accepted."""
    token_ids: list[int]
    is_final: bool
    speculation_trace: list[TracedStep] | UnsetType = UNSET
    """The step itself, or several that the client was too slow for: where each token came from."""
    finish_reason: Literal["stop", "length"] | UnsetType = UNSET
    stop_reason: str | int | UnsetType | None = UNSET
    metrics: GenerateMetrics | UnsetType = UNSET
    helix: HelixReport | UnsetType = UNSET
