"""POST /v1/embeddings over a socket."""

from __future__ import annotations

import base64
import struct
from typing import Any

import httpx
import pytest
from openai.types import CreateEmbeddingResponse

from tests.fakes import FakeEngine
from tests.servers import Server


def embed(server: Server[FakeEngine], **fields: Any) -> httpx.Response:
    return server.http.post("/v1/embeddings", json={"model": "model-1", "input": "abba"} | fields)


def test_an_answer_has_every_key_and_says_what_it_is(server: Server[FakeEngine]) -> None:
    body = embed(server).json()
    CreateEmbeddingResponse.model_validate(body, strict=True)
    assert body["data"] == [{"object": "embedding", "index": 0, "embedding": [2.0, 2.0, 0.0, 0.0]}]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert body["model"] == "fake/model-1"
    assert body["helix"]["pooling"] == "mean" and body["helix"]["trained_for_similarity"] is False
    params = server.engine.params[-1]
    assert (params.max_tokens, params.pooling) == (0, "mean")


def test_the_sdk_gets_the_same_numbers_in_its_own_encoding(server: Server[FakeEngine]) -> None:
    answer = server.openai.embeddings.create(model="model-1", input=["ab", "cc"])
    assert [one.embedding for one in answer.data] == [[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 0.0]]
    raw = embed(server, encoding_format="base64").json()["data"][0]["embedding"]
    assert struct.unpack("<4f", base64.b64decode(raw)) == (2.0, 2.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("given", "vectors"),
    [
        (["a", "b"], [[1, 0, 0, 0], [0, 1, 0, 0]]),
        ([97, 98], [[1, 1, 0, 0]]),
        ([[97], [98, 98]], [[1, 0, 0, 0], [0, 2, 0, 0]]),
        (["a"] * 40, [[1, 0, 0, 0]] * 40),
    ],
)
def test_an_input_has_four_forms_and_keeps_its_order(server: Server[FakeEngine], given: Any, vectors: Any) -> None:
    body = embed(server, input=given).json()
    assert [one["embedding"] for one in body["data"]] == vectors
    assert [one["index"] for one in body["data"]] == list(range(len(vectors)))


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"dimensions": 3}, "dimensions", "unsupported_parameter"),
        ({"dimensions": 0}, "dimensions", "invalid_value"),
        ({"encoding_format": "int8"}, "encoding_format", "invalid_value"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_value"),
        ({"input": ["a", ""]}, "input", "invalid_value"),
        ({"input": ["a", 1]}, "input", "invalid_value"),
        ({"input": ["a"] * 2049}, "input", "invalid_value"),
        ({"input": [5000]}, "input", "invalid_value"),
        ({"model": "other"}, "model", "model_not_found"),
    ],
)
def test_bad_requests_name_the_field(server: Server[FakeEngine], fields: Any, param: str, code: str) -> None:
    response = embed(server, **fields)
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert response.status_code == (404 if code == "model_not_found" else 400)


def test_an_input_that_is_too_long_is_refused(server: Server[FakeEngine]) -> None:
    error = embed(server, input="x" * 5000).json()["error"]
    assert error["code"] == "context_length_exceeded"


def test_the_models_own_number_of_dimensions_and_nulls_are_accepted(server: Server[FakeEngine]) -> None:
    assert embed(server, dimensions=4, user="me").status_code == 200
    assert embed(server, dimensions=None, encoding_format=None, user=None).status_code == 200
    assert embed(server, dimension=4).headers["x-helix-ignored-fields"] == "dimension"


def test_a_busy_engine_says_so_and_keeps_nothing(server: Server[FakeEngine]) -> None:
    server.engine.max_num_running = 1
    response = embed(server, input=["a", "b"])
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) >= 1
    assert server.engine.running == set()
