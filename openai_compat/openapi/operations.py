"""What each operation takes and answers; the handlers' names are OpenAI's operation ids in snake case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from openai_compat.openapi import examples
from openai_compat.schemas.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from openai_compat.schemas.completions import Completion, CompletionRequest
from openai_compat.schemas.embeddings import EmbeddingList, EmbeddingRequest
from openai_compat.schemas.generate import (
    BatchRequest,
    GenerateQuery,
    GenerateRequest,
    Generation,
    GenerationBatch,
    GenerationEvent,
)
from openai_compat.schemas.health import Health
from openai_compat.schemas.models import Model, ModelList
from openai_compat.schemas.response_events import ResponseEvent
from openai_compat.schemas.response_items import ItemList
from openai_compat.schemas.responses import (
    DeletedResponse,
    InputItemsQuery,
    InputTokens,
    ResponseObject,
    ResponsesRequest,
    RetrieveQuery,
)
from openai_compat.schemas.state import EngineState
from openai_compat.schemas.tokenize import (
    DetokenizeRequest,
    DetokenizeResponse,
    TokenizeRequest,
    TokenizeResponse,
    TokenizerInfo,
)

OPENAI, OWN, OPERATING = "OpenAI", "Helix", "Operating"
TAGS = {
    OPENAI: "As in OpenAI's API, which clients know.",
    OWN: "The same engine, with fewer fields and more numbers.",
    OPERATING: "For load balancers, dashboards and people.",
}
COMPUTING = (400, 404, 413, 429, 500, 503)
"""Statuses, besides success, of operations for which the model works."""
READING = (400, 404, 413)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One operation."""

    tag: str
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    answer: type[Struct] | None = None
    media_type: str = "application/json"
    """Of the answer, where it is not a Struct."""
    events: tuple[type[Struct], ...] = ()
    """What the data of an event in a stream is."""
    event_example: str = ""
    tells_done: bool = False
    """Whether the last event is [DONE]."""
    errors: tuple[int, ...] = ()
    also: tuple[tuple[int, str], ...] = ()
    """Further statuses with their meaning, whose answers are the operation's own or empty."""
    is_open: bool = False
    """Whether it needs no key."""


def _leaves(kind: type[Struct]) -> tuple[type[Struct], ...]:
    below = kind.__subclasses__()
    return tuple(leaf for one in below for leaf in _leaves(one)) if below else (kind,)


_HEALTH = Described(
    tag=OPERATING, answer=Health, also=((503, "Not now: it loads, drains, or has ended."),), is_open=True
)
_STORED = (400, 404)

OPERATIONS: dict[str, Described] = {
    "create_chat_completion": Described(
        tag=OPENAI,
        body=ChatCompletionRequest,
        answer=ChatCompletion,
        events=(ChatCompletionChunk,),
        event_example=examples.CHUNK,
        tells_done=True,
        errors=COMPUTING,
    ),
    "create_completion": Described(
        tag=OPENAI,
        body=CompletionRequest,
        answer=Completion,
        events=(Completion,),
        event_example=examples.CHUNK,
        tells_done=True,
        errors=COMPUTING,
    ),
    "create_response": Described(
        tag=OPENAI,
        body=ResponsesRequest,
        answer=ResponseObject,
        events=_leaves(ResponseEvent),
        event_example=examples.NAMED_EVENT,
        errors=COMPUTING,
    ),
    "count_input_tokens": Described(tag=OPENAI, body=ResponsesRequest, answer=InputTokens, errors=COMPUTING),
    "get_response": Described(tag=OPENAI, query=RetrieveQuery, answer=ResponseObject, errors=_STORED),
    "delete_response": Described(tag=OPENAI, answer=DeletedResponse, errors=_STORED),
    "cancel_response": Described(tag=OPENAI, answer=ResponseObject, errors=(*_STORED, 429, 503)),
    "list_input_items": Described(tag=OPENAI, query=InputItemsQuery, answer=ItemList, errors=_STORED),
    "create_embedding": Described(tag=OPENAI, body=EmbeddingRequest, answer=EmbeddingList, errors=COMPUTING),
    "list_models": Described(tag=OPENAI, answer=ModelList),
    "retrieve_model": Described(tag=OPENAI, answer=Model, errors=(404,)),
    "generate": Described(tag=OWN, body=GenerateRequest, answer=Generation, errors=COMPUTING),
    "generate_batch": Described(tag=OWN, body=BatchRequest, answer=GenerationBatch, errors=COMPUTING),
    "generate_stream": Described(
        tag=OWN,
        body=GenerateRequest,
        events=(GenerationEvent,),
        event_example=examples.EVENT,
        errors=COMPUTING,
    ),
    "generate_stream_of_query": Described(
        tag=OWN,
        query=GenerateQuery,
        events=(GenerationEvent,),
        event_example=examples.EVENT,
        errors=COMPUTING,
        also=((204, "An EventSource that connects again is told to stop."),),
    ),
    "tokenize": Described(tag=OWN, body=TokenizeRequest, answer=TokenizeResponse, errors=(*READING, 429, 503)),
    "detokenize": Described(tag=OWN, body=DetokenizeRequest, answer=DetokenizeResponse, errors=(*READING, 429, 503)),
    "tokenizer_info": Described(tag=OWN, answer=TokenizerInfo),
    "check_health": _HEALTH,
    "check_ready": _HEALTH,
    "show_metrics": Described(tag=OPERATING, media_type="text/plain", is_open=True),
    "engine_state": Described(tag=OPERATING, answer=EngineState, errors=(500, 503)),
}


def structs() -> list[Any]:
    """Return all Structs that the operations name."""
    named = [(one.body, one.query, one.answer, *one.events) for one in OPERATIONS.values()]
    return list(dict.fromkeys(kind for kinds in named for kind in kinds if kind is not None))
