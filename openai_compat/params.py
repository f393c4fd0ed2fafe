"""Request fields become SamplingParams, one per choice; what would have to be ignored is refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from msgspec import Struct

from helix import EngineInfo, Grammar, InvalidRequestError, SamplingParams
from openai_compat.answer_format import DEFAULT_FORMAT, AnswerFormat
from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.schemas.extension import SpeculationOptions
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.speculation import speculation_of
from openai_compat.structured_output import grammar_fields, grammar_of
from openai_compat.tool_calls.choice import tool_use

T = TypeVar("T")

COMPLETION_MAX_TOKENS = 16
"""Default of /v1/completions, where OpenAI's API has one."""
SMALLEST_TOP_P = 1e-6
"""Below one over any vocabulary's size: only the most likely token is left, which is what OpenAI's top_p 0 means."""

# Fields that are refused, and the values (besides null) that ask for nothing.
_REFUSED: Mapping[str, tuple[Any, ...]] = {
    "guided_whitespace_pattern": (),
    "prompt_logprobs": (),
}
_REFUSED_IN_STRUCTURED_OUTPUTS: Mapping[str, tuple[Any, ...]] = {
    "disable_additional_properties": (False,),
    "whitespace_pattern": (),
    "structural_tag": (),
}
_REFUSED_IN_CHAT: Mapping[str, tuple[Any, ...]] = {
    "audio": (),
    "modalities": (["text"],),
    "web_search_options": (),
    "moderation": (),
}


def to_sampling_params(
    request: ChatCompletionRequest | CompletionRequest,
    info: EngineInfo,
    *,
    prediction: tuple[int, ...] = (),
    answer_format: AnswerFormat = DEFAULT_FORMAT,
    end_token_ids: tuple[int, ...] = (),
) -> list[SamplingParams]:
    """Return one SamplingParams per choice; all of them share the prediction, given as token ids.

    The first alone scores the prompt, which is that of all.

    answer_format is how the model writes tool calls; end_token_ids end the text besides what the request says.

    Choice 0 has the request's seed, every other one a seed derived from it, so that the same request gives the same
    choices again.

    Raises:
        UnsupportedParameter, InvalidParameter: A field Helix refuses, or whose value makes no sense.
        InvalidRequestError: A value out of the engine's range; param is the field as the client wrote it.
    """
    with named_as_sent(request):
        if isinstance(request, ChatCompletionRequest):
            first = _chat_params(request, info, answer_format)
        else:
            first = _completion_params(request, info)
    ends = (*end_token_ids, *answer_format.end_token_ids)
    first = replace(first, stop_token_ids=(*first.stop_token_ids, *ends))
    params = [
        replace(first, seed=choice_seed(first.seed, index), prediction=prediction)
        for index in range(_num_generated(request))
    ]
    return [params[0], *(replace(one, prompt_logprobs=None) for one in params[1:])]


