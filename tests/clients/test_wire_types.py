"""Every kind of answer and chunk, as it crosses the wire, against the openai package's types, strictly.

The package's types know less than OpenAI's API in three places, which `as_typed` names.
"""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from openai.pagination import SyncPage
from openai.types import Completion, CreateEmbeddingResponse, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseItemList
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import BaseModel

from helix import AsyncEngine
from tests.response_events import events_of
from tests.servers import Server

CITY = {"type": "object", "properties": {"city": {"enum": ["Graz", "Wien"]}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}
CODE = {
    "type": "custom",
    "custom": {
        "name": "code",
        "format": {"type": "grammar", "grammar": {"syntax": "regex", "definition": "[a-c]{2}"}},
    },
}
CHATS: dict[str, dict[str, Any]] = {
    "text": {"n": 2, "service_tier": "auto"},
    "cut": {"max_tokens": 1},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
    "call": {"tools": [WEATHER], "tool_choice": "required"},
    "custom": {"tools": [CODE], "tool_choice": "required"},
    "function": {"functions": [WEATHER["function"]], "function_call": {"name": "get_weather"}},
    "predicted": {"prediction": {"type": "content", "content": "Hello"}, "seed": 1},
}
COMPLETIONS: dict[str, dict[str, Any]] = {
    "text": {"prompt": ["One", "Two"]},
    "logprobs": {"logprobs": 2, "echo": True},
    "scores": {"logprobs": 1, "echo": True, "max_tokens": 0},
}
FLAT = {"type": "function", "name": "get_weather", "parameters": CITY, "strict": True}
FLAT_CODE = {
    "type": "custom",
    "name": "code",
    "format": {"type": "grammar", "syntax": "regex", "definition": "[a-c]{2}"},
}
RESPONSES: dict[str, dict[str, Any]] = {
    "text": {"metadata": {"a": "b"}, "user": "u", "instructions": "Be brief."},
    "cut": {"max_output_tokens": 1},
    "logprobs": {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    "call": {"tools": [FLAT], "tool_choice": "required"},
    "custom": {"tools": [FLAT_CODE], "tool_choice": "required"},
    "form": {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"enum": [1, 2]}, "strict": True}}},
}


def check(kind: type[BaseModel], body: Any) -> None:
    """Assert that a JSON document is of a kind, field by field, with nothing converted."""
    if "choices" in body:
        body = body | {"choices": [as_typed(choice) for choice in copy.deepcopy(body["choices"])]}
    kind.model_validate_json(json.dumps(body), strict=True)


def as_typed(choice: Any) -> Any:
    """Change in a choice what OpenAI sends and its package's types do not know."""
    if "text" in choice:
        choice["finish_reason"] = choice["finish_reason"] or "stop"  # a chunk's is null until the end
        if choice["logprobs"] and choice["logprobs"]["token_logprobs"][:1] == [None]:  # nothing stands before a prompt
            assert choice["logprobs"]["top_logprobs"].pop(0) is choice["logprobs"]["token_logprobs"].pop(0) is None
    for call in choice.get("delta", {}).get("tool_calls", ()):
        if call.get("type") == "custom":
            assert call.pop("custom") == {"name": "code", "input": ""}
            del call["type"]
    return choice


def chunks_of(text: str) -> list[Any]:
    *frames, last = [frame.removeprefix("data: ") for frame in text.split("\n\n") if frame.startswith("data: ")]
    assert last == "[DONE]"
    return [json.loads(frame) for frame in frames]


@pytest.mark.parametrize("name", CHATS)
def test_chats(server: Server[AsyncEngine], name: str) -> None:
    asked = {"max_tokens": 24} | CHATS[name]
    whole = server.chat(**asked).json()
    check(ChatCompletion, whole)
    for choice in whole["choices"]:
        assert {"index", "message", "logprobs", "finish_reason"} <= choice.keys()
        assert {"role", "content", "refusal"} <= choice["message"].keys()
    chunks = chunks_of(server.chat(**asked, stream=True, stream_options={"include_usage": True}).text)
    for chunk in chunks:
        check(ChatCompletionChunk, chunk)
        assert "usage" in chunk and all("finish_reason" in choice for choice in chunk["choices"])
    ends = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"] if choice["finish_reason"]]
    assert len(ends) == len(whole["choices"])


@pytest.mark.parametrize("name", COMPLETIONS)
def test_completions(server: Server[AsyncEngine], name: str) -> None:
    asked = {"max_tokens": 4} | COMPLETIONS[name]
    check(Completion, server.complete(**asked).json())
    chunks = chunks_of(server.complete(**asked, stream=True, stream_options={"include_usage": True}).text)
    ends = 0
    for chunk in chunks:
        for choice in chunk["choices"]:
            assert "logprobs" in choice
            ends += choice["finish_reason"] is not None
        check(Completion, chunk)
    assert ends == len(COMPLETIONS[name].get("prompt", ["hi"]))


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(server: Server[AsyncEngine], name: str) -> None:
    asked = {"model": "helix-demo", "input": "hi", "max_output_tokens": 24} | RESPONSES[name]
    response = server.http.post("/v1/responses", json=asked)
    check(Response, response.json())
    events_of(server.http.post("/v1/responses", json=asked | {"stream": True}).text)
    path = f"/v1/responses/{response.json()['id']}"
    assert server.http.get(path).json() == response.json()
    check(ResponseItemList, server.http.get(f"{path}/input_items").json())


def test_everything_else(server: Server[AsyncEngine]) -> None:
    for encoding in ("float", "base64"):
        asked = {"model": "helix-demo", "input": ["a", "b"], "encoding_format": encoding}
        body = server.http.post("/v1/embeddings", json=asked).json()
        for one in body["data"]:
            if encoding == "base64":
                one["embedding"] = [float(len(one["embedding"]))]  # the package unpacks it before it is typed
        check(CreateEmbeddingResponse, body)
    check(SyncPage[Model], server.http.get("/v1/models").json())
    check(Model, server.http.get("/v1/models/helix-demo").json())
    count = server.http.post("/v1/responses/input_tokens", json={"model": "helix-demo", "input": "hi"})
    check(InputTokenCountResponse, count.json())
