"""Streams of the Responses API as clients read them, each event checked against OpenAI's type for it."""

from __future__ import annotations

import json
from typing import Any, get_args

from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

EVENT_TYPES: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(get_args(ResponseStreamEvent)[0])
}
ITEM_ADDED, ITEM_DONE = "response.output_item.added", "response.output_item.done"
PART_ADDED, PART_DONE = "response.content_part.added", "response.content_part.done"
TEXT_DELTA, TEXT_DONE = "response.output_text.delta", "response.output_text.done"
REASONING_DELTA, REASONING_DONE = "response.reasoning_text.delta", "response.reasoning_text.done"
ARGUMENTS_DELTA, ARGUMENTS_DONE = "response.function_call_arguments.delta", "response.function_call_arguments.done"
INPUT_DELTA, INPUT_DONE = "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done"
LAST = {"response.completed", "response.incomplete", "response.failed"}


def events_of(text: str) -> list[Any]:
    """Return the events of a stream after checking frames, names, numbers, types and the grammar of the sequence."""
    frames = [frame for frame in text.split("\n\n") if frame and not frame.startswith(":")]
    events = []
    for frame in frames:
        name, data = frame.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        EVENT_TYPES[event["type"]].model_validate(event, strict=True)
        events.append(event)
    check_sequence(events)
    return events


def check_sequence(events: list[Any]) -> None:
    """Assert that events come in OpenAI's order and that deltas, done events and the last response say the same."""
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    opening = ["response.created", "response.in_progress"]
    if events[0]["response"]["background"]:
        opening.insert(1, "response.queued")
    assert [event["type"] for event in events[: len(opening)]] == opening
    assert [event["type"] in LAST for event in events] == [False] * (len(events) - 1) + [True]
    first = "queued" if events[0]["response"]["background"] else "in_progress"
    for event in events[: len(opening)]:
        status = "in_progress" if event is events[len(opening) - 1] else first
        assert (event["response"]["status"], event["response"]["output"]) == (status, [])
    body = events[len(opening) : -1]
    output = events[-1]["response"]["output"]
    for index, item in enumerate(output):
        own = [event for event in body if event["output_index"] == index]
        assert own == [event for event in body if event in own], "items come one after another"
        check_item(own, item)
    indices = [event["output_index"] for event in body]
    assert indices == sorted(indices)
    if events[-1]["type"] != "response.failed":
        assert max(indices) == len(output) - 1
    Response.model_validate(events[-1]["response"], strict=True)


def check_item(events: list[Any], item: Any) -> None:
    """Assert that the events of one item build it."""
    types = [event["type"] for event in events]
    assert events[0]["type"] == ITEM_ADDED and events[0]["item"]["status"] == "in_progress"
    assert events[-1]["type"] == ITEM_DONE and events[-1]["item"] == item
    assert {event["item_id"] for event in events[1:-1]} | {events[0]["item"]["id"]} == {item["id"]}
    if item["type"] == "function_call":
        assert events[0]["item"]["arguments"] == ""
        deltas = [event["delta"] for event in events[1:-2]]
        assert types == [ITEM_ADDED, *[ARGUMENTS_DELTA] * len(deltas), ARGUMENTS_DONE, ITEM_DONE]
        assert "".join(deltas) == events[-2]["arguments"] == item["arguments"]
        return
    if item["type"] == "custom_tool_call":
        assert events[0]["item"]["input"] == ""
        deltas = [event["delta"] for event in events[1:-2]]
        assert types == [ITEM_ADDED, *[INPUT_DELTA] * len(deltas), INPUT_DONE, ITEM_DONE]
        assert "".join(deltas) == events[-2]["input"] == item["input"]
        return
    assert events[0]["item"]["content"] == []
    assert events[1]["part"]["text"] == ""
    deltas = [event["delta"] for event in events[2:-3]]
    is_reasoning = item["type"] == "reasoning"
    delta, done = (REASONING_DELTA, REASONING_DONE) if is_reasoning else (TEXT_DELTA, TEXT_DONE)
    assert types == [ITEM_ADDED, PART_ADDED, *[delta] * len(deltas), done, PART_DONE, ITEM_DONE]
    assert [event["content_index"] for event in events[1:-1]] == [0] * (len(events) - 2)
    (part,) = item["content"]
    assert "".join(deltas) == events[-3]["text"] == events[-2]["part"]["text"] == part["text"]
    assert events[-3].get("logprobs") == part.get("logprobs")
