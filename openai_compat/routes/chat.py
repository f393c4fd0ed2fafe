"""POST /v1/chat/completions."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.status_codes import HTTP_200_OK
from msgspec import UNSET

from openai_compat.body import read_body
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.delivery import answer_stream, json_response, whole
from openai_compat.params import named_as_sent, to_sampling_params
from openai_compat.prompts import encode_prediction, render_prompt
from openai_compat.responses.chat import chat_chunks, chat_completion
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.structured_output import tool_grammars
from openai_compat.tool_calls.choice import tool_use


class ChatController(Controller):
    """Chat completions."""

    path = "/v1/chat/completions"

    @post(status_code=HTTP_200_OK)
    async def create_chat_completion(
        self, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """Answer a conversation, whole or as server-sent events."""
        body, headers = await read_body(request, ChatCompletionRequest)
        service.models.check(body.model)
        engine = service.engine
        prediction = await asyncio.to_thread(encode_prediction, body, engine.tokenizer) if body.prediction else ()
        with named_as_sent(body):
            prompts = [await asyncio.to_thread(render_prompt, body, engine.tokenizer)]
            answer_format = service.answer_format_behind(prompts[0], body)
            params = await asyncio.to_thread(
                to_sampling_params, body, engine.info, prediction=prediction, answer_format=answer_format
            )
            await service.compile_grammar(params[0], tool_grammars(body))
            answer = service.answer(
                "chatcmpl-",
                body,
                prompts,
                params[0],
                answer_format=answer_format,
                tools=tool_use(body),
                service_tier=UNSET if body.service_tier is None else "default",
            )
            caller = service.caller(request, body.cache_salt, streams=bool(body.stream))
            outputs = ChoiceOutputs(engine, prompts, params, answer.id, caller)
        if body.stream:
            return answer_stream(chat_chunks(answer, outputs), outputs, headers, service.config.keep_alive_s)
        return json_response(await whole(request, outputs, chat_completion(answer, outputs)), headers)
