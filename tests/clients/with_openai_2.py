"""openai 2.x for Python, sync and async:

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
answer = client.chat.completions.create(
    model="helix-demo", messages=[{"role": "user", "content": "What is speculative decoding?"}]
)
print(answer.choices[0].message.content)
"""

import asyncio
import json
import sys
from typing import Any

import openai
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

BASE_URL, MODEL = sys.argv[1], "helix-demo"
ASK: Any = [{"role": "user", "content": "What is speculative decoding?"}]
PERSON: Any = [{"role": "user", "content": "Anna is 31 years old and lives in Vienna. Extract name, age and city."}]


class Person(BaseModel):
    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=12)


async def streamed() -> str:
    async with AsyncOpenAI(base_url=BASE_URL, api_key="none") as client:
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, temperature=0, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])


client = OpenAI(base_url=BASE_URL, api_key="none", max_retries=0)
whole = client.chat.completions.create(model=MODEL, messages=ASK, temperature=0)
parsed = client.chat.completions.parse(model=MODEL, messages=PERSON, temperature=0, response_format=Person)
with client.chat.completions.stream(model=MODEL, messages=ASK, temperature=0) as events:
    helped = "".join(event.delta for event in events if event.type == "content.delta")
response = client.responses.create(model=MODEL, input=ASK, temperature=0)
with client.responses.stream(model=MODEL, input=ASK, temperature=0) as response_events:
    kinds = [event.type for event in response_events]
raw = client.completions.with_raw_response.create(model=MODEL, prompt="Once upon a time", max_tokens=5, temperature=0)
embedding = client.embeddings.create(model=MODEL, input=["one", "two"])
try:
    client.chat.completions.create(model=MODEL, messages=ASK, temperature=9)
    refused = None
except openai.BadRequestError as error:
    refused = error.param
print(
    json.dumps(
        {
            "version": openai.__version__,
            "texts": [whole.choices[0].message.content, asyncio.run(streamed()), helped, response.output_text],
            "person": parsed.choices[0].message.parsed.model_dump() if parsed.choices[0].message.parsed else None,
            "kinds": [kinds[0], kinds[-1]],
            "request_id": raw.headers["x-request-id"],
            "completion": raw.parse().choices[0].finish_reason,
            "embeddings": [len(one.embedding) for one in embedding.data],
            "models": [model.id for model in client.models.list()],
            "refused": refused,
        }
    )
)
