"""Pages of a list join up to the list, in both orders."""

from __future__ import annotations

from typing import Literal

import pytest

from openai_compat.errors import InvalidParameter
from openai_compat.responses_api.conversation import read_items
from openai_compat.responses_api.own_responses import page_of
from openai_compat.schemas.responses import InputItemsQuery

ITEMS = read_items([{"role": "user", "content": str(number), "id": f"msg_{number}"} for number in range(7)])


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 3, 6, 7, 8])
def test_pages_join_up_to_the_whole(order: Literal["asc", "desc"], limit: int) -> None:
    ids: list[object] = []
    after: str | None = None
    while True:
        page = page_of(ITEMS, InputItemsQuery(after=after, limit=limit, order=order))
        own = [item.id for item in page.data]
        assert (page.first_id, page.last_id) == (own[0], own[-1])
        assert page.has_more == (len(own) == limit and len(ids) + limit < len(ITEMS))
        ids += own
        if not page.has_more:
            break
        after = page.last_id
    numbers = range(7) if order == "asc" else range(6, -1, -1)
    assert ids == [f"msg_{number}" for number in numbers]


def test_behind_the_last_item_is_nothing() -> None:
    page = page_of(ITEMS, InputItemsQuery(after="msg_0"))
    assert (page.data, page.first_id, page.has_more) == ([], None, False)


def test_an_unknown_item_is_named() -> None:
    with pytest.raises(InvalidParameter, match="msg_9"):
        page_of(ITEMS, InputItemsQuery(after="msg_9"))
