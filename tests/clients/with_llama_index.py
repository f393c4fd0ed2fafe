"""LlamaIndex's OpenAILike:

from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(
    model="helix-demo",
    api_base="http://127.0.0.1:8000/v1",
    api_key="none",
    is_chat_model=True,
    is_function_calling_model=True,
    context_window=2048,
)
print(llm.complete("What is speculative decoding?"))
"""

import asyncio
import json
import sys
from typing import Any

from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel, Field


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=12)


def get_weather(city: str) -> str:
    """Get the weather in a city."""
    return f"It is sunny in {city}."


SERVER: Any = {"model": "helix-demo", "api_base": sys.argv[1], "api_key": "none", "max_retries": 0}
llm = OpenAILike(
    **SERVER, temperature=0, is_chat_model=True, is_function_calling_model=True, context_window=2048, max_tokens=200
)
plain = OpenAILike(**SERVER, temperature=0, is_chat_model=False, context_window=2048, max_tokens=8)
ask = [ChatMessage(role="user", content="What is speculative decoding?")]


async def later() -> str:
    answer = await llm.achat(ask)
    return str(answer.message.content)


calls = llm.get_tool_calls_from_response(
    llm.chat_with_tools([FunctionTool.from_defaults(get_weather)], user_msg="What is the weather in Vienna?")
)
person = llm.structured_predict(
    Person, PromptTemplate("{who} is 31 years old and lives in Vienna. Extract name, age and city."), who="Anna"
)
print(
    json.dumps(
        {
            "texts": [
                llm.chat(ask).message.content,
                "".join(part.delta or "" for part in llm.stream_chat(ask)),
                asyncio.run(later()),
            ],
            "calls": [[call.tool_name, call.tool_kwargs] for call in calls],
            "person": person.model_dump(),
            "completions": [
                plain.complete("Once upon a time").text,
                "".join(part.delta or "" for part in plain.stream_complete("Once upon a time")),
            ],
        }
    )
)
