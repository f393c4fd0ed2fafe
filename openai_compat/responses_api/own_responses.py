"""The kept responses of one key: what its requests continue, ask for and delete."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from openai_compat.errors import SERVER, ApiError, InvalidParameter, UnsupportedParameter
from openai_compat.responses_api.background import MAX_REPLAYS, BackgroundResponses
from openai_compat.responses_api.conversation import response_of_item
from openai_compat.responses_api.store import ResponseStore, Turn
from openai_compat.schemas.response_events import ResponseEvent
from openai_compat.schemas.response_items import Item, ItemList
from openai_compat.schemas.responses import InputItemsQuery, ResponseObject

logger = logging.getLogger("openai_compat")


@dataclass(frozen=True, slots=True)
class OwnResponses:
    """What one owner sees of the kept responses and those at work; the store's work is done on threads."""

    store: ResponseStore
    background: BackgroundResponses
    owner: str

    async def items_before(self, previous_response_id: str | None) -> list[Item]:
        """Return the conversation up to and including a response.

        Raises:
            ApiError: It, or a response before it, is not kept (any longer).
        """
        if previous_response_id is None:
            return []
        turns = await asyncio.to_thread(self.store.conversation, self.owner, previous_response_id)
        if turns is None:
            raise ApiError(
                400,
                f"Previous response with id '{previous_response_id}' not found.",
                param="previous_response_id",
                code="previous_response_not_found",
            )
        return [item for turn in turns for item in (*turn.input_items, *turn.response.output)]

    async def resolved(self, input: str | list[dict[str, Any]], before: Sequence[Item]) -> str | list[dict[str, Any]]:
        """Return an input with the items of kept outputs in place of references to them.

        Raises:
            ApiError: An item is not kept, or is part of the conversation before already.
        """
        if isinstance(input, str):
            return input
        known = {item.id for item in before}
        items: list[dict[str, Any]] = []
        for index, fields in enumerate(input):
            id = fields.get("id")
            if fields.get("type") != "item_reference" or not isinstance(id, str):
                items.append(fields)
                continue
            if id in known:
                raise InvalidParameter(f"input[{index}].id", f"Duplicate item found with id '{id}'.")
            items.append(await self._output_item(id))
        return items

    async def _output_item(self, id: str) -> dict[str, Any]:
        response_id = response_of_item(id)
        turn = await asyncio.to_thread(self.store.get, self.owner, response_id) if response_id else None
        for item in turn.response.output if turn else ():
            if item.id == id:
                fields: dict[str, Any] = msgspec.to_builtins(item)
                return fields
        raise ApiError(404, f"Item with id '{id}' not found.", param="input")

    async def keep(self, response: ResponseObject, input_items: Sequence[Item]) -> None:
        """Keep a response with its input, unless its request said not to.

        Raises:
            ApiError: The disk is full, or fails: a response that was promised to be kept must not seem to be.
        """
        if not response.store:
            return
        try:
            await asyncio.to_thread(self.store.put, self.owner, Turn(response, input_items))
        except sqlite3.Error as error:
            logger.error("a response could not be kept: %s", error)
            raise ApiError(
                507,
                "The server could not keep the response; with store false it need not.",
                type=SERVER,
                code="response_not_kept",
                headers={"x-should-retry": "false"},
            ) from None

    async def turn(self, id: str) -> Turn:
        """Return a response, be it at work, and its input; raises ApiError where it is not kept."""
        at_work = self.background.get(self.owner, id)
        if at_work is not None:
            return Turn(at_work.response, at_work.input_items)
        turn = await asyncio.to_thread(self.store.get, self.owner, id)
        if turn is None:
            raise _not_found(id)
        return turn

    async def cancel(self, id: str) -> ResponseObject:
        """End a response that is made in the background, and return it; one that has ended stays what it is.

        Raises:
            ApiError: It is not kept, or its own client waits for it: that one closes the connection.
        """
        at_work = self.background.get(self.owner, id)
        if at_work is not None:
            await at_work.end("cancelled")
            return at_work.response
        response = (await self.turn(id)).response
        if not response.background:
            raise ApiError(400, "Only responses created with background true can be cancelled.")
        return response

    async def events(self, id: str, starting_after: int) -> AsyncIterator[Sequence[ResponseEvent]]:
        """Return the events of a response that is made in the background, also those that are to come.

        Raises:
            ApiError: It is not kept, or its events are not.
        """
        at_work = self.background.get(self.owner, id)
        if at_work is None:
            await self.turn(id)
            raise UnsupportedParameter(
                "stream",
                "The events of this response are not kept: only those created with background true tell them"
                f" again, the last {MAX_REPLAYS} of this server.",
            )
        return at_work.follow(starting_after)

    async def delete(self, id: str) -> None:
        """Forget a response, and cancel it if it is at work; raises ApiError where it is not kept."""
        await self.background.forget(self.owner, id)
        if not await asyncio.to_thread(self.store.delete, self.owner, id):
            raise _not_found(id)


def page_of(items: Sequence[Item], query: InputItemsQuery) -> ItemList:
    """Return the part of a list that a query asks for."""
    ordered = [*items] if query.order == "asc" else [*reversed(items)]
    start = 0
    if query.after is not None:
        ids = [item.id for item in ordered]
        if query.after not in ids:
            raise InvalidParameter("after", f"after: the response has no input item with id '{query.after}'.")
        start = ids.index(query.after) + 1
    data = ordered[start : start + query.limit]
    return ItemList(
        data=data,
        first_id=data[0].id or None if data else None,
        last_id=data[-1].id or None if data else None,
        has_more=start + len(data) < len(ordered),
    )


def _not_found(id: str) -> ApiError:
    return ApiError(404, f"Response with id '{id}' not found.")
