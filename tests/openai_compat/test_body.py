"""What is wrong with a body is said with the path of the field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes import FakeEngine
from tests.servers import Server

URL = "/v1/chat/completions"
VALID = '"model": "model-1", "messages": [{"role": "user", "content": "hi"}]'


def error(server: Server[FakeEngine], body: str | bytes) -> Any:
    response = server.http.post(URL, content=body, headers={"content-type": "application/json"})
    assert response.status_code == 400, response.text
    assert response.headers["content-type"] == "application/json"
    found = response.json()["error"]
    assert set(found) == {"message", "type", "param", "code"}
    assert found["type"] == "invalid_request_error"
    return found


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "hello",
        '{"model": "model-1",}',
        '{"model": NaN}',
        b'{"model": "\xff"}',
        f"{{{VALID}}} trailing",
        '{"chat_template_kwargs": {"a": ' + "[" * 100_000,
        '{"unknown": ' + "[" * 100_000,
    ],
)
def test_what_is_no_json_is_said_to_be_none(server: Server[FakeEngine], body: str | bytes) -> None:
    found = error(server, body)
    assert found["code"] == "invalid_json"
    assert found["param"] is None
    assert found["message"].startswith("We could not parse the JSON body of your request")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ('{"messages": [{"role": "user", "content": "hi"}]}', "model", "missing_required_parameter"),
        ('{"model": "m"}', "messages", "missing_required_parameter"),
        ('{"model": "m", "messages": [{"content": "x"}]}', "messages[0].role", "missing_required_parameter"),
        ('{"model": "m", "messages": [{"role": "user"}]}', "messages[0].content", "missing_required_parameter"),
        ('{"model": "m", "messages": [{"role": "robot"}]}', "messages[0].role", "invalid_value"),
        ('{"model": "m", "messages": [{"role": "user", "content": 5}]}', "messages[0].content", "invalid_type"),
        ('{"model": "m", "messages": []}', "messages", "invalid_value"),
        ('{"model": "m", "messages": "hi"}', "messages", "invalid_type"),
        ('{"model": 5}', "model", "invalid_type"),
        ("[]", None, "invalid_type"),
        ('"hi"', None, "invalid_type"),
    ],
)
def test_a_bad_body_names_the_field(server: Server[FakeEngine], body: str, param: str | None, code: str) -> None:
    found = error(server, body)
    assert (found["param"], found["code"]) == (param, code)
    assert param is None or param in found["message"]


@pytest.mark.parametrize(
    ("field", "param", "code"),
    [
        ('"temperature": "hot"', "temperature", "invalid_type"),
        ('"temperature": 2.5', "temperature", "invalid_value"),
        ('"n": 0', "n", "invalid_value"),
        ('"n": 1.5', "n", "invalid_type"),
        ('"stream": "yes"', "stream", "invalid_type"),
        ('"stop": [1]', "stop[0]", "invalid_type"),
        ('"logit_bias": {"a": 1}', "logit_bias", "invalid_type"),
        ('"top_logprobs": 21', "top_logprobs", "invalid_value"),
        ('"speculation": {"method": "x"}', "speculation.method", "invalid_value"),
        ('"top_k": 9999999999999999999', "top_k", "invalid_value"),
    ],
)
def test_a_bad_field_is_named(server: Server[FakeEngine], field: str, param: str, code: str) -> None:
    found = error(server, f"{{{VALID}, {field}}}")
    assert (found["param"], found["code"]) == (param, code)
    assert param in found["message"]


def test_a_body_is_read_as_json_whatever_its_type_says(server: Server[FakeEngine]) -> None:
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"):
        response = server.http.post(URL, content=f"{{{VALID}}}", headers={"content-type": content_type})
        assert response.status_code == 200


def test_strange_field_names_do_not_reach_a_header(server: Server[FakeEngine]) -> None:
    response = server.chat(**{"a\r\nx-evil: 1": 1, "ünicode": 2, "fine": 3})
    assert response.status_code == 200
    assert response.headers["x-helix-ignored-fields"] == "?, ?, fine"
    assert "x-evil" not in response.headers


def test_a_typing_mistake_inside_an_object_is_seen_too(server: Server[FakeEngine]) -> None:
    response = server.chat(speculation={"dept": 1, "depth": 2}, stream=True, stream_options={"include_usages": True})
    assert response.headers["x-helix-ignored-fields"] == "speculation.dept, stream_options.include_usages"


def test_a_field_goes_by_the_name_it_has_on_the_wire(server: Server[FakeEngine]) -> None:
    assert "x-helix-ignored-fields" not in server.chat(**{"speculative.n_max": 1}).headers
    assert server.chat(speculative_n_max=1).headers["x-helix-ignored-fields"] == "speculative_n_max"
