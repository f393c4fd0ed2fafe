"""POST /tokenize and /detokenize and GET /tokenizer_info, in vLLM's form."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from openai_compat.schemas.limits import MAX_MESSAGES, MAX_TOOLS, ModelName
from openai_compat.schemas.messages import Message
from openai_compat.schemas.tools import Tool


class TokenizeRequest(Struct, kw_only=True):
    """A text, or a conversation to be rendered in the model's template."""

    model: ModelName | None = None
    prompt: str | None = None
    messages: Annotated[list[Message], Meta(min_length=1, max_length=MAX_MESSAGES)] | None = None
    add_special_tokens: bool | None = None
    """Null: what the tokenizer puts around a text, and nothing around a conversation."""
    return_token_strs: bool | None = None
    tools: Annotated[list[Tool], Meta(max_length=MAX_TOOLS)] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    chat_template_kwargs: dict[str, Any] | None = None


class TokenizeResponse(Struct, kw_only=True):
    """Token ids."""

    count: int
    max_model_len: int
    tokens: list[int]
    token_strs: list[str] | UnsetType = UNSET


class DetokenizeRequest(Struct, kw_only=True):
    """Token ids."""

    tokens: list[int]
    model: ModelName | None = None
    skip_special_tokens: bool | None = None
    """Null: special tokens are text as well."""


class DetokenizeResponse(Struct, kw_only=True):
    """Their text."""

    prompt: str


class TokenizerInfo(Struct, kw_only=True):
    """What a client needs in order to write the model's prompts itself; null is what the tokenizer does not have."""

    bos_token: str | None
    eos_token: str | None
    chat_template: str | None
    """Jinja's source."""
