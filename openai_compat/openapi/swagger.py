"""GET /docs: the document for people, by Swagger UI out of files that are part of this package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from litestar import Request, Response, Router, get
from litestar.openapi.plugins import OpenAPIRenderPlugin

from openai_compat.auth import OPEN_TO_ALL

_FILES = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "start.js": "text/javascript",
}
_POLICY = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class SwaggerUI(OpenAPIRenderPlugin):
    """The page; unlike Litestar's own it loads nothing from elsewhere."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the page, which fetches the document by itself."""
        return _file("index.html")


@get([f"/{name}" for name in _FILES], sync_to_thread=False)
def _show_file(request: Request[Any, Any, Any]) -> Response[bytes]:
    name = request.url.path.rpartition("/")[2]
    return Response(_file(name), media_type=_FILES[name])


def docs_router() -> Router:
    """Return where Litestar puts what shows the document; it needs no key, as there is nothing secret in it."""
    return Router(
        "/docs", route_handlers=[_show_file], include_in_schema=False, opt={OPEN_TO_ALL: True}, response_headers=_POLICY
    )


@cache
def _file(name: str) -> bytes:
    return files("openai_compat").joinpath("swagger_ui", name).read_bytes()
