"""What a request cost, in tokens."""

from __future__ import annotations

from msgspec import Struct


class PromptTokensDetails(Struct, kw_only=True):
    """Of the prompt's tokens."""

    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionTokensDetails(Struct, kw_only=True):
    """Of the completion's tokens. The prediction fields speak of the request's `prediction`, not of drafts."""

    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0
    reasoning_tokens: int = 0
    audio_tokens: int = 0


class Usage(Struct, kw_only=True):
    """Tokens of one answer: a prompt counts once however many choices it has; an ending stop token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails
