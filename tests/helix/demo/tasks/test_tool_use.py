"""Calls fit the definitions offered; answers use results; nobody is called without need."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from helix.demo.example import Example, Split
from helix.demo.tasks import tool_use
from helix.demo.tasks.draw import Draw
from helix.demo.tasks.tools import TOOLS

TYPES = {"string": str, "integer": int, "number": float}


def drawn(split: Split, count: int = 400) -> list[Example]:
    rng = random.Random(9)
    return [tool_use.generate(rng, split) for _ in range(count)]


def made_calls(example: Example) -> list[dict[str, Any]]:
    return [call["function"] for message in example.messages for call in message.get("tool_calls", ())]


@pytest.mark.parametrize("split", Split)
def test_arguments_validate_against_the_schema_in_its_order(split: Split) -> None:
    for example in drawn(split):
        offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in example.tools or ()}
        assert len(offered) == len(example.tools or ()) <= 4
        for function in made_calls(example):
            schema, arguments = offered[function["name"]], json.loads(function["arguments"])
            assert list(arguments) == schema["required"] == list(schema["properties"])
            for name, value in arguments.items():
                assert type(value) is TYPES[schema["properties"][name]["type"]]


def test_results_answer_the_call_before_them() -> None:
    for example in drawn(Split.TRAIN):
        for before, message in zip(example.messages, example.messages[1:], strict=False):
            if message["role"] == "tool":
                assert before["tool_calls"][0]["id"] == message["tool_call_id"]
                assert isinstance(json.loads(message["content"]), dict)


def test_descriptions_are_short() -> None:
    assert all(len(tool.description.split()) <= 8 for tool in TOOLS)
    assert len({tool.name for tool in TOOLS}) == len(TOOLS) >= 16


def test_a_call_is_compared_as_json() -> None:
    is_correct = tool_use.calls("get_weather", {"city": "Paris"})
    assert is_correct('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>')
    assert is_correct('<tool_call>{"arguments":{"city":"Paris"},"name":"get_weather"}</tool_call>')
    assert not is_correct('<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>')
    assert not is_correct('<tool_call>\n{"name": "get_time", "arguments": {"city": "Paris"}}\n</tool_call>')
    assert not is_correct('<tool_call>\n{"name": "get_weather"')
    assert not is_correct("It is sunny in Paris.")


def test_an_answer_has_to_mention_whole_values() -> None:
    is_correct = tool_use.says("sunny", 21)
    assert is_correct("It is Sunny with 21 degrees.")
    assert not is_correct("It is sunny with 210 degrees.")
    assert not is_correct('<tool_call>\n{"name": "sunny 21"}\n</tool_call>')


def test_no_tool_is_called_when_none_fits() -> None:
    draw = Draw(random.Random(3), "tool_use", "")
    for _ in range(300):
        for example in (tool_use.none_fits(draw), tool_use.plain(draw)):
            assert example.tools
            assert not made_calls(example)
        assert not tool_use.no_tools(draw).tools
