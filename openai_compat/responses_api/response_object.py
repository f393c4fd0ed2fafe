"""The response object before its first token, and what it becomes in the end."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import structs

from openai_compat.errors import RATE_LIMIT, SERVER, ApiError
from openai_compat.responses.answer import Answer
from openai_compat.schemas.response_items import OutputItem
from openai_compat.schemas.responses import (
    IncompleteDetails,
    InputTokensDetails,
    OutputTokensDetails,
    Reasoning,
    ResponseError,
    ResponseObject,
    ResponsesRequest,
    ResponseUsage,
    TextConfig,
    TextFormat,
)


def begun(request: ResponsesRequest, answer: Answer) -> ResponseObject:
    """Return the response to a request, in progress; sampling parameters are those in force."""
    text = request.text or TextConfig()
    params = answer.params
    return ResponseObject(
        id=answer.id,
        created_at=answer.created,
        status="queued" if request.background else "in_progress",
        background=bool(request.background),
        instructions=request.instructions,
        max_output_tokens=request.max_output_tokens,
        max_tool_calls=request.max_tool_calls,
        model=answer.model,
        parallel_tool_calls=request.parallel_tool_calls is not False,
        previous_response_id=request.previous_response_id,
        prompt_cache_key=request.prompt_cache_key,
        reasoning=request.reasoning or Reasoning(),
        safety_identifier=request.safety_identifier,
        store=request.store is not False,
        temperature=params.temperature,
        text=structs.replace(text, format=text.format or TextFormat(type="text")),
        tool_choice="auto" if request.tool_choice is None else request.tool_choice,
        tools=request.tools or [],
        top_logprobs=request.top_logprobs or 0,
        top_p=params.top_p if request.top_p is None else request.top_p,
        truncation=request.truncation or "disabled",
        user=request.user,
        metadata=request.metadata or {},
    )


def ended(response: ResponseObject, answer: Answer, output: Sequence[OutputItem], *, is_cut: bool) -> ResponseObject:
    """Return the response with its output and numbers, incomplete when it was cut at its limit."""
    return structs.replace(
        response,
        status="incomplete" if is_cut else "completed",
        incomplete_details=IncompleteDetails() if is_cut else None,
        completed_at=None if is_cut else int(time.time()),
        output=[*output],
        usage=_usage(answer),
        helix=answer.tally.report(),
    )


def failed(response: ResponseObject, answer: Answer, output: Sequence[OutputItem], error: ApiError) -> ResponseObject:
    """Return the response with what was finished of its output before the error."""
    return structs.replace(
        response,
        status="failed",
        error=_error(error),
        output=[*output],
        usage=_usage(answer),
        helix=answer.tally.report(),
    )


def _usage(answer: Answer) -> ResponseUsage:
    usage = answer.tally.usage(num_choices=1)
    return ResponseUsage(
        input_tokens=usage.prompt_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=usage.prompt_tokens_details.cached_tokens),
        output_tokens=usage.completion_tokens,
        output_tokens_details=OutputTokensDetails(reasoning_tokens=usage.completion_tokens_details.reasoning_tokens),
        total_tokens=usage.total_tokens,
    )


def _error(error: ApiError) -> ResponseError:
    if error.type == SERVER:
        return ResponseError(code="server_error", message=str(error))
    if error.type == RATE_LIMIT:
        return ResponseError(code="rate_limit_exceeded", message=str(error))
    return ResponseError(code="invalid_prompt", message=str(error))
