"""instructor, by tool calls, by JSON schema, and as the object grows:

import instructor
from openai import OpenAI
from pydantic import BaseModel

class Person(BaseModel):
    name: str
    age: int

client = instructor.from_openai(OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none"))
person = client.chat.completions.create(
    model="helix-demo", response_model=Person, messages=[{"role": "user", "content": "Anna is 31 years old."}]
)
print(person)
"""

import json
import sys
from typing import Any

import instructor
from openai import OpenAI
from pydantic import BaseModel, Field


class Person(BaseModel):
    """A person."""

    name: str = Field(max_length=12)
    age: int = Field(ge=0, le=150)
    city: str = Field(max_length=12)


ASK: Any = {
    "model": "helix-demo",
    "temperature": 0,
    "messages": [{"role": "user", "content": "Anna is 31 years old and lives in Vienna. Extract name, age and city."}],
}
MODES = (instructor.Mode.TOOLS, instructor.Mode.JSON_SCHEMA)
openai_client = OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
clients: list[Any] = [instructor.from_openai(openai_client, mode=mode) for mode in MODES]
people = [client.chat.completions.create(response_model=Person, max_retries=0, **ASK) for client in clients]
growing = list(clients[1].chat.completions.create_partial(response_model=Person, **ASK))
print(json.dumps({"people": [one.model_dump() for one in people], "growing": [one.model_dump() for one in growing]}))
