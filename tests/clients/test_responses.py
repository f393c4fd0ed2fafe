"""The Responses API through OpenAI's own client library and its agents, from the real model:

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
first = client.responses.create(model="helix-demo", input="What is speculative decoding?")
second = client.responses.create(model="helix-demo", input="And PagedAttention?", previous_response_id=first.id)
print(second.output_text)

# the Agents SDK

from agents import Agent, OpenAIResponsesModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)
model = OpenAIResponsesModel("helix-demo", AsyncOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none"))
print(Runner.run_sync(Agent(name="Helper", model=model), "What is PagedAttention?").final_output)
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import openai
import pytest
from agents import Agent, ModelSettings, OpenAIResponsesModel, Runner, function_tool, set_tracing_disabled
from openai import AsyncOpenAI
from openai.types.responses import Response
from pydantic import BaseModel, Field

from helix import AsyncEngine
from tests.response_events import check_sequence, events_of
from tests.servers import Server

MODEL = "helix-demo"
QUESTION = "What is speculative decoding?"
ASK = "Anna is 31 years old and lives in Vienna. Extract name, age and city."
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Get the weather in a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
ASKED: Any = {"model": MODEL, "temperature": 0}
LOGPROBS: Any = ["message.output_text.logprobs"]


class Person(BaseModel):
    name: str = Field(max_length=16)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=16)


def chat_text(server: Server[AsyncEngine], content: str, **fields: Any) -> Any:
    messages: Any = [{"role": "user", "content": content}]
    return server.openai.chat.completions.create(messages=messages, **ASKED | fields).choices[0].message.content


def test_a_question_gets_the_answer_of_a_chat(server: Server[AsyncEngine]) -> None:
    answer = server.openai.responses.create(**ASKED, input=QUESTION, max_output_tokens=200)
    assert "draft" in answer.output_text
    assert answer.output_text == chat_text(server, QUESTION, max_tokens=200)
    assert (answer.status, answer.model) == ("completed", MODEL)
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    Response.model_validate(answer.model_dump(), strict=True)


def test_a_stream_says_the_same_in_openais_order(server: Server[AsyncEngine]) -> None:
    whole = server.openai.responses.create(**ASKED, input=QUESTION, max_output_tokens=60)
    events = list(server.openai.responses.create(**ASKED, input=QUESTION, max_output_tokens=60, stream=True))
    check_sequence([event.model_dump(exclude_unset=True) for event in events])
    assert events[-1].type in ("response.completed", "response.incomplete")
    assert events[-1].response.output_text == whole.output_text
    raw = {"model": MODEL, "input": QUESTION, "stream": True, "include": LOGPROBS, "top_logprobs": 2, "temperature": 0}
    events_of(server.http.post("/v1/responses", json=raw | {"max_output_tokens": 40}).text)


def test_the_asynchronous_client_streams_too(server: Server[AsyncEngine]) -> None:
    async def run() -> tuple[str, str, str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            whole, streamed = await asyncio.gather(
                client.responses.create(**ASKED, input=QUESTION, max_output_tokens=200), _streamed(client)
            )
            return whole.output_text, *streamed

    async def _streamed(client: AsyncOpenAI) -> tuple[str, str]:
        async with client.responses.stream(**ASKED, input=QUESTION, max_output_tokens=200) as stream:
            text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
            return text, (await stream.get_final_response()).output_text

    assert len(set(asyncio.run(run()))) == 1


def test_speculation_is_visible_and_changes_no_text(server: Server[AsyncEngine]) -> None:
    texts = set()
    for speculation in ({"enabled": False}, {"adaptive": False}):
        answer: Any = server.openai.responses.create(
            **ASKED, input=QUESTION, max_output_tokens=60, extra_body={"speculation": speculation}
        )
        texts.add(answer.output_text)
    assert len(texts) == 1
    assert answer.helix["speculation"]["accepted"] > 0


def test_a_model_class_is_parsed_into(server: Server[AsyncEngine]) -> None:
    asked: Any = {"model": MODEL, "input": ASK, "text_format": Person, "max_output_tokens": 200}
    whole = server.openai.responses.parse(**asked, extra_body={"seed": 8})
    assert isinstance(whole.output_parsed, Person)
    with server.openai.responses.stream(**asked, extra_body={"seed": 8}) as stream:
        parsed = [event.parsed for event in stream if event.type == "response.output_text.done"]
        assert parsed == [stream.get_final_response().output_parsed] == [whole.output_parsed]


def test_an_answer_that_is_cut_says_so(server: Server[AsyncEngine]) -> None:
    answer = server.openai.responses.create(model=MODEL, input=QUESTION, max_output_tokens=5)
    assert answer.status == "incomplete" and answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.usage is not None and answer.usage.output_tokens == 5


def test_logprobs_spell_the_answer(server: Server[AsyncEngine]) -> None:
    answer: Any = server.openai.responses.create(
        **ASKED, input="Count from 3 to 9.", max_output_tokens=32, include=LOGPROBS, top_logprobs=3
    )
    part = answer.output[0].content[0]
    assert "".join(entry.token for entry in part.logprobs) == part.text
    assert all(entry.top_logprobs[0].token == entry.token for entry in part.logprobs)


def test_a_conversation_goes_on_by_id_as_by_items(server: Server[AsyncEngine]) -> None:
    first = server.openai.responses.create(**ASKED, input="Hello!", instructions="Be kind.", max_output_tokens=60)
    by_id = server.openai.responses.create(
        **ASKED, input=QUESTION, instructions="Be brief.", previous_response_id=first.id, max_output_tokens=60
    )
    items: Any = [{"role": "user", "content": "Hello!"}, *first.output, {"role": "user", "content": QUESTION}]
    by_items = server.openai.responses.create(**ASKED, input=items, instructions="Be brief.", max_output_tokens=60)
    assert by_id.output_text == by_items.output_text
    assert by_id.usage is not None and by_items.usage is not None
    assert by_id.usage.input_tokens == by_items.usage.input_tokens
    assert server.openai.responses.retrieve(by_id.id).output_text == by_id.output_text
    listed = [item.model_dump()["content"][0]["text"] for item in server.openai.responses.input_items.list(by_id.id)]
    assert listed == [QUESTION]
    server.openai.responses.delete(first.id)
    with pytest.raises(openai.BadRequestError) as gone:
        server.openai.responses.create(model=MODEL, input="x", previous_response_id=first.id)
    assert gone.value.code == "previous_response_not_found"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_tool_is_called_and_its_result_used(server: Server[AsyncEngine], is_streamed: bool) -> None:
    asked: Any = {**ASKED, "tools": [WEATHER], "max_output_tokens": 80}
    question = "What is the weather in Vienna?"
    if is_streamed:
        with server.openai.responses.stream(**asked, input=question) as stream:
            first: Any = stream.get_final_response()
    else:
        first = server.openai.responses.create(**asked, input=question)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert call.name == "get_weather" and "Vienna" in call.arguments
    result: Any = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": '{"condition": "sunny", "temperature": 21}',
    }
    second = server.openai.responses.create(**asked, input=[result], previous_response_id=first.id)
    assert "21" in second.output_text


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "get_weather"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "get_weather"}]},
    ],
)
def test_a_required_call_is_made_whatever_is_asked(server: Server[AsyncEngine], choice: Any) -> None:
    answer = server.openai.responses.create(
        model=MODEL,
        input=QUESTION,
        tools=[WEATHER],
        tool_choice=choice,
        parallel_tool_calls=False,
        max_output_tokens=80,
    )
    (call,) = answer.output
    assert call.type == "function_call"
    assert isinstance(json.loads(call.arguments)["city"], str)


def test_an_agent_calls_its_tool_and_answers(server: Server[AsyncEngine]) -> None:
    asked: list[str] = []

    @function_tool
    def get_weather(city: str) -> str:
        """Get the weather in a city."""
        asked.append(city)
        return '{"condition": "sunny", "temperature": 21}'

    async def run() -> tuple[str, str]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            agent = Agent(
                name="Forecaster",
                model=OpenAIResponsesModel(model=MODEL, openai_client=client),
                model_settings=ModelSettings(temperature=0, max_tokens=100),
                tools=[get_weather],
            )
            whole = await Runner.run(agent, "What is the weather in Vienna?")
            streamed = Runner.run_streamed(agent, "What is the weather in Vienna?")
            async for _ in streamed.stream_events():
                pass
            return whole.final_output, streamed.final_output

    set_tracing_disabled(True)
    whole, streamed = asyncio.run(run())
    assert asked == ["Vienna", "Vienna"]
    assert "21" in whole
    assert streamed == whole


def test_a_closed_stream_ends_its_request(server: Server[AsyncEngine]) -> None:
    stream = server.openai.responses.create(
        model=MODEL, input=QUESTION, stream=True, max_output_tokens=1500, extra_body={"ignore_eos": True}
    )
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()
    deadline_s = time.monotonic() + 20
    while server.http.get("/health").json()["num_running"] and time.monotonic() < deadline_s:
        pass
    assert server.http.get("/health").json()["num_running"] == 0
