"""Which tools may be called, and what makes no sense."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from helix import Grammar
from openai_compat.errors import ApiError
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import NO_PARAMETERS, ToolUse, tool_use

F: Any = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}}}}
G: Any = {"type": "function", "function": {"name": "g", "strict": True}}
NAMED_F = {"type": "function", "function": {"name": "f"}}


CODE: Any = {"type": "custom", "custom": {"name": "code"}}


def matched(syntax: str, definition: str) -> dict[str, Any]:
    grammar = {"type": "grammar", "grammar": {"syntax": syntax, "definition": definition}}
    return {"type": "custom", "custom": {"name": "x", "format": grammar}}


def use_of(**fields: Any) -> ToolUse | None:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    return tool_use(msgspec.convert(body, ChatCompletionRequest))


def allowed(mode: str, *names: str) -> dict[str, Any]:
    tools = [{"type": "function", "function": {"name": name}} for name in names]
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}


def names(**fields: Any) -> list[str]:
    use = use_of(**fields)
    assert use is not None
    return [tool.name for tool in use.tools]


@pytest.mark.parametrize(
    "fields",
    [{}, {"tools": []}, {"tool_choice": "none"}, {"tool_choice": "auto"}, {"tools": [F], "tool_choice": "none"}],
)
def test_no_tools_and_no_choice_are_no_use(fields: dict[str, Any]) -> None:
    assert use_of(**fields) is None


def test_every_tool_may_be_called_unless_the_choice_says_which() -> None:
    for choice in (None, "auto", "required"):
        assert names(tools=[F, G], tool_choice=choice) == ["f", "g"]
    assert names(tools=[F, G], tool_choice=NAMED_F) == ["f"]
    assert names(tools=[F, G], tool_choice=allowed("auto", "g")) == ["g"]
    assert names(tools=[F, G], tool_choice=allowed("auto", "g", "f", "g")) == ["f", "g"]


@pytest.mark.parametrize(
    ("fields", "needs"),
    [
        ({"tools": [F]}, False),
        ({"tools": [F], "tool_choice": allowed("auto", "f")}, False),
        ({"tools": [F, G]}, True),
        ({"tools": [F], "parallel_tool_calls": False}, True),
        ({"tools": [F], "parallel_tool_calls": True}, False),
        ({"tools": [F], "tool_choice": "required"}, True),
        ({"tools": [F], "tool_choice": NAMED_F}, True),
        ({"tools": [F], "tool_choice": allowed("required", "f")}, True),
        ({"tools": [F, F | {"function": {"name": "h"}}], "tool_choice": allowed("auto", "f")}, True),
    ],
)
def test_a_model_that_may_do_everything_is_left_alone(fields: dict[str, Any], needs: bool) -> None:
    use = use_of(**fields)
    assert use is not None and use.needs_grammar == needs


def test_a_schema_holds_where_the_tool_is_strict_or_the_call_required() -> None:
    auto, required = use_of(tools=[F, G]), use_of(tools=[F, G], tool_choice="required")
    assert auto is not None and required is not None
    own = [{"properties": {"a": {"type": "integer"}}, "additionalProperties": False, "type": "object"}, NO_PARAMETERS]
    assert [auto.enforced_parameters(tool) for tool in auto.tools] == [{"type": "object"}, NO_PARAMETERS]
    assert [required.enforced_parameters(tool) for tool in required.tools] == own


def parameters_of(parameters: dict[str, Any]) -> Any:
    use = use_of(tools=[{"type": "function", "function": {"name": "f", "parameters": parameters}}])
    assert use is not None
    return use.tools[0].parameters


@pytest.mark.parametrize(
    "others",
    [
        {"additionalProperties": True},
        {"additionalProperties": {"type": "integer"}},
        {"patternProperties": {"x": {}}},
        {"allOf": [{"properties": {"b": {}}}]},
        {"required": ["b"]},
        {"minProperties": 2},
    ],
)
def test_a_function_takes_what_it_declares_unless_its_schema_speaks_of_other_arguments(others: dict[str, Any]) -> None:
    plain = {"type": "object", "properties": {"a": {"type": "integer"}}}
    for declared in (plain, plain | {"required": ["a"], "title": "F"}, plain | {"properties": {}}):
        assert parameters_of(declared) == declared | {"additionalProperties": False}
    assert parameters_of(plain | others) == plain | others
    assert parameters_of({"type": "object"}) == {"type": "object"}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tools": [], "tool_choice": NAMED_F}, "tool_choice"),
        ({"tools": [G], "tool_choice": NAMED_F}, "tool_choice"),
        ({"tools": [F], "tool_choice": {"type": "custom", "custom": {"name": "f"}}}, "tool_choice"),
        ({"tools": [F], "tool_choice": allowed("auto", "f", "x")}, "tool_choice"),
        ({"tools": [F, G, F]}, "tools[2].function.name"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
            "tools[0].function.parameters",
        ),
        ({"tools": [F, CODE | {"custom": {"name": "f"}}]}, "tools[1].function.name"),
        ({"tools": [CODE], "tool_choice": {"type": "function", "function": {"name": "code"}}}, "tool_choice"),
        ({"functions": [F["function"]], "tools": [F]}, "functions"),
        ({"functions": [F["function"], F["function"]]}, "functions[1].name"),
        ({"functions": [{"name": "f", "parameters": {"type": "string"}}]}, "functions[0].parameters"),
        ({"functions": [F["function"]], "function_call": {"name": "g"}}, "function_call"),
        ({"function_call": {"name": "g"}}, "function_call"),
    ],
)
def test_what_makes_no_sense_is_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(ApiError) as caught:
        use_of(**fields)
    assert (caught.value.param, caught.value.status) == (param, 400)


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "any"},
        {"tool_choice": {"type": "function"}},
        {"tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}}},
        {"tools": [{"type": "function", "function": {"name": "a b"}}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "custom", "custom": {}}]},
        {"functions": [{}]},
        {"function_call": "required"},
    ],
)
def test_what_is_no_request_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError, match=next(iter(fields))):
        use_of(**fields)


def test_functions_are_tools_of_which_at_most_one_is_called() -> None:
    functions = [F["function"], G["function"]]
    use = use_of(functions=functions, parallel_tool_calls=True)
    assert use is not None and use.is_legacy and use.needs_grammar
    assert not use.is_parallel and not use.is_required
    assert use_of(functions=functions, function_call="none") is None
    named = use_of(functions=functions, function_call={"name": "g"})
    assert named is not None and named.is_named and [tool.name for tool in named.tools] == ["g"]
    assert use_of(functions=[], function_call="auto") is None


def test_a_custom_tool_is_a_function_of_one_text_that_always_holds() -> None:
    use = use_of(tools=[CODE | {"custom": {"name": "code", "format": {"type": "text"}}}, matched("regex", "a|b")])
    assert use is not None and use.needs_grammar
    inputs = [use.enforced_parameters(tool)["properties"]["input"] for tool in use.tools]
    assert inputs == [{"type": "string"}, {"type": "string", "pattern": "^(?:a|b)$"}]
    assert [tool.input for tool in use.tools] == [None, Grammar.regex("a|b")]
    named = use_of(tools=[F, CODE], tool_choice={"type": "custom", "custom": {"name": "code"}})
    assert named is not None and [tool.name for tool in named.tools] == ["code"]


def test_a_grammar_in_larks_notation_is_shown_to_the_model_and_kept() -> None:
    use = use_of(tools=[matched("lark", 'start: "a"')])
    assert use is not None and use.needs_grammar and use.tools[0].input == Grammar.lark('start: "a"')
    assert 'start: "a"' in use.tools[0].parameters["properties"]["input"]["description"]
