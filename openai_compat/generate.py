"""Requests of Helix's own API become what a completion is made of: prompts as token ids, and settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import msgspec

from helix import InvalidRequestError, SamplingParams
from openai_compat.engine import ChatTokenizer
from openai_compat.errors import ApiError, InvalidParameter
from openai_compat.prompts import encode_guess, encode_prompts, render_prompt
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.schemas.generate import DEFAULT_MAX_TOKENS, GenerateFields, GenerateQuery, GenerateRequest
from openai_compat.schemas.messages import UserMessage
from openai_compat.schemas.sampling import SamplingFields


def of_query(query: GenerateQuery) -> GenerateRequest:
    """Return the request that a query asks for."""
    return GenerateRequest(**msgspec.structs.asdict(query))


def to_completion(request: GenerateFields, model: str) -> CompletionRequest:
    """Return the completion of no prompt under the request's settings, whose fields have the same names."""
    shared = {name: getattr(request, name) for name in SamplingFields.__struct_fields__}
    if request.max_tokens is None:
        shared["max_tokens"] = DEFAULT_MAX_TOKENS
    return CompletionRequest(model=model, prompt=None, **shared)


def encode_each(
    request: GenerateFields, prompts: Sequence[str | list[int]], tokenizer: ChatTokenizer
) -> list[list[int]]:
    """Return the ids of each prompt; an empty text is the beginning of a document.

    Raises:
        InvalidParameter: Token ids were to be put into the chat template, or there are none.
        InvalidRequestError: The template refuses a text.
    """
    return [_in_template(prompt, tokenizer) if request.chat else _as_it_is(prompt, tokenizer) for prompt in prompts]


def encode_prediction(request: GenerateFields, tokenizer: ChatTokenizer) -> tuple[int, ...]:
    """Return the ids of the predicted answer, empty where nothing is predicted."""
    return encode_guess(request.prediction, "prediction", tokenizer) if request.prediction else ()


def with_room(params: SamplingParams, prompts: Sequence[Sequence[int]], max_model_len: int) -> SamplingParams:
    """Return the parameters of a request that names no max_tokens: the default, or less where prompts leave less.

    A prompt that leaves nothing is for the engine to refuse.
    """
    room = max_model_len - max(len(prompt) for prompt in prompts)
    return replace(params, max_tokens=min(DEFAULT_MAX_TOKENS, room) if room > 0 else None)


@contextmanager
def named(field: str) -> Iterator[None]:
    """Let errors about the prompt name the field that has it."""
    try:
        yield
    except (ApiError, InvalidRequestError) as error:
        if error.param in ("prompt", "messages"):
            error.param = field
        raise


def _as_it_is(prompt: str | list[int], tokenizer: ChatTokenizer) -> list[int]:
    (encoded,) = encode_prompts(
        CompletionRequest(model="", prompt=prompt if isinstance(prompt, str) else [prompt]), tokenizer
    )
    return encoded


def _in_template(prompt: str | list[int], tokenizer: ChatTokenizer) -> list[int]:
    if not isinstance(prompt, str):
        raise InvalidParameter("prompt", "Token ids do not fit into the chat template: with chat, send text.")
    return render_prompt(ChatCompletionRequest(model="", messages=[UserMessage(content=prompt)]), tokenizer)
