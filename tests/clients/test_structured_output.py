"""Answers in a given form, through OpenAI's own client library, from the real model:

from openai import OpenAI
from pydantic import BaseModel, Field

class Person(BaseModel):
    name: str = Field(max_length=16)
    age: int

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
answer = client.chat.completions.parse(
    model="helix-demo", messages=[{"role": "user", "content": "Anna is 31 years old."}], response_format=Person
)
print(answer.choices[0].message.parsed)
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field

from helix import AsyncEngine
from tests.servers import Server

MODEL = "helix-demo"
ASK: Any = [{"role": "user", "content": "Anna is 31 years old and lives in Vienna. Extract name, age and city."}]


class Place(BaseModel):
    city: str = Field(max_length=16)
    kind: Literal["home", "work"]


class Person(BaseModel):
    name: str = Field(max_length=16)
    age: int = Field(ge=0, le=150)
    places: list[Place] = Field(min_length=1, max_length=2)
    is_member: bool | None


def test_a_model_class_is_parsed_into(server: Server[AsyncEngine]) -> None:
    for sampling in ({"temperature": 0}, {"temperature": 1, "seed": 4}, {"temperature": 1.6, "seed": 5}):
        answer = server.openai.chat.completions.parse(
            model=MODEL, messages=ASK, response_format=Person, max_tokens=300, **sampling
        )
        choice = answer.choices[0]
        assert choice.finish_reason == "stop"
        assert isinstance(choice.message.parsed, Person)
        assert choice.message.content == json.dumps(json.loads(choice.message.content or ""), ensure_ascii=False)


def test_a_stream_is_parsed_into_as_well(server: Server[AsyncEngine]) -> None:
    whole = server.openai.chat.completions.parse(
        model=MODEL, messages=ASK, response_format=Person, max_tokens=300, seed=8
    )
    with server.openai.chat.completions.stream(
        model=MODEL, messages=ASK, response_format=Person, max_tokens=300, seed=8
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == whole.choices[0].message.parsed


def test_speculation_changes_no_text_and_what_is_forced_is_drafted(server: Server[AsyncEngine]) -> None:
    texts: set[str | None] = set()
    drafted: dict[str, Any] = {}
    for speculation in (
        {"depth": 0},
        {"depth": 8, "method": "grammar", "adaptive": False},
        {"depth": 5, "method": "draft", "adaptive": False},
        {"depth": 8, "method": "auto", "adaptive": False},
    ):
        answer: Any = server.openai.chat.completions.parse(
            model=MODEL,
            messages=ASK,
            response_format=Person,
            seed=3,
            max_tokens=300,
            extra_body={"speculation": speculation},
        )
        texts.add(answer.choices[0].message.content)
        drafted |= answer.helix["speculation"]["by_proposer"]
    assert len(texts) == 1
    assert drafted["grammar"]["drafted"] == drafted["grammar"]["accepted"] > 5


def test_choices_are_each_in_form(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.parse(
        model=MODEL, messages=ASK, response_format=Person, n=3, seed=1, temperature=1.5, max_tokens=300
    )
    assert all(isinstance(choice.message.parsed, Person) for choice in answer.choices)
    assert len(answer.choices) == 3


def test_an_answer_that_is_cut_says_so(server: Server[AsyncEngine]) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        server.openai.chat.completions.parse(model=MODEL, messages=ASK, response_format=Person, max_tokens=7)


def test_a_json_object_is_one(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL, messages=ASK, response_format={"type": "json_object"}, max_tokens=400, temperature=0
    )
    text = answer.choices[0].message.content or ""
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)
    else:
        assert text.startswith("{")


@pytest.mark.parametrize(
    ("fields", "pattern"),
    [
        ({"guided_choice": ["yes", "no", "perhaps"]}, "yes|no|perhaps"),
        ({"guided_regex": "[A-Z][a-z]{2,9}, [0-9]{1,3}"}, "[A-Z][a-z]{2,9}, [0-9]{1,3}"),
        ({"guided_grammar": 'start: NAME (" and " NAME)?\nNAME: /[A-Z][a-z]{2,5}/'}, "[A-Z][a-z]+( and [A-Z][a-z]+)?"),
        ({"guided_json": {"enum": [1, "Vienna"]}}, '1|"Vienna"'),
    ],
)
def test_vllms_fields_hold_in_chats_and_completions(
    server: Server[AsyncEngine], fields: dict[str, Any], pattern: str
) -> None:
    chat = server.openai.chat.completions.create(
        model=MODEL, messages=ASK, max_tokens=60, temperature=1, seed=2, extra_body=fields
    )
    plain = server.openai.completions.create(
        model=MODEL, prompt="Anna", max_tokens=60, temperature=1, seed=2, extra_body=fields
    )
    assert re.fullmatch(pattern, chat.choices[0].message.content or "")
    assert re.fullmatch(pattern, plain.choices[0].text)
    assert chat.choices[0].finish_reason == plain.choices[0].finish_reason == "stop"


def chained(length: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": definitions | {f"d{length}": {"type": "string"}}}


def nested(depth: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "object", "not": {"required": ["a"]}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"$ref": "https://127.0.0.1/schema"}, "127.0.0.1"),
        ({"$ref": "#"}, "response_format"),
        ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "response_format"),
        ({"type": "string", "pattern": "(" * 3000}, "regex"),
        (nested(300), "recursion"),
        (chained(3000), "longer than"),
    ],
)
def test_a_hostile_schema_is_refused_by_name_and_the_server_lives(
    server: Server[AsyncEngine], schema: dict[str, Any], word: str
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    for stream in (False, True):
        response = server.chat(model=MODEL, response_format=wanted, stream=stream)
        assert response.status_code == 400, response.text
        error = response.json()["error"]
        assert error["param"] == "response_format"
        assert word in error["message"] and len(error["message"]) < 500
    assert server.chat(model=MODEL, max_tokens=1).status_code == 200
    health = server.http.get("/health").json()
    assert health["num_free_blocks"] == health["num_blocks"]
