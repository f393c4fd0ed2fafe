"""Items that are being written tell the same at the end as on the way."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from openai_compat.responses_api.open_items import OpenCall, OpenCustomCall, OpenMessage, OpenReasoning
from tests.response_events import check_item


@pytest.mark.parametrize(
    "item",
    [
        OpenMessage("resp_1", 0),
        OpenReasoning("resp_1", 0),
        OpenCall("resp_1", 0, "f"),
        OpenCustomCall("resp_1", 0, "f"),
    ],
)
def test_deltas_build_the_item(item: Any) -> None:
    logprobs: Any = ([],) if isinstance(item, OpenMessage) else ()
    events = [*item.begin(), *(item.add(text, *logprobs) for text in ("{", "}"))]
    whole, ending = item.end("completed")
    told = [msgspec.to_builtins(event) for event in (*events, *ending)]
    check_item(told, msgspec.to_builtins(whole))
    assert "{}" in str(told[-1])


def test_a_call_is_whole_where_its_arguments_are_and_a_custom_one_where_it_was_not_cut() -> None:
    for text, status in (("{}", "completed"), ("{", "incomplete")):
        call = OpenCall("resp_1", 0, "f")
        call.add(text)
        assert call.end("incomplete")[0].status == status
    assert OpenCustomCall("resp_1", 0, "f").end("incomplete")[0].status == "incomplete"
