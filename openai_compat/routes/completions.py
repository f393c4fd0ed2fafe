"""POST /v1/completions."""

from __future__ import annotations

import asyncio
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.status_codes import HTTP_200_OK

from openai_compat.body import read_body
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.delivery import answer_stream, json_response, whole
from openai_compat.echo import echoed_prompts
from openai_compat.fill_in_the_middle import encode_infilling, markers_of
from openai_compat.params import named_as_sent, to_sampling_params
from openai_compat.prompts import encode_prompts
from openai_compat.responses.completions import completion, completion_chunks
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.completions import CompletionRequest


class CompletionsController(Controller):
    """Completions of plain text."""

    path = "/v1/completions"

    @post(status_code=HTTP_200_OK)
    async def create_completion(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Continue one or several prompts, whole or as server-sent events."""
        body, headers = await read_body(request, CompletionRequest)
        service.models.check(body.model)
        engine = service.engine
        markers = markers_of(body, engine.tokenizer)
        ends = () if markers is None else markers.ends
        params = await asyncio.to_thread(to_sampling_params, body, engine.info, end_token_ids=ends)
        with named_as_sent(body):
            await service.compile_grammar(params[0])
            if markers is None:
                prompts = await asyncio.to_thread(encode_prompts, body, engine.tokenizer)
            else:
                prompts = await asyncio.to_thread(encode_infilling, body, markers, engine.tokenizer)
            answer = service.answer("cmpl-", body, prompts, params[0])
            outputs = ChoiceOutputs(
                engine,
                prompts,
                params,
                answer.id,
                service.caller(request, body.cache_salt, streams=bool(body.stream)),
                asked_by="n" if body.best_of is None else "best_of",
            )
        echoes = await asyncio.to_thread(echoed_prompts, body, prompts, engine.tokenizer) if body.echo else []
        if body.stream:
            chunks = completion_chunks(answer, outputs, body, echoes)
            return answer_stream(chunks, outputs, headers, service.config.keep_alive_s)
        return json_response(await whole(request, outputs, completion(answer, outputs, body, echoes)), headers)
