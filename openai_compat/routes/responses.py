"""POST /v1/responses and what belongs to it."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.status_codes import HTTP_200_OK

from openai_compat import sse
from openai_compat.auth import cache_salt
from openai_compat.body import read_body
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.delivery import event_stream, json_response, whole
from openai_compat.params import named_as_sent, to_sampling_params
from openai_compat.prompts import render_prompt
from openai_compat.responses_api.answers import response_events, whole_response
from openai_compat.responses_api.conversation import read_items
from openai_compat.responses_api.response_object import begun
from openai_compat.responses_api.translate import named_as_sent_to_responses, to_chat_request
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.responses import ResponsesRequest
from openai_compat.structured_output import tool_grammars
from openai_compat.tool_calls.choice import tool_use


class ResponsesController(Controller):
    """Responses."""

    path = "/v1/responses"

    @post(status_code=HTTP_200_OK)
    async def create_response(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Answer a turn, whole or as server-sent events."""
        body, headers = await read_body(request, ResponsesRequest)
        service.models.check(body.model)
        engine = service.engine
        chat = to_chat_request(body, read_items(body.input))
        with named_as_sent_to_responses(), named_as_sent(chat):
            params = to_sampling_params(chat, engine.info, answer_format=service.answer_format)
            await service.compile_grammar(params[0], tool_grammars(chat))
            prompts = [await asyncio.to_thread(render_prompt, chat, engine.tokenizer)]
            answer = service.answer("resp_", chat, prompts, params[0], tools=tool_use(chat))
            outputs = ChoiceOutputs(engine, prompts, params, answer.id, cache_salt(request, body.cache_salt))
        response = begun(body, answer)

        async def keep(_: Any) -> None:
            pass

        if body.stream:
            events = response_events(response, answer, outputs, keep)
            return event_stream(events, outputs, headers, sse.encode_named_events)
        return json_response(await whole(request, outputs, whole_response(response, answer, outputs, keep)), headers)
