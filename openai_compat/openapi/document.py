"""Litestar's OpenAPI document, with the bodies, answers, errors and examples that its own reading cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, OpenAPI, SecurityScheme, Tag

from openai_compat.openapi import examples
from openai_compat.openapi.operations import OPERATIONS, TAGS, Described, structs
from openai_compat.openapi.schemas import parameters_of, schemas_of
from openai_compat.openapi.swagger import SwaggerUI, docs_router
from openai_compat.schemas.errors import ErrorResponse

BEARER = "bearer"
_JSON = "application/json"


def openapi_config(*, model: str, version: str, needs_key: bool) -> OpenAPIConfig:
    """Return what Litestar needs to describe the routes of a server of model."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="One of the server's keys.")
    return _Config(
        title="Helix",
        version=version,
        summary="Language models with OpenAI's API, speculative decoding and PagedAttention.",
        license=License(name="MIT", identifier="MIT"),
        tags=[Tag(name=name, description=text) for name, text in TAGS.items()],
        components=Components(security_schemes={BEARER: bearer} if needs_key else None),
        security=[{BEARER: []}] if needs_key else None,
        use_handler_docstrings=True,
        operation_id_creator=_operation_id,
        render_plugins=[SwaggerUI()],
        openapi_router=docs_router(),
        model=model,
    )


def _operation_id(handler: HTTPRouteHandler, method: Any, path: Any) -> str:
    """Return the handler's name; HEAD, which is no operation of the document, needs another one than GET."""
    return f"{handler.handler_name}_head" if method == "HEAD" else handler.handler_name


@dataclass
class _Config(OpenAPIConfig):
    model: str = ""

    def to_openapi_schema(self) -> OpenAPI:
        stock = super().to_openapi_schema()
        fields = {name: getattr(stock, name) for name in stock.__dataclass_fields__}
        return _Document(**fields, model=self.model, needs_key=self.security is not None)


@dataclass
class _Document(OpenAPI):
    model: str = ""
    needs_key: bool = False

    def to_schema(self) -> dict[str, Any]:
        return self._whole

    @cached_property
    def _whole(self) -> dict[str, Any]:
        document = {name: value for name, value in super().to_schema().items() if name not in ("model", "needsKey")}
        return completed(document, model=self.model, needs_key=self.needs_key)


def completed(document: dict[str, Any], *, model: str, needs_key: bool) -> dict[str, Any]:
    """Return Litestar's document of the routes with everything that OPERATIONS knows of them."""
    references, components = schemas_of([*structs(), ErrorResponse])
    paths: dict[str, Any] = {}
    for path, methods in document["paths"].items():
        paths[path] = {
            method: _operation(operation, OPERATIONS[operation["operationId"]], references, needs_key=needs_key)
            if operation["operationId"] in OPERATIONS
            else operation
            for method, operation in methods.items()
            if method != "head"
        }
    own = document.get("components", {})
    schemas = own.get("schemas", {}) | components
    whole = document | {"paths": paths, "components": own | {"schemas": schemas}}
    named: dict[str, Any] = msgspec.json.decode(
        msgspec.json.encode(whole).replace(examples.MODEL.encode(), msgspec.json.encode(model)[1:-1])
    )
    return named


def _operation(
    operation: dict[str, Any], described: Described, references: dict[Any, Any], *, needs_key: bool
) -> dict[str, Any]:
    """Return Litestar's operation with what it takes and answers."""
    name = operation["operationId"]
    whole = operation | {
        "tags": [described.tag],
        "summary": operation["description"].partition("\n")[0].rstrip("."),
        "responses": _responses(name, described, references, needs_key=needs_key),
    }
    shown = examples.PARAMETERS.get(name, {})
    parameters = [*operation.get("parameters", []), *(parameters_of(described.query) if described.query else [])]
    if parameters:
        whole["parameters"] = [
            parameter | ({"example": shown[parameter["name"]]} if parameter["name"] in shown else {})
            for parameter in parameters
        ]
    if described.body is not None:
        bodies = {title: {"summary": title, "value": value} for title, value in examples.REQUESTS[name].items()}
        whole["requestBody"] = {
            "required": True,
            "content": {_JSON: {"schema": references[described.body], "examples": bodies}},
        }
    if needs_key and described.is_open:
        whole["security"] = []
    return whole


def _event(kinds: Sequence[dict[str, Any]], *, is_done_told: bool) -> dict[str, Any]:
    """Return the schema of one event; what OpenAPI before 3.2 says of a stream is true of each event."""
    data: dict[str, Any] = {"type": "string", "contentMediaType": _JSON, "contentSchema": {"anyOf": [*kinds]}}
    if is_done_told:
        data = {"anyOf": [data, {"const": "[DONE]"}]}
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}


def _responses(
    name: str, described: Described, references: dict[Any, Any], *, needs_key: bool
) -> dict[str, dict[str, Any]]:
    content: dict[str, Any] = {}
    if described.answer is not None:
        content[_JSON] = {"schema": references[described.answer]}
        if name in examples.ANSWERS:
            content[_JSON]["example"] = examples.ANSWERS[name]
    elif not described.events:
        content[described.media_type] = {"schema": {"type": "string"}, "example": examples.METRICS}
    if described.events:
        kinds = [references[kind] for kind in (*described.events, ErrorResponse)]
        content["text/event-stream"] = {
            "schema": _event(kinds, is_done_told=described.tells_done),
            "example": described.event_example,
        }
    responses: dict[str, dict[str, Any]] = {"200": {"description": "Success.", "content": content}}
    for status, text in described.also:
        responses[str(status)] = {"description": text} | ({"content": content} if status != 204 else {})
    own_statuses = {status for status, _ in described.also}
    asks = needs_key and not described.is_open
    for status in sorted({*described.errors, *((401,) if asks else ())} - own_statuses):
        error = {"schema": references[ErrorResponse]}
        if status == 400:
            error["example"] = examples.ERROR
        responses[str(status)] = {"description": f"{HTTPStatus(status).phrase}.", "content": {_JSON: error}}
    return responses
