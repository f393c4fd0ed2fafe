"""Each format is read right wherever its text is cut, told by its template, and written by its own grammar."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import ToolUse, tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS, ToolFormat
from openai_compat.tool_calls.formats import SIGNS, tool_format_of
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.harmony import HARMONY
from tests.calls import check_every_cut, parse
from tests.grammars import END, TextTokenizer, allowed, begin

CITY = {"type": "object", "properties": {"city": {"enum": ["Graz", "Wien"]}}, "required": ["city"]}
F: Any = {"type": "function", "function": {"name": "f", "parameters": CITY | {"additionalProperties": False}}}
G: Any = {"type": "function", "function": {"name": "g"}}
ARGUMENTS = '{"city": "Graz"}'

TEMPLATES: dict[str, tuple[str, str, str]] = {
    # what the template contains, and one call and two calls as the model writes them
    "hermes": (
        "<tool_call>",
        '<tool_call>\n{"name": "f", "arguments": {"city": "Graz"}}\n</tool_call>',
        '<tool_call>\n{"name": "f", "arguments": {"city": "Graz"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>',
    ),
    "llama_json": (
        "<|start_header_id|> parameters",
        '{"name": "f", "parameters": {"city": "Graz"}}',
        '{"name": "f", "parameters": {"city": "Graz"}}; {"name": "g", "parameters": {}}',
    ),
    "mistral": (
        "[TOOL_CALLS] [ARGS]",
        '[TOOL_CALLS]f[ARGS]{"city": "Graz"}',
        '[TOOL_CALLS]f[ARGS]{"city": "Graz"}[TOOL_CALLS]g[ARGS]{}',
    ),
    "mistral lists": (
        "[TOOL_CALLS]",
        '[TOOL_CALLS] [{"name": "f", "arguments": {"city": "Graz"}}]',
        '[TOOL_CALLS] [{"name": "f", "arguments": {"city": "Graz"}}, {"name": "g", "arguments": {}}]',
    ),
    "pythonic": (
        "[func_name1(",
        '[f(city="Graz")]',
        '[f(city="Graz"), g()]',
    ),
    "pythonic tagged": (
        "<|tool_call_start|>",
        '<|tool_call_start|>[f(city="Graz")]<|tool_call_end|>',
        '<|tool_call_start|>[f(city="Graz"), g()]<|tool_call_end|>',
    ),
    "qwen_xml": (
        "<tool_call> <function= <parameter=",
        "<tool_call>\n<function=f>\n<parameter=city>\nGraz\n</parameter>\n</function>\n</tool_call>",
        "<tool_call>\n<function=f>\n<parameter=city>\nGraz\n</parameter>\n</function>\n</tool_call>\n"
        "<tool_call>\n<function=g>\n</function>\n</tool_call>",
    ),
}


def use_of(**fields: Any) -> ToolUse:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [F, G]} | fields
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    assert use is not None
    return use


def is_answer(tool_format: ToolFormat, text: str, **fields: Any) -> bool:
    state = begin(answer_grammar(use_of(**fields), tool_format, PLAIN_MARKS))
    accepted = all(state.accept(token_id) for token_id in TextTokenizer().encode(text))
    return accepted and (state.is_complete or END in allowed(state))


@pytest.mark.parametrize("name", TEMPLATES)
def test_calls_are_read_as_the_grammar_writes_them(name: str) -> None:
    template, one, two = TEMPLATES[name]
    tool_format = tool_format_of(template)
    assert tool_format.name == name.split()[0]
    tools = use_of().tools
    check_every_cut(lambda: tool_format.parser(tools), one, [("f", ARGUMENTS)])
    check_every_cut(lambda: tool_format.parser(tools), two, [("f", ARGUMENTS), ("g", "{}")])
    for text, is_parallel in ((one, None), (one, False), (two, None)):
        assert is_answer(tool_format, text, tool_choice="required", parallel_tool_calls=is_parallel)
        assert not is_answer(tool_format, text[:-1], tool_choice="required")
    assert not is_answer(tool_format, two, tool_choice="required", parallel_tool_calls=False)
    assert not is_answer(tool_format, one.replace("Graz", "Linz"), tool_choice="required")
    assert not is_answer(tool_format, "Hi", tool_choice="required")


@pytest.mark.parametrize("name", TEMPLATES)
def test_strict_calls_stand_beside_free_content(name: str) -> None:
    template, one, two = TEMPLATES[name]
    tool_format = tool_format_of(template)
    strict = [F | {"function": F["function"] | {"strict": True}}, G]
    for text in ("", "Hi there", one, two):
        assert is_answer(tool_format, text, tools=strict)
    assert not is_answer(tool_format, one.replace("Graz", "Linz"), tools=strict)


@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("cut", range(0, 60, 4))
def test_an_unfinished_call_is_content_or_the_beginning_of_its_arguments(name: str, cut: int) -> None:
    template, one, _ = TEMPLATES[name]
    text = one[: min(cut, len(one))]
    parts = parse(lambda: tool_format_of(template).parser(use_of().tools), text)
    if parts and isinstance(parts[0], tuple):
        assert parts[0][0] == "f"
        assert ARGUMENTS.startswith(parts[0][1]) and parts[1:] == []
    else:
        assert "".join(map(str, parts)) == text


def test_what_no_template_says_is_hermes() -> None:
    assert tool_format_of(None).name == tool_format_of("{{ messages }}").name == "hermes"


FRAGMENTS = [
    *(
        '{"name": "f", "arguments": {',
        '{"name": "f", "parameters": {"a": 1}}',
        '"name"',
        ": ",
        '"f"',
        '"arguments"',
        "f",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        '"',
        "\\",
        ", ",
        "; ",
        " ",
        "\n",
        "x",
        "\u00fc",
        "f(",
        "a=1",
        ")",
        "true",
        "'",
        "12",
        "<tool",
        "</",
    ),
    *("<function=f>", "<parameter=city>", "<parameter=n>", "</parameter>", "</function>", "function", "```json", "```"),
]


@settings(max_examples=200, deadline=None)
@given(data=st.data(), signs=st.sampled_from([signs for signs, one in SIGNS if one is not HARMONY]))
def test_no_text_means_anything_else_when_it_is_cut(data: st.DataObject, signs: tuple[str, ...]) -> None:
    tool_format = tool_format_of(" ".join(signs))
    pieces = st.sampled_from([*tool_format.markers, *FRAGMENTS])
    text = "".join(data.draw(st.lists(pieces, max_size=14)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    parts = [text[start:end] for start, end in itertools.pairwise([0, *cuts, len(text)])]
    tools = use_of().tools
    whole = parse(lambda: tool_format.parser(tools), text)
    assert parse(lambda: tool_format.parser(tools), *parts) == whole
    if all(isinstance(part, str) for part in whole):
        assert "".join(map(str, whole)) == text, "without a call everything is content"
