"""Responses made in the background: they go on whether or not anybody listens, for whoever asks later."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Literal

from msgspec import structs

from openai_compat.errors import TooManyRequests
from openai_compat.responses_api.answers import Keep
from openai_compat.schemas.response_events import OutputItemDone, ResponseEvent, WholeResponseEvent
from openai_compat.schemas.response_items import Item
from openai_compat.schemas.responses import ResponseError, ResponseObject

logger = logging.getLogger("openai_compat")

MAX_REPLAYS = 64
"""Responses that have ended and whose events can still be asked for."""


class BackgroundResponse:
    """One response at work, and its events so far for any number of followers.

    events are those of the response, which they are the only source of; keep is called once with its last state,
    unless the events did so already.
    """

    def __init__(
        self,
        response: ResponseObject,
        input_items: Sequence[Item],
        events: AsyncIterator[Sequence[ResponseEvent]],
        keep: Keep,
    ) -> None:
        self.response = response
        """As it is now."""
        self.input_items = input_items
        self._keep = keep
        self._events: list[ResponseEvent] = []  # a place in the list is a sequence number
        self._grew = asyncio.Event()
        self._work = asyncio.create_task(self._make(events))

    @property
    def has_ended(self) -> bool:
        """Whether no event will follow."""
        return self._work.done()

    async def follow(self, starting_after: int) -> AsyncIterator[Sequence[ResponseEvent]]:
        """Yield the events numbered above starting_after, past ones first.

        Those of a cancelled response end without a last event, as OpenAI's do.
        """
        number = starting_after + 1
        while True:
            if news := self._events[number:]:
                yield news
                number += len(news)
            elif self.has_ended:
                return
            else:
                await self._grew.wait()

    async def end(self, status: Literal["cancelled", "failed"], error: ResponseError | None = None) -> None:
        """Stop the work, if there is any left, and keep what was finished of the output."""
        self._work.cancel()
        await asyncio.wait((self._work,))
        if self.response.status in ("queued", "in_progress"):
            self.response = structs.replace(self.response, status=status, error=error)
            await self._keep(self.response)

    async def _make(self, batches: AsyncIterator[Sequence[ResponseEvent]]) -> None:
        try:
            async for events in batches:
                for event in events:
                    self._take(event)
                self._wake()
            if self.response.status == "failed":
                await self._keep(self.response)
        except Exception:
            logger.exception("a background response could not be kept")  # who asks soon is told by this object
        finally:
            self._wake()

    def _take(self, event: ResponseEvent) -> None:
        if isinstance(event, WholeResponseEvent):
            self.response = event.response
        elif isinstance(event, OutputItemDone):
            self.response = structs.replace(self.response, output=[*self.response.output, event.item])
        self._events.append(event)

    def _wake(self) -> None:
        self._grew.set()
        self._grew = asyncio.Event()


class BackgroundResponses:
    """The background responses of all owners that are at work, and the last ones that have ended."""

    def __init__(self, max_per_owner: int | None = None) -> None:
        self._max_per_owner = max_per_owner
        self._responses: dict[tuple[str, str], BackgroundResponse] = {}  # the oldest first

    @property
    def is_at_work(self) -> bool:
        """Whether any response has not ended."""
        return any(not response.has_ended for response in self._responses.values())

    def check_room(self, owner: str) -> None:
        """Raise TooManyRequests where the owner has as many at work as a key may have requests."""
        own = [response for (of, _), response in self._responses.items() if of == owner and not response.has_ended]
        if self._max_per_owner is not None and len(own) >= self._max_per_owner:
            raise TooManyRequests(
                f"This API key has {len(own)} responses running in the background, which is its limit."
            )

    def add(self, owner: str, response: BackgroundResponse) -> None:
        """Take in a response, and let go of those that ended long ago."""
        ended = [key for key, other in self._responses.items() if other.has_ended]
        for key in ended[: max(0, len(ended) - MAX_REPLAYS + 1)]:
            del self._responses[key]
        self._responses[owner, response.response.id] = response

    def get(self, owner: str, id: str) -> BackgroundResponse | None:
        """Return an owner's response, or None where there is none, or none any longer."""
        return self._responses.get((owner, id))

    async def forget(self, owner: str, id: str) -> None:
        """Cancel an owner's response if it is at work, and drop its events."""
        response = self._responses.pop((owner, id), None)
        if response is not None:
            await response.end("cancelled")

    async def close(self) -> None:
        """End what is still at work; it is kept as failed."""
        error = ResponseError(code="server_error", message="The server was stopped before the response had ended.")
        await asyncio.gather(*(response.end("failed", error) for response in self._responses.values()))
        self._responses.clear()
