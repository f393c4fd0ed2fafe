"""/v1/responses over a socket, through OpenAI's own client where it can say what is meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseItemList

from tests.fakes import ByteTokenizer, FakeEngine
from tests.response_events import ARGUMENTS_DELTA, TEXT_DELTA, events_of
from tests.servers import Server

Serve = Callable[..., Server[FakeEngine]]
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CALL_TEXT = 'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Graz"}}\n</tool_call>'
LOGPROBS = "message.output_text.logprobs"


class ThinkTokenizer(ByteTokenizer):
    """Of a model that reasons and is shown what it thought."""

    chat_template = "... <think> ... </think> ..."

    def apply_chat_template(self, messages: list[dict[str, Any]], **kwargs: Any) -> list[int]:
        shown = [
            {**message, "content": f"{message['content']} thought {message['reasoning_content']}"}
            if "reasoning_content" in message
            else message
            for message in messages
        ]
        return super().apply_chat_template(shown, **kwargs)


def respond(server: Server[FakeEngine], **fields: Any) -> Any:
    """POST a response and return its body; fields override a minimal request."""
    response = server.http.post("/v1/responses", json={"model": "model-1", "input": "hi"} | fields)
    assert response.status_code == 200, response.text
    if fields.get("stream"):
        assert response.headers["content-type"].startswith("text/event-stream")
        return events_of(response.text)
    Response.model_validate(response.json(), strict=True)
    return response.json()


def refusal(server: Server[FakeEngine], **fields: Any) -> tuple[str, str]:
    """POST a response that must be refused and return param and code of the error."""
    response = server.http.post("/v1/responses", json={"model": "model-1", "input": "hi"} | fields)
    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error" and error["message"]
    return error["param"], error["code"]


def text_of(response: Any) -> str:
    return "".join(part["text"] for item in response["output"] for part in item["content"])


def test_a_whole_response_has_every_key_and_says_what_was_asked(server: Server[FakeEngine]) -> None:
    body = respond(
        server,
        instructions="Be brief.",
        temperature=0.5,
        top_p=0.9,
        max_output_tokens=100,
        metadata={"a": "b"},
        user="u",
        safety_identifier="s",
        prompt_cache_key="k",
        reasoning={"effort": "low"},
        text={"format": {"type": "text"}, "verbosity": "low"},
        service_tier="auto",
        store=False,
    )
    assert body["id"].startswith("resp_") and body["object"] == "response"
    assert (body["status"], body["error"], body["incomplete_details"]) == ("completed", None, None)
    assert body["completed_at"] >= body["created_at"]
    (message,) = body["output"]
    assert message["id"].startswith("msg_")
    assert (message["type"], message["role"], message["status"]) == ("message", "assistant", "completed")
    assert message["content"] == [{"type": "output_text", "text": "You said: hi", "annotations": [], "logprobs": []}]
    told = {
        "model": "fake/model-1",
        "instructions": "Be brief.",
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 100,
        "metadata": {"a": "b"},
        "user": "u",
        "safety_identifier": "s",
        "prompt_cache_key": "k",
        "reasoning": {"effort": "low", "summary": None},
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "service_tier": "default",
        "store": False,
        "background": False,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "truncation": "disabled",
    }
    assert {name: body[name] for name in told} == told
    prompt = "reasoning_effort=low\nverbosity=low\nsystem: Be brief.\nuser: hi\nassistant: "
    assert server.engine.prompts == [prompt]
    assert body["usage"] == {
        "input_tokens": len(prompt),
        "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": len("You said: hi") + 1,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": len(prompt) + len("You said: hi") + 1,
    }
    assert body["helix"]["speculation"]["drafted"] > 0


def test_a_stream_tells_the_same_in_events(server: Server[FakeEngine]) -> None:
    events = respond(server, stream=True)
    whole = respond(server)
    last = events[-1]["response"]
    assert events[-1]["type"] == "response.completed"
    assert text_of(last) == text_of(whole) == "You said: hi"
    assert len([event for event in events if event["type"] == TEXT_DELTA]) > 2
    assert {event["response"]["id"] for event in events if "response" in event} == {last["id"]}
    assert last["usage"] == whole["usage"]
    assert set(last) == set(whole) == set(events[0]["response"]) | {"helix"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_that_is_cut_is_incomplete(server: Server[FakeEngine], stream: bool) -> None:
    body = respond(server, max_output_tokens=3, stream=stream)
    if stream:
        assert body[-1]["type"] == "response.incomplete"
        body = body[-1]["response"]
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["completed_at"] is None
    assert (text_of(body), body["output"][0]["status"]) == ("You", "incomplete")


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_answer_is_an_empty_message(server: Server[FakeEngine], stream: bool) -> None:
    server.engine.reply = lambda prompt, params: ""
    body = respond(server, stream=stream)
    body = body[-1]["response"] if stream else body
    assert (body["status"], len(body["output"]), text_of(body)) == ("completed", 1, "")


def test_all_kinds_of_items_reach_the_model(server: Server[FakeEngine]) -> None:
    respond(
        server,
        instructions="I",
        input=[
            {"role": "developer", "content": "D"},
            {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None},
            {
                "type": "message",
                "id": "msg_1",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": "output_text", "text": "c", "annotations": [], "logprobs": None}],
            },
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"x": 1}'},
            {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}", "id": "fc_2"},
            {"type": "function_call_output", "call_id": "1", "output": "one"},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "two"}]},
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "user", "content": "e"},
        ],
    )
    (prompt,) = server.engine.prompts
    calls = [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "2", "type": "function", "function": {"name": "g", "arguments": {}}},
    ]
    assert prompt == (
        "system: I\nsystem: D\nuser: ab\n"
        f"assistant: c calls {calls}\n"
        "tool: one\ntool: two\nassistant: no\nuser: e\nassistant: "
    )


def test_a_last_message_of_the_assistant_is_continued(server: Server[FakeEngine]) -> None:
    respond(server, input=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": "Well"}])
    assert server.engine.prompts == ["user: hi\nassistant: Well"]


@pytest.mark.parametrize("stream", [False, True])
def test_logprobs_come_where_they_are_included(server: Server[FakeEngine], stream: bool) -> None:
    body = respond(server, include=[LOGPROBS], top_logprobs=2, stream=stream)
    if stream:
        parts = [event["logprobs"] for event in body if event["type"] == TEXT_DELTA]
        assert all(parts), "each delta brings those of its tokens"
        body = body[-1]["response"]
        assert [entry for part in parts for entry in part] == body["output"][0]["content"][0]["logprobs"]
    entries = body["output"][0]["content"][0]["logprobs"]
    assert "".join(entry["token"] for entry in entries) == "You said: hi"
    assert [len(entry["top_logprobs"]) for entry in entries] == [2] * len(entries)
    assert body["top_logprobs"] == 2
    assert respond(server, include=[])["output"][0]["content"][0]["logprobs"] == []


def test_a_text_format_becomes_a_grammar(server: Server[FakeEngine]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "name": "x", "schema": schema, "strict": True}
    body = respond(server, text={"format": wanted})
    assert body["text"]["format"] == wanted
    respond(server, text={"format": {"type": "json_object"}})
    respond(server, text={"format": {"type": "text"}})
    kinds = [params.grammar.kind if params.grammar else None for params in server.engine.params]
    assert kinds == ["json_schema", "json_object", None]
    assert len(server.engine.compiled) == 2


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_is_an_item_of_its_own(server: Server[FakeEngine], stream: bool) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    body = respond(server, tools=[WEATHER], stream=stream)
    body = body[-1]["response"] if stream else body
    message, call = body["output"]
    assert (message["type"], message["content"][0]["text"]) == ("message", "Let me look.")
    assert call["id"].startswith("fc_") and call["call_id"].startswith("call_")
    assert {name: call[name] for name in ("type", "status", "name", "arguments")} == {
        "type": "function_call",
        "status": "completed",
        "name": "weather",
        "arguments": '{"city": "Graz"}',
    }
    assert body["status"] == "completed"
    assert body["tools"] == [WEATHER]


PATCH: Any = {
    "type": "custom",
    "name": "patch",
    "description": "Applies a patch.",
    "format": {"type": "grammar", "syntax": "lark", "definition": 'start: "+" /.+/'},
}


@pytest.mark.parametrize("stream", [False, True])
def test_the_call_of_a_custom_tool_is_an_item_of_its_own(server: Server[FakeEngine], stream: bool) -> None:
    server.engine.reply = lambda prompt, params: '<tool_call>\n{"name": "patch", "arguments": {"input": "+\\"a"}}\n'
    choice = {"type": "custom", "name": "patch"}
    body = respond(server, tools=[PATCH, WEATHER], tool_choice=choice, stream=stream)
    body = body[-1]["response"] if stream else body
    (call,) = body["output"]
    assert call["id"].startswith("ctc_") and (call["type"], call["name"]) == ("custom_tool_call", "patch")
    assert (call["input"], call["status"]) == ('+"a', "completed")
    assert (body["tools"], body["tool_choice"]) == ([PATCH, WEATHER], choice)
    (grammar,) = server.engine.compiled
    assert '"+"' in grammar.text and "weather" not in grammar.text
    result = {"type": "custom_tool_call_output", "call_id": call["call_id"], "output": "done"}
    respond(server, previous_response_id=body["id"], input=[result], tools=[PATCH])
    shown = {"id": call["call_id"], "type": "function", "function": {"name": "patch", "arguments": {"input": '+"a'}}}
    assert server.engine.prompts[-1].endswith(f"user: hi\nassistant:  calls {[shown]}\ntool: done\nassistant: ")


def test_several_calls_and_text_between_them_keep_their_order(server: Server[FakeEngine]) -> None:
    calls = [f'<tool_call>{{"name": "f", "arguments": {{"i": {i}}}}}</tool_call>' for i in range(3)]
    server.engine.reply = lambda prompt, params: f"{calls[0]}{calls[1]} and {calls[2]}"
    output = respond(server, tools=[WEATHER], stream=True)[-1]["response"]["output"]
    told = [item["arguments"] if item["type"] == "function_call" else item["content"][0]["text"] for item in output]
    assert told == ['{"i": 0}', '{"i": 1}', "and", '{"i": 2}']
    assert len({item["id"] for item in output}) == 4


def test_a_call_is_whole_though_the_answer_is_cut_behind_it(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT + "x" * 100
    body = respond(server, tools=[WEATHER], max_output_tokens=len(CALL_TEXT) - 3)
    assert body["status"] == "incomplete"
    assert [item["status"] for item in body["output"]] == ["completed", "completed"]


def test_a_call_that_is_cut_is_incomplete(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    events = respond(server, tools=[WEATHER], max_output_tokens=CALL_TEXT.index("Graz"), stream=True)
    assert events[-1]["type"] == "response.incomplete"
    call = events[-1]["response"]["output"][1]
    assert (call["status"], call["arguments"]) == ("incomplete", '{"city": "')


def test_arguments_come_in_pieces(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    events = respond(server, tools=[WEATHER], stream=True)
    assert len([event for event in events if event["type"] == ARGUMENTS_DELTA]) > 2


@pytest.mark.parametrize(
    ("choice", "param"),
    [
        ("sometimes", "tool_choice"),
        ({"type": "function", "name": "f"}, "tool_choice"),
        ({"type": "function"}, "tool_choice.name"),
        ({"type": "web_search"}, "tool_choice.type"),
        ({"type": "allowed_tools", "mode": "auto", "tools": []}, "tool_choice.tools"),
        ({"type": "allowed_tools", "mode": "never", "tools": [{"type": "function", "name": "x"}]}, "tool_choice.mode"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function"}]}, "tool_choice.tools[0].name"),
    ],
)
def test_a_choice_of_tools_that_makes_no_sense_is_named(server: Server[FakeEngine], choice: Any, param: str) -> None:
    assert refusal(server, tools=[WEATHER], tool_choice=choice)[0] == param


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "weather"},
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "weather"}]},
    ],
)
def test_a_required_call_is_enforced_as_in_chats(server: Server[FakeEngine], choice: Any) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    body = respond(server, tools=[WEATHER], tool_choice=choice)
    assert body["tool_choice"] == choice
    assert body["output"][-1]["type"] == "function_call"
    assert len(server.engine.compiled) == 1


def test_what_is_wrong_with_a_tool_is_named_in_one_level(server: Server[FakeEngine]) -> None:
    assert refusal(server, tools=[WEATHER, WEATHER])[0] == "tools[1].name"
    assert refusal(server, tools=[WEATHER | {"name": "a b"}])[0] == "tools[0].name"
    assert refusal(server, tools=[WEATHER | {"parameters": {"type": "array"}}])[0] == "tools[0].parameters"


def test_tools_are_shown_unless_the_choice_is_none(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    tool = {"type": "function", "function": {name: WEATHER[name] for name in ("name", "parameters")}}
    respond(server, tools=[WEATHER])
    body = respond(server, tools=[WEATHER], tool_choice="none")
    assert server.engine.prompts[0].startswith(f"tools: {[tool]}\n")
    assert not server.engine.prompts[1].startswith("tools")
    assert (body["tool_choice"], text_of(body)) == ("none", CALL_TEXT)


def test_helixs_extensions_work_here_too(server: Server[FakeEngine]) -> None:
    body = respond(server, speculation={"enabled": False}, seed=5, top_k=3, stop=["said"])
    assert text_of(body) == "You "
    assert body["helix"]["speculation"]["drafted"] == 0
    assert (server.engine.params[0].seed, server.engine.params[0].top_k) == (5, 3)


def test_null_is_the_default_for_every_optional_field(server: Server[FakeEngine]) -> None:
    names = [
        *("instructions", "max_output_tokens", "include", "top_logprobs", "text", "reasoning", "tools", "tool_choice"),
        *("parallel_tool_calls", "previous_response_id", "store", "truncation", "metadata", "background", "prompt"),
        *("conversation", "stream", "temperature", "top_p", "user", "service_tier", "max_tool_calls", "moderation"),
    ]
    assert text_of(respond(server, **dict.fromkeys(names))) == "You said: hi"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "pmpt_1"}}, "prompt"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"n": 2}, "n"),
        ({"max_tokens": 5}, "max_tokens"),
        ({"max_completion_tokens": 5}, "max_completion_tokens"),
        ({"messages": []}, "messages"),
        ({"response_format": {"type": "text"}}, "response_format"),
        ({"tools": [WEATHER, {"type": "web_search"}]}, "tools[1].type"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        (
            {"tools": [PATCH | {"format": PATCH["format"] | {"definition": 'start: "\\"" start | <x>'}}]},
            "tools[0].format",
        ),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input[0].content[0]"),
        (
            {"input": [{"type": "function_call_output", "call_id": "1", "output": [{"type": "input_file"}]}]},
            "input[0].output[0]",
        ),
        ({"input": [{"type": "computer_call_output"}]}, "input[0].type"),
        ({"input": [{"type": "item_reference", "id": 1}]}, "input[0].type"),
    ],
)
def test_what_would_be_ignored_is_refused_by_name(
    server: Server[FakeEngine], fields: dict[str, Any], param: str
) -> None:
    assert refusal(server, **fields) == (param, "unsupported_parameter")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [7]}, "input[0]"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"type": "input_text"}]}]}, "input[0].content[0].text"),
        ({"input": [{"role": "user", "content": [{"type": "video"}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "function_call", "name": "f", "arguments": "{}"}]}, "input[0].call_id"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"top_logprobs": 21, "include": [LOGPROBS]}, "top_logprobs"),
        ({"include": ["everything"]}, "include[0]"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"verbosity": "chatty"}}, "text.verbosity"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {str(number): "" for number in range(17)}}, "metadata"),
        ({"stream_options": {}}, "stream_options"),
        ({"speculation": {"depth": 99}}, "speculation.depth"),
        ({"input": "!refuse!"}, "input"),
        ({"input": "x" * 5000}, "input"),
        ({"input": "x", "max_output_tokens": 5000}, "max_output_tokens"),
        ({"tools": [{"type": "custom"}]}, "tools[0].name"),
        ({"tools": [PATCH | {"format": {"type": "grammar", "syntax": "lark"}}]}, "tools[0].format.definition"),
        ({"tools": [PATCH | {"format": {"type": "grammar", "syntax": "x"}}]}, "tools[0].format.syntax"),
    ],
)
def test_what_makes_no_sense_is_named_as_it_was_sent(
    server: Server[FakeEngine], fields: dict[str, Any], param: str
) -> None:
    assert refusal(server, **fields)[0] == param


def test_a_refused_schema_names_the_format(server: Server[FakeEngine]) -> None:
    wanted = {"type": "json_schema", "name": "x", "schema": {"title": "!refuse!"}}
    response = server.http.post("/v1/responses", json={"model": "model-1", "input": "x", "text": {"format": wanted}})
    error = response.json()["error"]
    assert (response.status_code, error["param"]) == (400, "text.format")
    assert error["message"].startswith("text.format cannot be enforced")


def test_an_unknown_model_is_not_found(server: Server[FakeEngine]) -> None:
    with pytest.raises(openai.NotFoundError):
        server.openai.responses.create(model="gpt-99", input="x")


def test_unknown_fields_are_listed(server: Server[FakeEngine]) -> None:
    response = server.http.post("/v1/responses", json={"model": "model-1", "input": "x", "zap": 1})
    assert response.headers["x-helix-ignored-fields"] == "zap"


def test_a_failure_while_streaming_is_the_last_event(server: Server[FakeEngine]) -> None:
    server.engine.failure_after = 2
    events = respond(server, stream=True)
    assert events[-1]["type"] == "response.failed"
    error = events[-1]["response"]["error"]
    assert error["code"] == "server_error" and "fake" not in error["message"]
    assert server.http.post("/v1/responses", json={"model": "model-1", "input": "x"}).status_code == 500


def test_silence_is_filled_with_comments(serve: Serve) -> None:
    server = serve(keep_alive_s=0.01)
    server.engine.step_s = 0.05
    response = server.http.post("/v1/responses", json={"model": "model-1", "input": "hi", "stream": True})
    assert ": ping\n\n" in response.text
    assert text_of(events_of(response.text)[-1]["response"]) == "You said: hi"


def test_the_sdk_streams_and_accumulates(server: Server[FakeEngine]) -> None:
    with server.openai.responses.stream(model="model-1", input="hi") as stream:
        snapshots = [event.snapshot for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert snapshots[-1] == final.output_text == "You said: hi"
    assert server.openai.responses.create(model="model-1", input="hi").output_text == "You said: hi"


def test_a_kept_response_is_continued(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    first = respond(server, input="Weather?", instructions="Old rule.", tools=[WEATHER], stream=True)[-1]["response"]
    call = first["output"][1]
    server.engine.reply = lambda prompt, params: "Sunny."
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sun"}
    second = respond(server, input=[result], previous_response_id=first["id"], instructions="New rule.")
    assert second["previous_response_id"] == first["id"]
    third = respond(server, input="Thanks.", previous_response_id=second["id"], store=False)
    calls = [
        {"id": call["call_id"], "type": "function", "function": {"name": "weather", "arguments": {"city": "Graz"}}}
    ]
    before = f"user: Weather?\nassistant: Let me look. calls {calls}\ntool: sun\n"
    assert server.engine.prompts[1:] == [
        f"system: New rule.\n{before}assistant: ",
        f"{before}assistant: Sunny.\nuser: Thanks.\nassistant: ",
    ]
    assert server.http.get(f"/v1/responses/{third['id']}").status_code == 404, "it was not to be kept"
    assert refusal(server, previous_response_id=third["id"]) == ("previous_response_id", "previous_response_not_found")


def test_an_answer_that_was_cut_is_continued_where_it_ends(server: Server[FakeEngine]) -> None:
    first = respond(server, max_output_tokens=3)
    respond(server, input=[], previous_response_id=first["id"])
    assert server.engine.prompts[1] == "user: hi\nassistant: You"


@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_response_is_retrieved_as_it_was_answered(server: Server[FakeEngine], stream: bool) -> None:
    made = respond(server, include=[LOGPROBS], metadata={"a": "b"}, stream=stream)
    made = made[-1]["response"] if stream else made
    assert made["store"] is True
    response = server.http.get(f"/v1/responses/{made['id']}")
    assert (response.status_code, response.json()) == (200, made)
    assert server.openai.responses.retrieve(made["id"]).output_text == "You said: hi"
    error = server.http.get(f"/v1/responses/{made['id']}?stream=true").json()["error"]
    assert (error["param"], error["code"]) == ("stream", "unsupported_parameter")


def test_input_items_are_listed_in_pages(server: Server[FakeEngine]) -> None:
    made = respond(
        server,
        instructions="no item",
        input=[
            {"role": "developer", "content": "a"},
            {"role": "user", "content": [{"type": "input_text", "text": "b"}]},
            {"role": "assistant", "content": "c"},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "x"},
        ],
    )
    url = f"/v1/responses/{made['id']}/input_items"
    page = server.http.get(url, params={"order": "asc"}).json()
    ResponseItemList.model_validate(page, strict=True)
    kinds = ["message", "message", "message", "reasoning", "function_call", "function_call_output"]
    assert [item["type"] for item in page["data"]] == kinds
    read = [item.type for item in server.openai.responses.input_items.list(made["id"], limit=4)]
    assert read == kinds[::-1], "the client turned the page"
    for query, param in (("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=msg_x", "after")):
        response = server.http.get(f"{url}?{query}")
        assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_a_deleted_response_is_gone(server: Server[FakeEngine]) -> None:
    made = respond(server)
    deleted = server.http.delete(f"/v1/responses/{made['id']}")
    assert deleted.json() == {"id": made["id"], "object": "response", "deleted": True}
    with pytest.raises(openai.NotFoundError):
        server.openai.responses.delete(made["id"])
    for suffix in ("", "/input_items"):
        error = server.http.get(f"/v1/responses/{made['id']}{suffix}").json()["error"]
        assert made["id"] in error["message"] and error["type"] == "invalid_request_error"
    assert refusal(server, previous_response_id=made["id"])[0] == "previous_response_id"


def test_only_what_runs_in_the_background_could_be_cancelled(server: Server[FakeEngine]) -> None:
    made = respond(server)
    with pytest.raises(openai.BadRequestError, match="background"):
        server.openai.responses.cancel(made["id"])
    with pytest.raises(openai.NotFoundError):
        server.openai.responses.cancel("resp_unknown")


def test_responses_outlive_the_server_in_a_file_and_are_their_keys_own(serve: Serve, tmp_path: Path) -> None:
    path = str(tmp_path / "responses.db")
    made = respond(serve(response_store=path, api_key=("sk-a",)))
    again = serve(response_store=path, api_key=("sk-a", "sk-b"))
    assert again.openai.responses.retrieve(made["id"]).id == made["id"]
    assert respond(again, previous_response_id=made["id"])["status"] == "completed"
    other = again.openai.with_options(api_key="sk-b").responses
    for ask in (other.retrieve, other.delete, other.cancel, other.input_items.list):
        with pytest.raises(openai.NotFoundError):
            ask(made["id"])
    reference: Any = [{"type": "item_reference", "id": made["output"][0]["id"]}]
    with pytest.raises(openai.NotFoundError):
        other.create(model="model-1", input=reference)
    with pytest.raises(openai.BadRequestError) as refused:
        other.create(model="model-1", input="x", previous_response_id=made["id"])
    assert refused.value.code == "previous_response_not_found"
    again.openai.responses.delete(made["id"])


def test_input_tokens_are_counted_without_an_answer(server: Server[FakeEngine]) -> None:
    asked: Any = {"model": "model-1", "input": "hi", "instructions": "Be brief.", "tools": [WEATHER]}
    counted = server.openai.responses.input_tokens.count(**asked)
    assert server.engine.prompts == []
    assert counted.object == "response.input_tokens"
    assert counted.input_tokens == respond(server, **asked)["usage"]["input_tokens"]


def test_old_turns_are_left_out_where_truncation_may(serve: Serve) -> None:
    server = serve(FakeEngine(max_model_len=200))
    first = respond(server, input="a" * 100, instructions="Rule.")
    asked: Any = {"previous_response_id": first["id"], "input": "b" * 100, "instructions": "Rule."}
    assert refusal(server, **asked) == ("input", "context_length_exceeded")
    assert refusal(server, **asked, truncation="disabled") == ("input", "context_length_exceeded")
    body = respond(server, **asked, truncation="auto", max_output_tokens=20)
    assert server.engine.prompts[-1] == f"system: Rule.\nuser: {'b' * 100}\nassistant: "
    assert body["truncation"] == "auto"
    assert refusal(server, input="c" * 300, truncation="auto")[1] == "context_length_exceeded"


def test_an_item_that_was_kept_may_be_sent_by_its_id(server: Server[FakeEngine]) -> None:
    server.engine.reply = lambda prompt, params: CALL_TEXT
    first = respond(server, tools=[WEATHER])
    other = respond(server, tools=[WEATHER])
    ids = [item["id"] for item in first["output"]]
    assert len({*ids, *(item["id"] for item in other["output"])}) == 4
    result = {"type": "function_call_output", "call_id": first["output"][1]["call_id"], "output": "sun"}
    references = [{"type": "item_reference", "id": id} for id in ids]
    respond(server, input=[{"role": "user", "content": "hi"}, *references, result])
    respond(server, input=[result], previous_response_id=first["id"])
    assert server.engine.prompts[-1] == server.engine.prompts[-2]
    assert refusal(server, input=references, previous_response_id=first["id"])[0] == "input[0].id"


@pytest.mark.parametrize("id", ["msg_1", f"msg_{'0' * 36}"])
def test_an_item_that_is_not_kept_is_not_found(server: Server[FakeEngine], id: str) -> None:
    with pytest.raises(openai.NotFoundError, match=id):
        server.openai.responses.create(model="model-1", input=[{"type": "item_reference", "id": id}])


def test_reasoning_is_an_item_and_given_back_to_the_template(serve: Serve) -> None:
    engine = FakeEngine(lambda prompt, params: "<think>\nHm.\n</think>\n\nYes.")
    engine.tokenizer = ThinkTokenizer()
    server = serve(engine)
    whole = respond(server)
    streamed = respond(server, stream=True)[-1]["response"]
    for body in (whole, streamed):
        reasoning, message = body["output"]
        assert reasoning["id"].startswith("rs_")
        assert (reasoning["summary"], reasoning["status"]) == ([], "completed")
        assert reasoning["content"] == [{"type": "reasoning_text", "text": "Hm."}]
        assert message["content"][0]["text"] == "Yes."
        assert body["usage"]["output_tokens_details"]["reasoning_tokens"] == len("<think>\nHm.\n</think>")
    assert server.openai.responses.create(model="model-1", input="x").output_text == "Yes."
    respond(server, input="And?", previous_response_id=whole["id"])
    respond(server, input=[{"role": "user", "content": "hi"}, *streamed["output"], {"role": "user", "content": "And?"}])
    assert engine.prompts[-1] == engine.prompts[-2]
    assert engine.prompts[-1] == "user: hi\nassistant: Yes. thought Hm.\nuser: And?\nassistant: "
    apart = respond(server, separate_reasoning=False)["output"]
    assert [item["type"] for item in apart] == ["message"]


def test_a_form_leaves_reasoning_free(serve: Serve) -> None:
    engine = FakeEngine(lambda prompt, params: "<think>Hm.</think>{}")
    engine.tokenizer = ThinkTokenizer()
    body = respond(serve(engine), text={"format": {"type": "json_object"}})
    assert [item["content"][0]["text"] for item in body["output"]] == ["Hm.", "{}"]
    (grammar,) = engine.compiled
    assert "<think>" in grammar.text


def test_what_a_coding_agent_sends_is_answered(server: Server[FakeEngine]) -> None:
    """The fields that Codex sends, all at once, and a second turn that is carried by the client."""
    call = '<tool_call>{"name": "shell", "arguments": {"command": ["ls"]}}</tool_call>'
    server.engine.reply = lambda prompt, params: "Done." if "tool:" in prompt else call
    shell = {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}}
    items: list[Any] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Rules."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List the files."}]},
    ]
    asked: Any = {
        "instructions": "You are a coding agent.",
        "tools": [{"type": "function", "name": "shell", "description": "d", "strict": False, "parameters": shell}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0199",
        "text": {"verbosity": "medium"},
    }
    (called,) = respond(server, input=items, **asked)[-1]["response"]["output"]
    items += [called, {"type": "function_call_output", "call_id": called["call_id"], "output": '{"output": "a.py"}'}]
    assert text_of(respond(server, input=items, **asked)[-1]["response"]) == "Done."
