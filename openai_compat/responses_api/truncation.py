"""`truncation` auto: the oldest turns are left out until the rest fits the model's context."""

from __future__ import annotations

from msgspec import structs

from helix import TextTooLongError
from openai_compat.engine import ChatTokenizer
from openai_compat.prompts import render_prompt
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.messages import DeveloperMessage, SystemMessage, UserMessage


def render_truncated(request: ChatCompletionRequest, tokenizer: ChatTokenizer, max_model_len: int) -> list[int]:
    """Return the prompt of as many of the last turns as leave room for the answer.

    A turn begins with a message of the user: no result of a call is left without the call. Instructions stay. The
    answer's room is its limit, or one token where it has none. Where not even the last turn fits, the whole prompt is
    returned, which the engine refuses.

    Raises:
        InvalidRequestError: The template refuses the conversation, or it is far too long and no end of it fits.
    """
    room = max_model_len - (request.max_completion_tokens or 1)
    whole = _rendered(request, tokenizer)
    if whole is not None and len(whole) <= room:
        return whole
    starts = [index for index, message in enumerate(request.messages) if isinstance(message, UserMessage)]
    fitting = whole
    fewest, most = 1, len(starts) - 1  # how many turns are left out; prompts get shorter with their number
    while fewest <= most:
        middle = (fewest + most) // 2
        prompt = _rendered(_without(request, starts[middle]), tokenizer)
        if prompt is not None and len(prompt) <= room:
            fitting, most = prompt, middle - 1
        else:
            fewest = middle + 1
    return render_prompt(request, tokenizer) if fitting is None else fitting


def _rendered(request: ChatCompletionRequest, tokenizer: ChatTokenizer) -> list[int] | None:
    """Return the prompt, or None where it is so long that it is not even encoded."""
    try:
        return render_prompt(request, tokenizer)
    except TextTooLongError:
        return None


def _without(request: ChatCompletionRequest, start: int) -> ChatCompletionRequest:
    """Return the request without the messages before start that are no instructions."""
    instructions = [m for m in request.messages[:start] if isinstance(m, SystemMessage | DeveloperMessage)]
    return structs.replace(request, messages=[*instructions, *request.messages[start:]])
