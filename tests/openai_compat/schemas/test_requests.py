"""Whatever OpenAI's client can send is declared: served, accepted on purpose, or refused by name; never overlooked."""

from __future__ import annotations

from typing import Any, get_type_hints

import pytest
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params

from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.completions import CompletionRequest
from openai_compat.schemas.embeddings import EmbeddingRequest


@pytest.mark.parametrize(
    ("request_type", "sdk_params"),
    [
        (ChatCompletionRequest, chat_create_params.CompletionCreateParamsStreaming),
        (CompletionRequest, completion_create_params.CompletionCreateParamsStreaming),
        (EmbeddingRequest, embedding_create_params.EmbeddingCreateParams),
    ],
)
def test_every_parameter_of_the_sdk_is_declared(request_type: Any, sdk_params: Any) -> None:
    sent = {name for kind in sdk_params.__mro__ for name in getattr(kind, "__annotations__", {})}
    assert {"model", "user"} <= sent
    assert sent - set(request_type.__struct_fields__) == set()


@pytest.mark.parametrize("request_type", [ChatCompletionRequest, CompletionRequest, EmbeddingRequest])
def test_every_optional_field_takes_null(request_type: Any) -> None:
    optional = set(request_type.__struct_fields__) - {"model", "messages", "input"}
    hints = get_type_hints(request_type)
    assert {name for name in optional if hints[name] is not Any and type(None) not in hints[name].__args__} == set()
