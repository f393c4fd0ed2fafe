"""What the routes work with: the engine, the names it answers under, and the server's settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from litestar import Request
from msgspec import UNSET, UnsetType

from helix import Grammar, InvalidRequestError, SamplingParams
from openai_compat.answer_format import DEFAULT_FORMAT, AnswerFormat
from openai_compat.caller import Caller, caller_of
from openai_compat.config import ServerConfig
from openai_compat.engine import Engine
from openai_compat.prompts import begun_answer
from openai_compat.responses.answer import Answer, fresh_id
from openai_compat.responses.tally import Tally
from openai_compat.responses_api.background import BackgroundResponses
from openai_compat.responses_api.store import ResponseStore
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.sampling import AnswerFields
from openai_compat.served_models import ServedModels
from openai_compat.tool_calls.choice import ToolUse

_COMPILING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="grammar")
"""Threads of their own, so that slow grammars keep one another waiting and nobody else; prompts have other threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One engine behind one server."""

    engine: Engine
    models: ServedModels
    config: ServerConfig
    responses: ResponseStore
    background: BackgroundResponses = field(default_factory=BackgroundResponses)
    answer_format: AnswerFormat = DEFAULT_FORMAT
    """How the model writes tool calls and what it thinks."""

    def caller(self, request: Request[Any, Any, Any], cache_salt: str | None, *, streams: bool = False) -> Caller:
        """Return on whose behalf a request is answered, and for how long.

        Raises:
            InvalidParameter: The client's timeout is no positive number.
        """
        return caller_of(request, cache_salt, queue_timeout_s=self.config.queue_timeout_s, streams=streams)

    async def compile_grammar(self, params: SamplingParams, parts: Mapping[str, Grammar] | None = None) -> None:
        """Make the grammar of a request ready on a thread, so that a large one holds nobody else up.

        parts are grammars that it is made of, by the field that describes each.

        Raises:
            InvalidRequestError: It cannot be enforced; param is the first of the parts that cannot, or "grammar".
        """
        if params.grammar is None:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(_COMPILING, self.engine.compile_grammar, params.grammar)
        except InvalidRequestError:
            await loop.run_in_executor(_COMPILING, self._blame, parts or {})
            raise

    def _blame(self, parts: Mapping[str, Grammar]) -> None:
        for param, part in parts.items():
            try:
                self.engine.compile_grammar(part)
            except InvalidRequestError as error:
                raise InvalidRequestError(str(error).replace("grammar ", f"{param} ", 1), param=param) from None

    def answer_format_behind(self, prompt: Sequence[int], request: ChatCompletionRequest) -> AnswerFormat:
        """Return how the answer to a prompt is to be read, with the server's setting where the request has none."""
        asked = request.separate_reasoning
        splits = self.config.separate_reasoning if asked is None else asked
        return self.answer_format.behind(prompt, self.engine.tokenizer, splits=splits, begun=begun_answer(request))

    def answer(
        self,
        id_prefix: str,
        request: AnswerFields,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams,
        *,
        answer_format: AnswerFormat | None = None,
        tools: ToolUse | None = None,
        service_tier: str | UnsetType = UNSET,
    ) -> Answer:
        """Return the answer that a request is about to get."""
        return Answer(
            id=fresh_id(id_prefix),
            model=self.models.name,
            system_fingerprint=self.models.system_fingerprint,
            service_tier=service_tier,
            tokenizer=self.engine.tokenizer,
            params=params,
            tally=Tally.of(prompts, params, self.engine.info),
            answer_format=answer_format or self.answer_format,
            tools=tools,
            includes_usage=bool(request.stream_options and request.stream_options.include_usage),
        )
