"""A response on its way to the client: whole, or as a stream of events."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import structs

from helix import RequestOutput
from openai_compat.choice_outputs import ChoiceOutputs
from openai_compat.errors import to_api_error
from openai_compat.responses.answer import Answer
from openai_compat.responses_api.response_object import ended, failed
from openai_compat.responses_api.writer import ItemWriter
from openai_compat.schemas.response_events import (
    ResponseCompleted,
    ResponseCreated,
    ResponseEvent,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
)
from openai_compat.schemas.responses import ResponseObject

Keep = Callable[[ResponseObject], Awaitable[None]]
"""What happens to a response that has ended, before the client hears of its end."""


async def whole_response(
    response: ResponseObject, answer: Answer, outputs: ChoiceOutputs, keep: Keep
) -> ResponseObject:
    """Return the response when it has ended."""
    writer = ItemWriter(answer)
    while not outputs.is_finished:
        for _, output in await outputs.take():
            writer.feed(output)
    response = ended(response, answer, writer.items, is_cut=writer.is_cut)
    await keep(response)
    return response


async def response_events(
    response: ResponseObject, answer: Answer, outputs: ChoiceOutputs, keep: Keep
) -> AsyncIterator[list[ResponseEvent]]:
    """Yield all events of a response, those that came together in one list; an error is the last event."""
    numbers = itertools.count()
    async for events in _events(response, answer, outputs, keep):
        for event in events:
            event.sequence_number = next(numbers)
        yield events


async def _events(
    response: ResponseObject, answer: Answer, outputs: ChoiceOutputs, keep: Keep
) -> AsyncIterator[list[ResponseEvent]]:
    writer = ItemWriter(answer)
    try:
        with outputs:
            created = ResponseCreated(response=response)
            taken: list[tuple[int, RequestOutput]] = []
            if response.status == "queued":
                yield [created, ResponseQueued(response=response)]
                taken = await outputs.take()
                response = structs.replace(response, status="in_progress")
                yield [ResponseInProgress(response=response)]
            else:
                yield [created, ResponseInProgress(response=response)]
            yield [event for _, output in taken for event in writer.feed(output)]
            while not outputs.is_finished:
                yield [event for _, output in await outputs.take() for event in writer.feed(output)]
        response = ended(response, answer, writer.items, is_cut=writer.is_cut)
        await keep(response)
    except Exception as error:
        yield [ResponseFailed(response=failed(response, answer, writer.items, to_api_error(error)))]
    else:
        yield [ResponseIncomplete(response=response) if writer.is_cut else ResponseCompleted(response=response)]
