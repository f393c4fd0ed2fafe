"""POST /generate, /generate/batch and /generate/stream, and GET /generate/stream: Helix's own API."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from litestar import Controller, Request, Response, get, post
from litestar.status_codes import HTTP_200_OK, HTTP_204_NO_CONTENT

from openai_compat import sse
from openai_compat.auth import COMPUTES
from openai_compat.body import read_body, read_query, unread_parameters
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.delivery import answer_stream, json_response, whole
from openai_compat.generate import encode_each, encode_prediction, named, of_query, to_completion, with_room
from openai_compat.params import named_as_sent, to_sampling_params
from openai_compat.responses.answer import Answer
from openai_compat.responses.generate import generation, generation_batch, generation_events
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.generate import BatchRequest, GenerateFields, GenerateQuery, GenerateRequest
from openai_compat.service import Service


class GenerateController(Controller):
    """Text, with the numbers of how it was made."""

    path = "/generate"

    @post(status_code=HTTP_200_OK)
    async def generate(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Continue one prompt."""
        body, headers = await read_body(request, GenerateRequest)
        _, answer, outputs = await _submit(request, service, body, [body.prompt], "prompt")
        return json_response(await whole(request, outputs, generation(answer, outputs)), headers)

    @post("/batch", status_code=HTTP_200_OK)
    async def generate_batch(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Continue several prompts in one batch; the answers come in the order of the prompts."""
        body, headers = await read_body(request, BatchRequest)
        prompts, answer, outputs = await _submit(request, service, body, body.prompts, "prompts")
        work = generation_batch(answer, outputs, prompts, service.engine.info)
        return json_response(await whole(request, outputs, work), headers)

    @post("/stream", status_code=HTTP_200_OK)
    async def generate_stream(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Continue one prompt, as server-sent events."""
        body, headers = await read_body(request, GenerateRequest)
        return await _stream(request, service, body, headers)

    @get("/stream", opt={COMPUTES: True})
    async def generate_stream_of_query(
        self, request: Request[Any, Any, Any], service: ServiceDependency
    ) -> Response[Any]:
        """Continue the prompt of a query, as server-sent events for a browser's EventSource.

        That one connects again when a stream ends, and would have the text generated anew; 204 tells it not to.
        """
        if "last-event-id" in request.headers:
            return Response(b"", status_code=HTTP_204_NO_CONTENT)
        query = read_query(request, GenerateQuery)
        return await _stream(request, service, of_query(query), unread_parameters(request, GenerateQuery))


async def _stream(
    request: Request[Any, Any, Any], service: Service, body: GenerateRequest, headers: dict[str, str]
) -> Response[Any]:
    _, answer, outputs = await _submit(request, service, body, [body.prompt], "prompt", streams=True)
    events, keep_alive_s = generation_events(answer, outputs), service.config.keep_alive_s
    return answer_stream(events, outputs, headers, keep_alive_s, sse.NumberedEvents())


async def _submit(
    request: Request[Any, Any, Any],
    service: Service,
    body: GenerateFields,
    asked: Sequence[str | list[int]],
    field: str,
    *,
    streams: bool = False,
) -> tuple[list[list[int]], Answer, ChoiceOutputs]:
    """Hand the prompts, which the client sent as field, to the engine; returns them as token ids with their answer."""
    if body.model is not None:
        service.models.check(body.model)
    engine, completion = service.engine, to_completion(body, service.models.name)
    prediction = await asyncio.to_thread(encode_prediction, body, engine.tokenizer)
    with named(field), named_as_sent(completion):
        (params,) = await asyncio.to_thread(to_sampling_params, completion, engine.info, prediction=prediction)
        await service.compile_grammar(params)
        prompts = await asyncio.to_thread(encode_each, body, asked, engine.tokenizer)
        if body.max_tokens is None:
            params = with_room(params, prompts, engine.info.max_model_len)
        params = replace(params, reports_steps=bool(body.speculation_trace))
        answer = service.answer("gen-", completion, prompts, params)
        caller = service.caller(request, body.cache_salt, streams=streams)
        outputs = ChoiceOutputs(engine, prompts, [params], answer.id, caller)
    return prompts, answer, outputs
