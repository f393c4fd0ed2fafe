"""POST /v1/responses, and the responses that were kept."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, delete, get, post
from litestar.status_codes import HTTP_200_OK

from openai_compat import sse
from openai_compat.auth import cache_salt
from openai_compat.body import read_body, read_query
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.delivery import answer_stream, event_stream, json_response, whole
from openai_compat.engine import Engine
from openai_compat.errors import InvalidParameter
from openai_compat.params import named_as_sent, to_sampling_params
from openai_compat.prompts import render_prompt
from openai_compat.responses_api.answers import response_events, whole_response
from openai_compat.responses_api.background import BackgroundResponse
from openai_compat.responses_api.conversation import read_items
from openai_compat.responses_api.own_responses import OwnResponses, page_of
from openai_compat.responses_api.response_object import begun
from openai_compat.responses_api.translate import named_as_sent_to_responses, to_chat_request
from openai_compat.responses_api.truncation import render_truncated
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.responses import (
    DeletedResponse,
    InputItemsQuery,
    InputTokens,
    ResponseObject,
    ResponsesRequest,
    RetrieveQuery,
)
from openai_compat.service import Service
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
        engine, own = service.engine, _own(request, service)
        if body.background:
            if body.store is False:
                raise InvalidParameter("background", "A background response is asked for later: it needs store.")
            service.background.check_room(own.owner)
        before = await own.items_before(body.previous_response_id)
        items = read_items(await own.resolved(body.input, before))
        chat = to_chat_request(body, [*before, *items])
        with named_as_sent_to_responses(), named_as_sent(chat):
            prompts = [await asyncio.to_thread(_render, body, chat, engine)]
            answer_format = service.answer_format_behind(prompts[0], chat)
            params = await asyncio.to_thread(to_sampling_params, chat, engine.info, answer_format=answer_format)
            await service.compile_grammar(params[0], tool_grammars(chat))
            answer = service.answer(
                "resp_", chat, prompts, params[0], answer_format=answer_format, tools=tool_use(chat)
            )
            caller = service.caller(request, body.cache_salt, streams=bool(body.stream or body.background))
            outputs = ChoiceOutputs(engine, prompts, params, answer.id, caller)

        async def keep(ended: ResponseObject) -> None:
            await own.keep(ended, items)

        response, keep_alive_s = begun(body, answer), service.config.keep_alive_s
        if body.background:
            made = BackgroundResponse(response, items, response_events(response, answer, outputs, keep), keep)
            service.background.add(own.owner, made)
            if body.stream:
                return event_stream(made.follow(-1), headers, keep_alive_s, sse.NamedEvents())
            return json_response(made.response, headers)
        if body.stream:
            events = response_events(response, answer, outputs, keep)
            return answer_stream(events, outputs, headers, keep_alive_s, sse.NamedEvents())
        return json_response(await whole(request, outputs, whole_response(response, answer, outputs, keep)), headers)

    @post("/input_tokens", status_code=HTTP_200_OK)
    async def count_input_tokens(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Say how many tokens of input a response would have, without making it."""
        body, headers = await read_body(request, ResponsesRequest)
        service.models.check(body.model)
        own = _own(request, service)
        before = await own.items_before(body.previous_response_id)
        chat = to_chat_request(body, [*before, *read_items(await own.resolved(body.input, before))])
        with named_as_sent_to_responses(), named_as_sent(chat):
            await asyncio.to_thread(to_sampling_params, chat, service.engine.info, answer_format=service.answer_format)
            prompt = await asyncio.to_thread(_render, body, chat, service.engine)
        return json_response(InputTokens(input_tokens=len(prompt)), headers)

    @get("/{response_id:str}")
    async def get_response(
        self, response_id: str, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """Return a response as it is now, or tell the events of one that is made in the background."""
        query = read_query(request, RetrieveQuery)
        own = _own(request, service)
        if query.stream:
            after = -1 if query.starting_after is None else query.starting_after
            events = await own.events(response_id, after)
            return event_stream(events, {}, service.config.keep_alive_s, sse.NamedEvents())
        if query.starting_after is not None:
            raise InvalidParameter("starting_after", "starting_after says where a stream goes on: it needs stream.")
        return json_response((await own.turn(response_id)).response)

    @delete("/{response_id:str}", status_code=HTTP_200_OK)
    async def delete_response(
        self, response_id: str, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """Forget a response."""
        await _own(request, service).delete(response_id)
        return json_response(DeletedResponse(id=response_id))

    @post("/{response_id:str}/cancel", status_code=HTTP_200_OK)
    async def cancel_response(
        self, response_id: str, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """End a response that is made in the background; others end when their client closes the connection."""
        return json_response(await _own(request, service).cancel(response_id))

    @get("/{response_id:str}/input_items")
    async def list_input_items(
        self, response_id: str, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """List what a response answered, page by page; not what the responses before it did."""
        query = read_query(request, InputItemsQuery)
        turn = await _own(request, service).turn(response_id)
        return json_response(page_of(turn.input_items, query))


def _own(request: Request[Any, Any, Any], service: Service) -> OwnResponses:
    """Return the responses of the request's key; without keys, all of them have the same owner."""
    return OwnResponses(service.responses, service.background, cache_salt(request, None) or "")


def _render(body: ResponsesRequest, chat: ChatCompletionRequest, engine: Engine) -> list[int]:
    if body.truncation == "auto":
        return render_truncated(chat, engine.tokenizer, engine.info.max_model_len)
    return render_prompt(chat, engine.tokenizer)
