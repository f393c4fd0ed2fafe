"""An agent of LangGraph, as LangChain builds it:

from langchain.agents import create_agent
from langchain_openai import ChatOpenAI

def get_weather(city: str) -> str:
    '''Get the weather in a city.'''
    return f"It is sunny in {city}."

llm = ChatOpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none", model="helix-demo")
agent = create_agent(llm, [get_weather])
print(agent.invoke({"messages": [("user", "What is the weather in Vienna?")]})["messages"][-1].content)
"""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from helix import AsyncEngine
from tests.servers import Server

QUESTION = {"messages": [("user", "What is the weather in Vienna?")]}


@tool
def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f'{{"condition": "sunny", "temperature": {20 + len(city)}}}'


def test_an_agent_calls_its_tool_and_answers_whole_and_streamed(server: Server[AsyncEngine]) -> None:
    llm = ChatOpenAI(
        base_url=f"{server.url}/v1", api_key=SecretStr("none"), model="helix-demo", temperature=0, max_tokens=100
    )
    agent: Any = create_agent(llm, [get_weather])
    messages = agent.invoke(QUESTION)["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    (call,) = messages[1].tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Vienna"})
    assert messages[2].tool_call_id == call["id"]
    assert "26" in messages[3].content
    parts = [part for part, _ in agent.stream(QUESTION, stream_mode="messages")]
    answer = "".join(part.content for part in parts if part.type == "AIMessageChunk")
    assert len(parts) > 5
    assert answer == messages[3].content
