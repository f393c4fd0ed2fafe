"""Every field of a Responses request reaches the chat under its name there, or is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from helix import InvalidRequestError
from openai_compat.errors import ApiError, UnsupportedParameter
from openai_compat.responses_api.conversation import read_items
from openai_compat.responses_api.translate import named_as_sent_to_responses, to_chat_request
from openai_compat.schemas.responses import ResponsesRequest


def chat(**fields: Any) -> Any:
    """Return the chat request of a minimal Responses request, as plain objects without what is null."""
    request = msgspec.convert({"model": "m", "input": "hi"} | fields, ResponsesRequest, str_keys=True)
    built: Any = msgspec.to_builtins(to_chat_request(request, read_items(request.input)))
    return {name: value for name, value in built.items() if value is not None}


MINIMAL = chat()


@pytest.mark.parametrize(
    ("sent", "translated"),
    [
        ({"max_output_tokens": 5}, {"max_completion_tokens": 5}),
        ({"temperature": 0.5, "top_p": 0.9, "seed": 3}, {"temperature": 0.5, "top_p": 0.9, "seed": 3}),
        ({"speculation": {"depth": 2}}, None),
        ({"speculative.n_max": 2}, {"speculative.n_max": 2}),
        ({"reasoning": {"effort": "high", "summary": "auto"}}, {"reasoning_effort": "high"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"verbosity": None, "format": None}}, {}),
        (
            {"text": {"format": {"type": "json_object"}}},
            {"response_format": {"type": "json_object", "json_schema": None}},
        ),
        ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"include": ["reasoning.encrypted_content"], "top_logprobs": 0}, {}),
        ({"chat_template_kwargs": {"a": 1}}, {"chat_template_kwargs": {"a": 1}}),
        ({"background": False, "context_management": [], "n": 1, "truncation": "disabled"}, {"n": 1}),
        ({"store": True, "metadata": {}, "user": "u", "max_tool_calls": 1}, {"user": "u"}),
    ],
)
def test_a_field_has_its_name_of_chats(sent: dict[str, Any], translated: dict[str, Any] | None) -> None:
    if translated is None:
        assert chat(**sent)["speculation"]["depth"] == 2
    else:
        assert chat(**sent) == MINIMAL | translated


def test_a_schema_is_one_level_deeper() -> None:
    described = {"name": "x", "description": "d", "schema": {"type": "object"}, "strict": True}
    assert chat(text={"format": {"type": "json_schema"} | described})["response_format"] == {
        "type": "json_schema",
        "json_schema": described,
    }


def test_a_function_is_one_level_deeper() -> None:
    described = {"name": "f", "description": "d", "parameters": {"type": "object"}, "strict": False}
    tools = chat(tools=[{"type": "function"} | described, {"type": "function", "name": "g"}])["tools"]
    assert tools == [{"type": "function", "function": described}, {"type": "function", "function": {"name": "g"}}]


@pytest.mark.parametrize(
    ("name", "message", "sent", "said"),
    [
        ("messages", "messages is odd", "input", "input is odd"),
        ("messages[0].content[1]", "bad messages[0].content[1]", "input", "bad input"),
        ("max_completion_tokens", "max_completion_tokens is 9", "max_output_tokens", "max_output_tokens is 9"),
        ("response_format.json_schema.schema", "x", "text.format.schema", "x"),
        ("response_format", "x", "text.format", "x"),
        ("tools[2].function.name", "x", "tools[2].name", "x"),
        ("tool_choice.function.name", "x", "tool_choice.name", "x"),
        ("tool_choice.allowed_tools.tools[1].function.name", "x", "tool_choice.tools[1].name", "x"),
        ("speculation.depth", "x", "speculation.depth", "x"),
        ("reasoning_effort", "x", "reasoning.effort", "x"),
        (None, "x", None, "x"),
    ],
)
def test_errors_name_what_the_client_wrote(name: str | None, message: str, sent: str | None, said: str) -> None:
    errors: list[InvalidRequestError | ApiError] = [InvalidRequestError(message, param=name)]
    errors.append(ApiError(400, message, param=name))
    for error in errors:
        with pytest.raises((InvalidRequestError, ApiError)), named_as_sent_to_responses():
            raise error
        assert (error.param, str(error)) == (sent, said)


def test_a_name_of_chats_is_refused_with_its_new_name() -> None:
    with pytest.raises(UnsupportedParameter, match="max_output_tokens"):
        chat(max_tokens=5)
