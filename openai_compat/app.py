"""The only place that wires: routes, errors, keys, headers and the engine's life."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.types import Guard

from helix import ConfigError
from openai_compat.answer_format import answer_format_of
from openai_compat.auth import KeyLimit, require_api_key
from openai_compat.config import ServerConfig
from openai_compat.draining import WORK, refuse_while_draining
from openai_compat.engine import Engine
from openai_compat.errors import on_error
from openai_compat.local_only import refuse_strange_pages
from openai_compat.metrics import metrics_registry
from openai_compat.openapi.document import openapi_config
from openai_compat.request_ids import add_headers, note_start
from openai_compat.responses_api.background import BackgroundResponses
from openai_compat.responses_api.store import ResponseStore
from openai_compat.routes.chat import ChatController
from openai_compat.routes.completions import CompletionsController
from openai_compat.routes.embeddings import EmbeddingsController
from openai_compat.routes.generate import GenerateController
from openai_compat.routes.health import HealthController
from openai_compat.routes.metrics import MetricsController
from openai_compat.routes.models import ModelsController
from openai_compat.routes.openapi import OpenAPIController
from openai_compat.routes.playground import PlaygroundController
from openai_compat.routes.responses import ResponsesController
from openai_compat.routes.state import StateController
from openai_compat.routes.tokenize import TokenizeController
from openai_compat.served_models import ServedModels
from openai_compat.service import Service
from openai_compat.version import package_version


def create_app(engine: Engine, config: ServerConfig | None = None) -> Litestar:
    """Return the ASGI application that serves engine; it starts the engine and shuts it down.

    Raises:
        ConfigError: There is a file of keys that nobody has read, so that everybody would be let in.
    """
    config = config or ServerConfig()
    if config.api_key_file is not None and not config.api_key:
        raise ConfigError("api_key_file is read by the command; give its keys as api_key")
    store = ResponseStore(config.response_store, max_bytes=config.response_store_mib * 2**20)
    service = Service(
        engine=engine,
        models=ServedModels(engine.info, config.served_model_name),
        config=config,
        responses=store,
        background=BackgroundResponses(config.max_requests_per_key if config.api_key else None),
        answer_format=answer_format_of(engine.tokenizer),
    )

    metrics = metrics_registry(engine, service.models.name)

    @asynccontextmanager
    async def engine_runs(_: Litestar) -> AsyncIterator[None]:
        engine.start()
        try:
            yield
        finally:
            await service.background.close()
            await asyncio.to_thread(engine.shutdown)
            store.close()

    guards: list[Guard] = [refuse_while_draining(engine)]
    if config.api_key:
        guards.append(require_api_key(config.api_key))
    else:
        guards.append(refuse_strange_pages(config.cors_origin, any_host=config.allow_no_key))
    limit = None if config.max_requests_per_key is None else KeyLimit(config.max_requests_per_key)
    if limit is not None:
        guards.append(limit.guard)
    return Litestar(
        route_handlers=[
            ChatController,
            CompletionsController,
            ResponsesController,
            EmbeddingsController,
            GenerateController,
            ModelsController,
            TokenizeController,
            HealthController,
            MetricsController,
            OpenAPIController,
            StateController,
            PlaygroundController,
        ],
        dependencies={
            "service": Provide(lambda: service, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
        },
        exception_handlers={Exception: on_error},
        guards=guards,
        middleware=[] if limit is None else [limit.middleware],
        before_request=note_start,
        before_send=[add_headers],
        lifespan=[engine_runs],
        state=State({WORK: service.background}),
        cors_config=CORSConfig(allow_origins=list(config.cors_origin)) if config.cors_origin else None,
        request_max_body_size=config.max_request_mib * 2**20,
        openapi_config=openapi_config(
            model=service.models.name, version=package_version(), needs_key=bool(config.api_key)
        ),
        logging_config=None,
    )
