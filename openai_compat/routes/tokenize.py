"""POST /tokenize and /detokenize, GET /tokenizer_info."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET

from openai_compat.body import read_body
from openai_compat.delivery import json_response
from openai_compat.engine import ChatTokenizer
from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.params import named_as_sent
from openai_compat.prompts import render_prompt
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.tokenize import (
    DetokenizeRequest,
    DetokenizeResponse,
    TokenizeRequest,
    TokenizeResponse,
    TokenizerInfo,
)


class TokenizeController(Controller):
    """The served model's tokenizer."""

    @post("/tokenize", status_code=HTTP_200_OK)
    async def tokenize(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Return the token ids of a text, or of the prompt that a conversation becomes."""
        body, headers = await read_body(request, TokenizeRequest)
        if body.model is not None:
            service.models.check(body.model)
        tokenizer = service.engine.tokenizer
        token_ids = await asyncio.to_thread(encode, body, tokenizer)
        answer = TokenizeResponse(
            count=len(token_ids),
            max_model_len=service.engine.info.max_model_len,
            tokens=token_ids,
            token_strs=[tokenizer.token_text(one) for one in token_ids] if body.return_token_strs else UNSET,
        )
        return json_response(answer, headers)

    @post("/detokenize", status_code=HTTP_200_OK)
    async def detokenize(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Return the text of token ids."""
        body, headers = await read_body(request, DetokenizeRequest)
        if body.model is not None:
            service.models.check(body.model)
        tokenizer = service.engine.tokenizer
        if any(not 0 <= token_id < tokenizer.vocab_size for token_id in body.tokens):
            raise InvalidParameter("tokens", f"tokens must be ids between 0 and {tokenizer.vocab_size - 1}.")
        text = await asyncio.to_thread(
            tokenizer.decode, body.tokens, skip_special_tokens=bool(body.skip_special_tokens)
        )
        return json_response(DetokenizeResponse(prompt=text), headers)

    @get("/tokenizer_info", sync_to_thread=False)
    def tokenizer_info(self, service: ServiceDependency) -> Response[Any]:
        """Return the tokenizer's special tokens and chat template; evaluation harnesses look for them."""
        tokenizer = service.engine.tokenizer
        bos, eos = (
            None if token_id is None else tokenizer.token_text(token_id)
            for token_id in (tokenizer.bos_token_id, tokenizer.eos_token_id)
        )
        return json_response(TokenizerInfo(bos_token=bos, eos_token=eos, chat_template=tokenizer.chat_template))


def encode(request: TokenizeRequest, tokenizer: ChatTokenizer) -> list[int]:
    """Return the ids of a request's text or conversation.

    Raises:
        InvalidParameter, UnsupportedParameter: Neither is given, or both, or a field of the other kind.
        InvalidRequestError: The template refuses the conversation.
    """
    if request.prompt is not None and request.messages is not None:
        raise InvalidParameter("messages", "messages are not allowed together with prompt.")
    if request.prompt is not None:
        for name in ("tools", "add_generation_prompt", "continue_final_message", "chat_template_kwargs"):
            if getattr(request, name):
                raise InvalidParameter(name, f"{name} is only allowed with messages.")
        return tokenizer.encode(request.prompt, add_special_tokens=request.add_special_tokens is not False)
    if request.messages is None:
        raise InvalidParameter("prompt", "Missing required parameter: 'prompt', or 'messages'.")
    if request.add_special_tokens:
        raise UnsupportedParameter(
            "add_special_tokens", "add_special_tokens is not supported for messages: their template writes all tokens."
        )
    chat = ChatCompletionRequest(
        model="",
        messages=request.messages,
        tools=request.tools,
        add_generation_prompt=request.add_generation_prompt,
        continue_final_message=request.continue_final_message,
        chat_template_kwargs=request.chat_template_kwargs,
    )
    with named_as_sent(chat):
        return render_prompt(chat, tokenizer)
