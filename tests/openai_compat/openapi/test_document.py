"""The document describes every route, and what it shows works."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from openai_compat.app import create_app
from openai_compat.config import ServerConfig
from openai_compat.openapi import examples
from openai_compat.openapi.operations import OPERATIONS
from tests.fakes import FakeEngine
from tests.servers import Server


def document(**settings: Any) -> dict[str, Any]:
    return create_app(FakeEngine(), ServerConfig(**settings)).openapi_schema.to_schema()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


@pytest.fixture(scope="module")
def plain() -> dict[str, Any]:
    return document()


def test_every_route_is_described_and_nothing_else(plain: dict[str, Any]) -> None:
    """A route that is no part of the API says include_in_schema=False; any other one belongs into OPERATIONS."""
    described = [operation["operationId"] for _, _, operation in operations(plain)]
    assert sorted(described) == sorted(OPERATIONS)


def test_every_operation_has_an_example_and_its_errors(plain: dict[str, Any]) -> None:
    for path, method, operation in operations(plain):
        name = operation["operationId"]
        bodies = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples")
        asked = any("example" in parameter for parameter in operation.get("parameters", []))
        contents = operation["responses"]["200"]["content"].values()
        assert all("example" in content for content in contents), name
        asks = "requestBody" in operation or operation.get("parameters")
        assert bodies or asked or not asks, name
        assert operation["summary"] and operation["tags"], name
        if method == "post":
            assert {"400", "404", "429", "503"} <= {*operation["responses"]}, path
    assert not {*examples.REQUESTS, *examples.PARAMETERS, *examples.ANSWERS} - {*OPERATIONS}


def test_references_lead_somewhere_and_fields_say_what_they_mean(plain: dict[str, Any]) -> None:
    schemas = plain["components"]["schemas"]
    assert {one.rpartition("/")[2] for one in references(plain)} <= {*schemas}
    depth = schemas["ChatCompletionRequest"]["properties"]["separate_reasoning"]
    assert depth["description"].startswith("False leaves reasoning in the content")
    assert "Nothing kept" in schemas["GenerateRequest"]["properties"]["cache_salt"]["description"], "inherited"


def test_examples_name_the_served_model(plain: dict[str, Any]) -> None:
    text = msgspec.json.encode(plain).decode()
    assert examples.MODEL not in text
    assert '"model":"fake/model-1"' in text


@pytest.mark.parametrize("name", examples.ANSWERS)
def test_an_example_of_an_answer_is_one(name: str) -> None:
    kind = OPERATIONS[name].answer
    assert kind is not None
    example = msgspec.json.encode(examples.ANSWERS[name])
    assert msgspec.json.decode(msgspec.json.encode(msgspec.json.decode(example, type=kind))) == msgspec.json.decode(
        example
    )


@pytest.mark.parametrize(
    ("name", "title"), [(name, title) for name, titles in examples.REQUESTS.items() for title in titles]
)
def test_an_example_of_a_request_is_answered(
    server: Server[FakeEngine], plain: dict[str, Any], name: str, title: str
) -> None:
    (path, operation) = next((path, one) for path, _, one in operations(plain) if one["operationId"] == name)
    body = operation["requestBody"]["content"]["application/json"]["examples"][title]["value"]
    response = server.http.post(path, json=body)
    assert response.status_code == 200, response.text
    assert "x-helix-ignored-fields" not in response.headers
    assert response.headers["content-type"].partition(";")[0] in operation["responses"]["200"]["content"]


def test_a_server_with_keys_says_so_and_where_none_is_needed() -> None:
    locked = document(api_key=("sk-secret",))
    assert locked["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert locked["security"] == [{"bearer": []}]
    for _, _, operation in operations(locked):
        is_open = OPERATIONS[operation["operationId"]].is_open
        assert ("401" in operation["responses"]) is not is_open
        assert (operation.get("security") == []) is is_open
    assert "sk-secret" not in msgspec.json.encode(locked).decode()
