"""A prompt with its parameters becomes a request, or is refused with the name of what is wrong."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence

from helix.errors import ContextLengthExceededError, InvalidRequestError
from helix.outputs import EngineInfo
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.structured.compiler import GrammarCompiler
from helix.text.tokenizer import Tokenizer


def admit(
    prompt_token_ids: Sequence[int],
    params: SamplingParams,
    *,
    info: EngineInfo,
    tokenizer: Tokenizer,
    grammars: GrammarCompiler,
    request_id: str | None,
    cache_salt: str | None,
    tenant: str | None,
    deadline_s: float | None,
    queue_timeout_s: float | None,
) -> Request:
    """Return a request that is not queued yet, with a seed and an id of its own where it has none.

    Raises:
        InvalidRequestError: Something in it cannot be served as asked; param names the field.
    """
    vocab_size = tokenizer.vocab_size
    num_prompt_tokens = len(prompt_token_ids)
    if not num_prompt_tokens:
        raise InvalidRequestError("the prompt is empty", param="prompt")
    if any(not 0 <= token_id < vocab_size for token_id in prompt_token_ids):
        raise InvalidRequestError(f"the prompt has token ids outside 0 to {vocab_size - 1}", param="prompt")
    room = info.max_model_len - num_prompt_tokens
    if room < (0 if params.max_tokens == 0 else 1) or (params.max_tokens is not None and params.max_tokens > room):
        raise ContextLengthExceededError(
            num_prompt_tokens=num_prompt_tokens, max_model_len=info.max_model_len, max_tokens=params.max_tokens
        )
    for param in ("logit_bias", "stop_token_ids", "prediction"):
        ids: Iterable[int] = getattr(params, param)
        if any(not 0 <= token_id < vocab_size for token_id in ids):
            raise InvalidRequestError(f"{param} has token ids outside 0 to {vocab_size - 1}", param=param)
    depth, prediction_depth = _depths(params, info)
    return Request(
        request_id or f"req-{secrets.token_hex(12)}",
        prompt_token_ids,
        params,
        seed=secrets.randbits(63) if params.seed is None else params.seed,
        eos_token_ids=tokenizer.eos_token_ids,
        max_tokens=room if params.max_tokens is None else params.max_tokens,
        speculation_depth=depth,
        prediction_depth=prediction_depth,
        cache_salt=cache_salt,
        tenant=tenant,
        deadline_s=deadline_s,
        queue_timeout_s=queue_timeout_s,
        grammar=None if params.grammar is None else grammars.compile(params.grammar),
    )


def _depths(params: SamplingParams, info: EngineInfo) -> tuple[int, int]:
    """Return the most tokens to draft per step, and the most from the request's prediction."""
    method = params.speculation_method or info.speculation_method
    if params.speculation_method == "draft" and info.draft_model is None:
        raise InvalidRequestError("there is no draft model loaded to speculate with", param="speculation_method")
    if params.speculation_method == "mtp" and not info.has_mtp:
        raise InvalidRequestError("there are no heads loaded to speculate with", param="speculation_method")
    depth = info.speculation_depth if params.speculation_depth is None else params.speculation_depth
    if depth > info.max_speculation_depth:
        raise InvalidRequestError(
            f"speculation_depth must be between 0 and {info.max_speculation_depth}, got {depth}",
            param="speculation_depth",
        )
    if method == "none":
        depth = 0
    if not params.prediction or not depth:
        return depth, 0
    return depth, info.prediction_depth if params.speculation_depth is None else depth
