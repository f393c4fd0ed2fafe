"""LangChain's ChatOpenAI:

from langchain_openai import ChatOpenAI

llm = ChatOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none", model="helix-demo")
for part in llm.stream("What is speculative decoding?"):
    print(part.content, end="", flush=True)
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import pytest
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from helix import AsyncEngine
from tests.servers import Server

QUESTION = "What is speculative decoding?"


@pytest.fixture
def llm(server: Server[AsyncEngine]) -> Any:
    return ChatOpenAI(
        base_url=f"{server.url}/v1", api_key=SecretStr("none"), model="helix-demo", temperature=0, max_tokens=80
    )


def test_invoke_gives_an_answer_with_usage(llm: Any) -> None:
    answer = llm.invoke([("system", "Answer in one sentence."), ("user", QUESTION)])
    assert answer.content
    assert answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["finish_reason"] == "stop"


def test_stream_gives_the_same_in_pieces(llm: Any) -> None:
    parts = list(llm.stream(QUESTION))
    assert len(parts) > 2
    assert "".join(part.content for part in parts) == llm.invoke(QUESTION).content


def test_limits_and_stops_are_passed(llm: Any) -> None:
    assert llm.bind(max_tokens=3).invoke(QUESTION).response_metadata["finish_reason"] == "length"
    assert "." not in llm.bind(stop=["."]).invoke(QUESTION).content


def test_many_at_once(llm: Any) -> None:
    answers = asyncio.run(llm.abatch([QUESTION] * 4))
    assert len({answer.content for answer in answers}) == 1


def test_extra_body_reaches_speculation(server: Server[AsyncEngine]) -> None:
    llm: Any = ChatOpenAI(
        base_url=f"{server.url}/v1",
        api_key=SecretStr("none"),
        model="helix-demo",
        temperature=0,
        max_tokens=80,
        extra_body={"speculation": {"depth": 99}},
    )
    with pytest.raises(Exception, match=r"speculation\.depth"):
        llm.invoke(QUESTION)


def test_bound_tools_are_called(llm: Any) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    function = {"name": "get_weather", "description": "Get the weather in a city", "parameters": parameters}
    answer = llm.bind_tools([{"type": "function", "function": function}]).invoke("What is the weather in Vienna?")
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Vienna"})


class Booking(BaseModel):
    """Book a table."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=12)
    city: Literal["Graz", "Wien"]
    hour: int = Field(ge=0, le=23)


@pytest.mark.parametrize("strict", [None, True])
def test_structured_output_is_a_call_of_one_function(llm: Any, strict: bool | None) -> None:
    booked = llm.bind(max_tokens=300).with_structured_output(Booking, method="function_calling", strict=strict)
    assert isinstance(booked.invoke("Book a table for Anna in Vienna at seven."), Booking)


@pytest.mark.parametrize("choice", ["any", "Booking"])
def test_bound_tools_are_called_when_they_must_be_and_stream(llm: Any, choice: str) -> None:
    bound = llm.bind(max_tokens=300).bind_tools([Booking], tool_choice=choice, parallel_tool_calls=False)
    question = "Book a table for Anna in Vienna at seven."
    (call,) = bound.invoke(question).tool_calls
    Booking.model_validate(call["args"])
    streamed = None
    for part in bound.stream(question):
        streamed = part if streamed is None else streamed + part
    assert streamed is not None and streamed.tool_calls[0]["args"] == call["args"]
