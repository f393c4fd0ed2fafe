"""Prompts as LLMEngine.generate takes them, and what it returns for each."""

from __future__ import annotations

from collections.abc import Sequence

from helix.errors import InvalidRequestError
from helix.outputs import Generation
from helix.request import Request

Prompt = str | Sequence[int]
"""A text, or the token ids of one."""


def prompt_list(prompts: Prompt | Sequence[Prompt]) -> list[Prompt]:
    """Return one prompt as a list of one, and several as they are."""
    if isinstance(prompts, str):
        return [prompts]
    token_ids = [item for item in prompts if isinstance(item, int)]
    several: list[Prompt] = [item for item in prompts if not isinstance(item, int)]
    if token_ids and several:
        raise InvalidRequestError("a list of prompts has token ids beside whole prompts", param="prompt")
    return [token_ids] if token_ids else several


def generation_of(request: Request, text: str) -> Generation:
    """Return what became of a request that has finished."""
    assert request.finish_reason is not None
    return Generation(
        request_id=request.request_id,
        prompt_token_ids=tuple(request.prompt_token_ids),
        text=text,
        token_ids=tuple(request.output_token_ids),
        logprobs=tuple(request.output_logprobs) if request.params.logprobs is not None else None,
        finish_reason=request.finish_reason,
        stop_reason=request.stop_reason,
        metrics=request.metrics,
        prompt_logprobs=tuple(request.prompt_logprobs) if request.params.prompt_logprobs is not None else None,
    )
