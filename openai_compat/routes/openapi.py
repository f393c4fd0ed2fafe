"""GET /openapi.json."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Controller, Request, Response, get

from openai_compat.auth import OPEN_TO_ALL


class OpenAPIController(Controller):
    """The description of all other routes; needs no key, as there is nothing secret in it."""

    opt = {OPEN_TO_ALL: True}  # noqa: RUF012
    include_in_schema = False

    @get("/openapi.json", sync_to_thread=True)
    def describe_api(self, request: Request[Any, Any, Any]) -> Response[bytes]:
        """Return the OpenAPI document; the first time takes a moment."""
        return Response(msgspec.json.encode(request.app.openapi_schema.to_schema()), media_type="application/json")
