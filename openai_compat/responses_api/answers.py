"""A response on its way to the client: whole, or as a stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import structs

from openai_compat.choice_outputs import Batches, ChoiceOutputs, Taken
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


def response_events(
    response: ResponseObject, answer: Answer, outputs: ChoiceOutputs, keep: Keep
) -> Batches[list[ResponseEvent]]:
    """Return all events of a response, those that came together in one list; an error is the last event."""
    told = _Told(answer)
    return _Events(outputs, told.feed, _events(response, answer, outputs, keep, told))


class _Events(Batches[list[ResponseEvent]]):
    """What outputs add, between what is said before and behind them."""

    def __init__(
        self,
        outputs: ChoiceOutputs,
        feed: Callable[[Taken], list[ResponseEvent]],
        events: AsyncIterator[list[ResponseEvent]],
    ) -> None:
        super().__init__(outputs, feed)
        self._events = events

    async def __anext__(self) -> list[ResponseEvent]:
        return await anext(self._events)


class _Told:
    """What a client was told of a response."""

    def __init__(self, answer: Answer) -> None:
        self.writer = ItemWriter(answer)
        self._number = 0

    def feed(self, taken: Taken) -> list[ResponseEvent]:
        """Return what outputs add."""
        return self.numbered([event for _, output in taken for event in self.writer.feed(output)])

    def numbered(self, events: list[ResponseEvent]) -> list[ResponseEvent]:
        """Give events their places in the stream."""
        for event in events:
            event.sequence_number, self._number = self._number, self._number + 1
        return events


async def _events(
    response: ResponseObject, answer: Answer, outputs: ChoiceOutputs, keep: Keep, told: _Told
) -> AsyncIterator[list[ResponseEvent]]:
    writer = told.writer
    try:
        with outputs:
            created = ResponseCreated(response=response)
            if response.status == "queued":
                yield told.numbered([created, ResponseQueued(response=response)])
                taken = await outputs.take()
                response = structs.replace(response, status="in_progress")
                yield told.numbered([ResponseInProgress(response=response)])
                yield told.feed(taken)
            else:
                yield told.numbered([created, ResponseInProgress(response=response)])
            while not outputs.is_finished:
                yield told.feed(await outputs.take())
        response = ended(response, answer, writer.items, is_cut=writer.is_cut)
        await keep(response)
    except Exception as error:
        failure = ResponseFailed(response=failed(response, answer, writer.items, to_api_error(error)))
        yield told.numbered([failure])
    else:
        ending = ResponseIncomplete(response=response) if writer.is_cut else ResponseCompleted(response=response)
        yield told.numbered([ending])