def choice_seed(seed: int | None, index: int) -> int | None:
    """Return the seed of a choice: the request's own for the first, one derived from it for each other."""
    if seed is None or index == 0:
        return seed
    digest = hashlib.sha256(f"{seed}/{index}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def _num_generated(request: ChatCompletionRequest | CompletionRequest) -> int:
    """Return how many choices each prompt gets, shown or not."""
    best_of = request.best_of if isinstance(request, CompletionRequest) else None
    return best_of or request.n or 1


@contextmanager
def named_as_sent(request: AnswerFields) -> Iterator[None]:
    """Let InvalidRequestErrors of the engine name the fields that the client wrote."""
    try:
        yield
    except InvalidRequestError as error:
        sent = _names_as_sent(request).get(error.param or "")
        if sent is not None and error.param is not None:
            error.args = (str(error).replace(f"{error.param} ", f"{sent} ", 1),)
            error.param = sent
        raise


def _names_as_sent(request: AnswerFields) -> dict[str, str]:
    names = dict(zip(("grammar",), [*grammar_fields(request), "tools"], strict=False))
    if not isinstance(request, ChatCompletionRequest):
        return names | {"messages": "prompt", "prompt_token_ids": "prompt", "prompt_logprobs": "logprobs"}
    names |= {name: f"chat_template_kwargs.{name}" for name in request.chat_template_kwargs or ()}
    names |= {"logprobs": "top_logprobs", "prompt": "messages", "prompt_token_ids": "messages"}
    if request.max_completion_tokens is not None:
        names["max_tokens"] = "max_completion_tokens"
    return names


def _chat_params(request: ChatCompletionRequest, info: EngineInfo, answer_format: AnswerFormat) -> SamplingParams:
    _refuse(request, _REFUSED_IN_CHAT)
    if request.top_logprobs is not None and not request.logprobs:
        raise InvalidParameter("top_logprobs", "top_logprobs is only allowed when logprobs is true.")
    max_tokens = request.max_tokens if request.max_completion_tokens is None else request.max_completion_tokens
    if max_tokens == 0:
        raise InvalidRequestError("max_tokens must be at least 1, got 0", param="max_tokens")
    params = _params(
        request,
        info,
        max_tokens=max_tokens,
        logprobs=(request.top_logprobs or 0) if request.logprobs else None,
        grammar=grammar_of(request, answer_format),
        skips_special_tokens=not answer_format.shows_special_tokens(has_tools=tool_use(request) is not None),
    )
    return replace(params, reports_steps=bool(request.speculation_trace))


def _completion_params(request: CompletionRequest, info: EngineInfo) -> SamplingParams:
    n = request.n or 1
    best_of = n if request.best_of is None else request.best_of
    if best_of < n:
        raise InvalidParameter("best_of", f"best_of must be at least n, got {best_of} for n {n}.")
    if best_of > n and request.stream:
        raise InvalidParameter("best_of", "best_of above n is not allowed with stream: which are best is known last.")
    return replace(
        _params(
            request,
            info,
            max_tokens=COMPLETION_MAX_TOKENS if request.max_tokens is None else request.max_tokens,
            logprobs=_or(request.logprobs, 0) if best_of > n else request.logprobs,
            grammar=grammar_of(request),
        ),
        prompt_logprobs=request.logprobs if request.echo else None,
    )


def _params(
    request: AnswerFields,
    info: EngineInfo,
    *,
    max_tokens: int | None,
    logprobs: int | None,
    grammar: Grammar | None,
    skips_special_tokens: bool = True,
) -> SamplingParams:
    if request.stream_options is not None and not request.stream:
        raise InvalidParameter("stream_options", "stream_options is only allowed when stream is true.")
    _refuse(request, _REFUSED)
    _refuse(request.structured_outputs, _REFUSED_IN_STRUCTURED_OUTPUTS, "structured_outputs.")
    speculation, options = speculation_of(request, info), request.speculation or SpeculationOptions()
    defaults = info.default_sampling_params
    return SamplingParams(
        max_tokens=max_tokens,
        min_tokens=_or(request.min_tokens, 0),
        temperature=_or(request.temperature, defaults.temperature),
        top_p=max(_or(request.top_p, defaults.top_p), SMALLEST_TOP_P),
        top_k=max(_or(request.top_k, defaults.top_k), 0),
        min_p=_or(request.min_p, defaults.min_p),
        presence_penalty=_or(request.presence_penalty, 0.0),
        frequency_penalty=_or(request.frequency_penalty, 0.0),
        repetition_penalty=_or(request.repetition_penalty, defaults.repetition_penalty),
        logit_bias=request.logit_bias or {},
        seed=request.seed,
        stop=_stop_strings(request),
        stop_token_ids=tuple(request.stop_token_ids or ()),
        ignore_eos=_or(request.ignore_eos, False),
        include_stop_str_in_output=_or(request.include_stop_str_in_output, False),
        skip_special_tokens=_or(request.skip_special_tokens, True) and skips_special_tokens,
        logprobs=logprobs,
        grammar=grammar,
        speculation_depth=speculation.depth,
        speculation_method=speculation.method,
        speculation_adaptive=options.adaptive,
        acceptance_rule=options.acceptance,
    )


def _or(value: T | None, default: T) -> T:
    """Null means the default."""
    return default if value is None else value


def _stop_strings(request: AnswerFields) -> tuple[str, ...]:
    return (request.stop,) if isinstance(request.stop, str) else tuple(request.stop or ())


def _refuse(request: Struct | None, refused: Mapping[str, tuple[Any, ...]], path: str = "") -> None:
    for name, harmless in refused.items():
        value = getattr(request, name, None)
        if value is not None and value not in harmless:
            raise UnsupportedParameter(f"{path}{name}")
