"""Agents of pydantic-ai, on chats and on the Responses API:

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

provider = OpenAIProvider(base_url="http://127.0.0.1:8000/v1", api_key="none")
agent = Agent(OpenAIChatModel("helix-demo", provider=provider))
print(agent.run_sync("What is speculative decoding?").output)
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput
from pydantic_ai.models import Model
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.settings import ModelSettings

from helix import AsyncEngine
from tests.servers import Server

ASK = "Anna is 31 years old and lives in Vienna. Extract name, age and city."


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=12)


@pytest.mark.parametrize("kind", [OpenAIChatModel, OpenAIResponsesModel])
def test_an_agent_uses_a_tool_streams_and_fills_a_class(
    server: Server[AsyncEngine], kind: Callable[..., Model[Any]]
) -> None:
    asked: list[str] = []

    def get_weather(city: str) -> str:
        """Get the weather in a city."""
        asked.append(city)
        return '{"condition": "sunny", "temperature": 21}'

    async def run() -> tuple[str, str, Person, Person]:
        async with AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
            model = kind("helix-demo", provider=OpenAIProvider(openai_client=client))
            settings = ModelSettings(temperature=0, max_tokens=300)
            agent = Agent(model, tools=[get_weather], model_settings=settings)
            whole = await agent.run("What is the weather in Vienna?")
            assert whole.usage.requests == 2 and whole.usage.output_tokens > 0
            async with agent.run_stream("What is the weather in Vienna?") as stream:
                streamed = "".join([text async for text in stream.stream_text(delta=True)])
            by_tool: Agent[None, Person] = Agent(model, output_type=Person, model_settings=settings)
            by_schema = Agent(model, output_type=NativeOutput(Person), model_settings=settings)
            return whole.output, streamed, (await by_tool.run(ASK)).output, (await by_schema.run(ASK)).output

    whole, streamed, by_tool, by_schema = asyncio.run(run())
    assert asked == ["Vienna", "Vienna"]
    assert "21" in whole
    assert streamed == whole
    assert by_tool == by_schema == Person(name="Anna", age=31, city="Vienna")
