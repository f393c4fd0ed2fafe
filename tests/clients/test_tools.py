"""Tool calls through OpenAI's own client library, from the real model:

from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8000/v1", api_key="none")
parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
weather = {"type": "function", "function": {"name": "get_weather", "parameters": parameters}}
answer = client.chat.completions.create(
    model="helix-demo",
    messages=[{"role": "user", "content": "What is the weather in Vienna?"}],
    tools=[weather],
    tool_choice="required",
)
print(answer.choices[0].message.tool_calls[0].function)
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, ConfigDict, Field

from helix import AsyncEngine
from tests.servers import Server

MODEL = "helix-demo"
ASK: Any = [{"role": "user", "content": "Book a table for Anna in Vienna at seven."}]


class book_table(BaseModel):  # the SDK names the function after its class
    model_config = ConfigDict(extra="forbid")
    name: str = Field(max_length=12)
    city: Literal["Graz", "Linz", "Wien"]
    hour: int = Field(ge=0, le=23)


class cancel(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=12)


CLASSES: dict[str, type[BaseModel]] = {"book_table": book_table, "cancel": cancel}
BOOK: Any = openai.pydantic_function_tool(book_table)
CANCEL: Any = openai.pydantic_function_tool(cancel)
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
BOTH: Any = [BOOK, CANCEL]
NAMED: Any = {"type": "function", "function": {"name": "cancel"}}
ONLY_BOOK: Any = {
    "type": "allowed_tools",
    "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "book_table"}}]},
}


def calls_of(choice: Any) -> list[tuple[str, str]]:
    return [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]


def check(calls: list[tuple[str, str]]) -> None:
    """Assert that every call satisfies its schema."""
    for name, arguments in calls:
        CLASSES[name].model_validate_json(arguments, strict=True)


@pytest.mark.parametrize(
    "sampling", [{"temperature": 0}, {"temperature": 1, "seed": 4}, {"temperature": 1.8, "seed": 5}]
)
@pytest.mark.parametrize(
    ("choice", "names", "reason"),
    [
        ("required", {"book_table", "cancel"}, "tool_calls"),
        (NAMED, {"cancel"}, "stop"),
        (ONLY_BOOK, {"book_table"}, "tool_calls"),
    ],
    ids=["required", "named", "allowed"],
)
def test_a_call_that_must_come_comes_and_satisfies_its_schema(
    server: Server[AsyncEngine], choice: Any, names: set[str], reason: str, sampling: dict[str, Any]
) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL,
        messages=ASK,
        tools=BOTH,
        tool_choice=choice,
        parallel_tool_calls=False,
        max_tokens=300,
        **sampling,
    ).choices[0]
    (call,) = calls_of(answer)
    check([call])
    assert call[0] in names
    assert (answer.message.content, answer.finish_reason) == (None, reason)


def test_several_calls_may_come_where_one_is_required(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.create(
        model=MODEL, messages=ASK, tools=BOTH, tool_choice="required", max_tokens=600, temperature=1.5, seed=3, n=3
    )
    for choice in answer.choices:
        calls = calls_of(choice)
        assert calls
        check(calls if choice.finish_reason == "tool_calls" else calls[:-1])


def test_streamed_and_whole_are_the_same_whatever_was_guessed(server: Server[AsyncEngine]) -> None:
    request: Any = {
        "model": MODEL,
        "messages": ASK,
        "tools": BOTH,
        "tool_choice": "required",
        "parallel_tool_calls": False,
        "seed": 3,
        "max_tokens": 300,
    }
    seen: set[tuple[str, str]] = set()
    for speculation in (
        {"depth": 0},
        {"depth": 8, "method": "grammar", "adaptive": False},
        {"depth": 5, "method": "draft", "adaptive": False},
        {"depth": 8, "method": "auto", "adaptive": False},
    ):
        extra = {"speculation": speculation}
        whole = server.openai.chat.completions.create(**request, extra_body=extra)
        with server.openai.chat.completions.stream(**request, extra_body=extra) as stream:
            pieces = [event for event in stream if event.type == "tool_calls.function.arguments.delta"]
            streamed = stream.get_final_completion()
        assert calls_of(whole.choices[0]) == calls_of(streamed.choices[0])
        assert streamed.choices[0].finish_reason == "tool_calls"
        assert len(pieces) > 1
        seen |= set(calls_of(whole.choices[0]))
    assert len(seen) == 1


def test_strictness_changes_nothing_where_the_model_is_right_by_itself(server: Server[AsyncEngine]) -> None:
    strict: Any = WEATHER | {"function": WEATHER["function"] | {"strict": True}}
    answers = []
    for tool in (WEATHER, strict):
        for question in ("What is the weather in Vienna?", "Thank you!"):
            messages: Any = [{"role": "user", "content": question}]
            answer = server.openai.chat.completions.create(
                model=MODEL, messages=messages, tools=[tool], temperature=0, max_tokens=60
            ).choices[0]
            answers.append((answer.message.content, calls_of(answer), answer.finish_reason))
    assert answers[:2] == answers[2:]
    assert answers[0] == (None, [("get_weather", '{"city": "Vienna"}')], "tool_calls")


def test_parsed_arguments_are_the_clients_own_class(server: Server[AsyncEngine]) -> None:
    answer = server.openai.chat.completions.parse(
        model=MODEL, messages=ASK, tools=BOTH, tool_choice="required", parallel_tool_calls=False, max_tokens=300, seed=1
    )
    assert answer.choices[0].message.tool_calls is not None
    parsed = answer.choices[0].message.tool_calls[0].function.parsed_arguments
    assert isinstance(parsed, book_table | cancel)


def test_results_of_tools_are_used_over_several_turns(server: Server[AsyncEngine]) -> None:
    messages: Any = [{"role": "user", "content": "What is the weather in Vienna?"}]
    for result in ("sunny", "rainy"):
        answer = server.openai.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER], tool_choice="required", temperature=0, max_tokens=80
        ).choices[0]
        assert answer.message.tool_calls is not None
        (call,) = answer.message.tool_calls
        messages += [
            answer.message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": json.dumps({"condition": result})},
        ]
        last = server.openai.chat.completions.create(
            model=MODEL, messages=messages, tools=[WEATHER], tool_choice="none", temperature=0, max_tokens=80
        ).choices[0]
        assert last.message.content and not last.message.tool_calls
        messages += [{"role": "assistant", "content": last.message.content}, messages[0]]


def test_an_unsupported_schema_is_named_where_it_must_hold(server: Server[AsyncEngine]) -> None:
    odd: Any = {
        "type": "function",
        "function": {"name": "odd", "parameters": {"type": "object", "not": {"required": ["a"]}}},
    }
    with pytest.raises(openai.BadRequestError) as caught:
        server.openai.chat.completions.create(model=MODEL, messages=ASK, tools=[BOOK, odd], tool_choice="required")
    assert caught.value.param == "tools[1].function.parameters"
    assert "not" in caught.value.message
    loose = server.openai.chat.completions.create(model=MODEL, messages=ASK, tools=[WEATHER, odd], max_tokens=5)
    assert loose.choices


def test_a_custom_tool_takes_a_sentence_of_its_grammar(server: Server[AsyncEngine]) -> None:
    pattern = "[a-c]{2,4}-[0-9]{3}"
    grammar = {"type": "grammar", "grammar": {"syntax": "regex", "definition": pattern}}
    tool: Any = {"type": "custom", "custom": {"name": "code", "description": "Takes a code", "format": grammar}}
    request: Any = {
        "model": MODEL,
        "messages": ASK,
        "tools": [tool],
        "tool_choice": {"type": "custom", "custom": {"name": "code"}},
        "max_tokens": 60,
        "seed": 2,
    }
    answer = server.openai.chat.completions.create(**request).choices[0]
    assert answer.message.tool_calls is not None
    (call,) = answer.message.tool_calls
    assert call.type == "custom" and re.fullmatch(pattern, call.custom.input)
    streamed = ""
    for chunk in server.openai.chat.completions.create(**request, stream=True):
        for delta in chunk.choices[0].delta.tool_calls or ():
            streamed += (delta.model_extra or {})["custom"]["input"]
    assert streamed == call.custom.input


def test_functions_are_called_as_they_used_to_be(server: Server[AsyncEngine]) -> None:
    messages: Any = [{"role": "user", "content": "What is the weather in Vienna?"}]
    function: Any = WEATHER["function"]
    first = server.openai.chat.completions.create(
        model=MODEL, messages=messages, functions=[function], temperature=0, max_tokens=80
    ).choices[0]
    assert first.finish_reason == "function_call" and first.message.function_call is not None
    assert json.loads(first.message.function_call.arguments) == {"city": "Vienna"}
    messages += [
        first.message.model_dump(exclude_none=True),
        {"role": "function", "name": "get_weather", "content": '{"condition": "sunny"}'},
    ]
    last = server.openai.chat.completions.create(
        model=MODEL, messages=messages, functions=[function], function_call="none", temperature=0, max_tokens=80
    ).choices[0]
    assert last.message.content and last.message.function_call is None


def test_an_answer_beside_tools_is_in_form_or_a_call(server: Server[AsyncEngine]) -> None:
    schema = {"enum": ["yes", "no"]}
    wanted: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = server.openai.chat.completions.create(
        model=MODEL, messages=ASK, tools=BOTH, response_format=wanted, max_tokens=300, n=4, seed=1, temperature=1.5
    )
    for choice in answer.choices:
        if choice.message.tool_calls:
            check(calls_of(choice) if choice.finish_reason == "tool_calls" else calls_of(choice)[:-1])
        else:
            assert json.loads(choice.message.content or "") in ("yes", "no")
