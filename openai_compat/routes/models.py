"""GET and HEAD of /v1/models."""

from __future__ import annotations

from typing import Any

from litestar import Controller, Response, route

from openai_compat.delivery import json_response
from openai_compat.routes.dependencies import ServiceDependency
from openai_compat.schemas.models import ModelList


class ModelsController(Controller):
    """The models this server has."""

    path = "/v1/models"

    @route(http_method=["GET", "HEAD"], sync_to_thread=False)
    def list_models(self, service: ServiceDependency) -> Response[Any]:
        """List the names under which the engine answers."""
        return json_response(ModelList(data=service.models.models()))

    @route("/{model:path}", http_method=["GET", "HEAD"], sync_to_thread=False)
    def retrieve_model(self, model: str, service: ServiceDependency) -> Response[Any]:
        """Describe one of them; ids may contain slashes, encoded or not."""
        return json_response(service.models.model(model.removeprefix("/")))
