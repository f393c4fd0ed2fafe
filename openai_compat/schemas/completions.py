"""POST /v1/completions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from openai_compat.schemas.extension import HelixReport
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.schemas.usage import Usage


class CompletionRequest(AnswerFields, kw_only=True):
    """Text or token ids to be continued, one or several."""

    prompt: str | list[str | int | list[int]] | None
    logprobs: Annotated[int, Meta(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Meta(ge=0, le=20)] | None = None
    suffix: str | None = None


class CompletionLogprobs(Struct, kw_only=True):
    """Four parallel lists, one entry per token."""

    tokens: list[str] = []
    token_logprobs: list[float | None] = []
    """Null for the first token of an echoed prompt, which nothing stands before."""
    top_logprobs: list[dict[str, float] | None] = []
    text_offset: list[int] = []

    def extend(self, other: CompletionLogprobs) -> None:
        """Append the tokens of other."""
        self.tokens += other.tokens
        self.token_logprobs += other.token_logprobs
        self.top_logprobs += other.top_logprobs
        self.text_offset += other.text_offset


class CompletionChoice(Struct, kw_only=True):
    """One continuation, or a piece of it."""

    index: int
    text: str
    logprobs: CompletionLogprobs | None = None
    finish_reason: Literal["stop", "length"] | None = None


class Completion(Struct, kw_only=True):
    """A whole answer, or one chunk of a stream: their shape is the same."""

    id: str
    object: str = "text_completion"
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: Usage | UnsetType | None = UNSET
    system_fingerprint: str
    helix: HelixReport | UnsetType = UNSET
