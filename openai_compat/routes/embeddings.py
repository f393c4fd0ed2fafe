"""POST /v1/embeddings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Controller, Request, Response, post
from litestar.status_codes import HTTP_200_OK

from helix import EngineInfo, InvalidRequestError
from openai_compat.body import read_body
from openai_compat.delivery import json_response, unless_disconnected
from openai_compat.engine import ChatTokenizer
from openai_compat.errors import InvalidParameter, UnsupportedParameter
from openai_compat.prompts import split_texts
from openai_compat.responses.embeddings import embedding_list
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.embeddings import EmbeddingRequest

MAX_INPUTS = 2048
"""As in OpenAI's API."""


class EmbeddingsController(Controller):
    """Embeddings out of the served language model."""

    path = "/v1/embeddings"

    @post(status_code=HTTP_200_OK)
    async def create_embedding(self, request: Request[Any, Any, Any], service: ServiceDependency) -> Response[Any]:
        """Embed one or several texts."""
        body, headers = await read_body(request, EmbeddingRequest)
        service.models.check(body.model)
        engine = service.engine
        _check_dimensions(body, engine.info)
        caller = service.caller(request, body.cache_salt)
        try:
            inputs = await asyncio.to_thread(encode_inputs, body, engine.tokenizer)
            work = embedding_list(engine, body, inputs, caller, model=service.models.name)
            return json_response(await unless_disconnected(request, work), headers)
        except InvalidRequestError as error:
            if error.param == "prompt":
                error.args, error.param = (str(error).replace("the prompt", "an input", 1),), "input"
            raise


def encode_inputs(request: EmbeddingRequest, tokenizer: ChatTokenizer) -> list[Sequence[int]]:
    """Return the ids of each input.

    Raises:
        InvalidParameter: There is none, one is empty, there are too many, or their kinds are mixed.
    """
    inputs = split_texts(request.input, "input")
    if len(inputs) > MAX_INPUTS:
        raise InvalidParameter("input", f"input must hold at most {MAX_INPUTS} texts, got {len(inputs)}.")
    if not all(inputs):
        raise InvalidParameter("input", "input must not hold an empty text.")
    return [one if isinstance(one, list) else tokenizer.encode(one) for one in inputs]


def _check_dimensions(request: EmbeddingRequest, info: EngineInfo) -> None:
    if request.dimensions not in (None, info.hidden_size):
        raise UnsupportedParameter(
            "dimensions",
            f"dimensions is not supported: embeddings of this model have {info.hidden_size} numbers, and none of them "
            "can be left out.",
        )
