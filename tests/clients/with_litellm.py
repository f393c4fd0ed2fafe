"""LiteLLM, with the provider "openai" in front of the model's name:

import litellm

answer = litellm.completion(
    model="openai/helix-demo",
    api_base="http://127.0.0.1:8000/v1",
    api_key="none",
    messages=[{"role": "user", "content": "What is speculative decoding?"}],
)
print(answer.choices[0].message.content)
"""

import asyncio
import json
import sys
from typing import Any

import litellm
from pydantic import BaseModel, Field

SERVER: Any = {"api_base": sys.argv[1], "api_key": "none"}
MODEL: Any = {"model": "openai/helix-demo", "temperature": 0, **SERVER}
ASK: Any = [{"role": "user", "content": "What is speculative decoding?"}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=12)


async def later() -> str:
    answer: Any = await litellm.acompletion(messages=ASK, **MODEL)
    return str(answer.choices[0].message.content)


def person() -> Any:
    ask = [{"role": "user", "content": "Anna is 31 years old and lives in Vienna. Extract name, age and city."}]
    answer: Any = litellm.completion(messages=ask, response_format=Person, **MODEL)
    return json.loads(answer.choices[0].message.content)


def weather() -> Any:
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Vienna?"}]
    called: Any = litellm.completion(messages=turns, tools=[WEATHER], **MODEL)
    (call,) = called.choices[0].message.tool_calls
    result = '{"condition": "sunny", "temperature": 21}'
    turns += [called.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": result}]
    told: Any = litellm.completion(messages=turns, tools=[WEATHER], **MODEL)
    return [call.function.name, json.loads(call.function.arguments), told.choices[0].message.content]


def refusal() -> str | None:
    try:
        litellm.completion(messages=ASK, model="openai/helix-demo", max_tokens=-1, **SERVER)
    except litellm.BadRequestError as error:
        return str(error)
    return None


whole: Any = litellm.completion(messages=ASK, **MODEL)
chunks: Any = list(litellm.completion(messages=ASK, stream=True, stream_options={"include_usage": True}, **MODEL))
completion: Any = litellm.text_completion(
    model="text-completion-openai/helix-demo", prompt="Once upon a time", max_tokens=5, temperature=0, **SERVER
)
embedding: Any = litellm.embedding(model="openai/helix-demo", input=["one", "two"], **SERVER)
print(
    json.dumps(
        {
            "texts": [
                whole.choices[0].message.content,
                "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices),
                asyncio.run(later()),
            ],
            "usage": [whole.usage.total_tokens, chunks[-1].usage.total_tokens],
            "person": person(),
            "weather": weather(),
            "completion": completion.choices[0].finish_reason,
            "embeddings": [len(one["embedding"]) for one in embedding.data],
            "refused": refusal(),
        }
    )
)
