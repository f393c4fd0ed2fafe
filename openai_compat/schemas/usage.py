"""What a request cost, in tokens."""

from __future__ import annotations

from msgspec import Struct


class PromptTokensDetails(Struct, kw_only=True):
    """Of the prompt's tokens."""

    cached_tokens: int = 0
    audio_tokens: int = 0


class CompletionTokensDetails(Struct, kw_only=True):
    """Of the completion's tokens.

    The prediction fields count drafts from the request's `prediction` alone, never those of ordinary speculation.
    """

    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0
    """Guessed from the prediction and not in the answer; no part of completion_tokens, which is what was emitted."""
    reasoning_tokens: int = 0
    audio_tokens: int = 0


class Usage(Struct, kw_only=True):
    """Tokens of one answer: a prompt counts once however many choices it has; an ending stop token counts."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails
