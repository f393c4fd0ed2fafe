"""A response is kept before its client hears of its end, and an error is a last event."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from helix import SamplingParams
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.config import ServerConfig
from openai_compat.responses_api.answers import Keep, response_events, whole_response
from openai_compat.responses_api.response_object import begun
from openai_compat.responses_api.store import ResponseStore
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.schemas.messages import UserMessage
from openai_compat.schemas.responses import ResponseObject, ResponsesRequest
from openai_compat.served_models import ServedModels
from openai_compat.service import Service
from tests.fakes import FakeEngine
from tests.response_events import EVENT_TYPES, check_sequence

STORE = ResponseStore(max_bytes=1)
STORE.close()


def run(engine: FakeEngine, keep: Keep, *, stream: bool) -> Any:
    """Return the events of a response, or the whole one, as plain objects."""

    async def answer() -> Any:
        engine.start()
        service = Service(engine=engine, models=ServedModels(engine.info), config=ServerConfig(), responses=STORE)
        params = SamplingParams()
        chat = ChatCompletionRequest(model="m", messages=[UserMessage(content="hi")])
        answer = service.answer("resp_", chat, [[1]], params)
        outputs = ChoiceOutputs(engine, [list(b"user: hi\n")], [params], answer.id)
        response = begun(ResponsesRequest(model="m", input="hi"), answer)
        if not stream:
            return msgspec.to_builtins(await whole_response(response, answer, outputs, keep))
        batches = response_events(response, answer, outputs, keep)
        return [msgspec.to_builtins(event) async for events in batches for event in events]

    return asyncio.run(answer())


def test_a_response_is_kept_once_and_as_it_is_told() -> None:
    for stream in (False, True):
        kept: list[ResponseObject] = []

        async def keep(response: ResponseObject, kept: list[ResponseObject] = kept) -> None:
            kept.append(response)

        told = run(FakeEngine(), keep, stream=stream)
        assert msgspec.to_builtins(kept) == [told[-1]["response"] if stream else told]


def test_a_response_that_could_not_be_kept_has_failed() -> None:
    async def keep(_: ResponseObject) -> None:
        raise OSError("disk full")

    events = run(FakeEngine(), keep, stream=True)
    check_sequence(events)
    EVENT_TYPES["response.failed"].model_validate(events[-1], strict=True)
    assert events[-1]["response"]["status"] == "failed"
    assert events[-1]["response"]["output"] != []
    assert "disk" not in events[-1]["response"]["error"]["message"]
