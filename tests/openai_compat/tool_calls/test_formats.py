"""Each format is read right wherever its text is cut, told by its template, and written by its own grammar."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from openai_compat.errors import UnsupportedParameter
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import ToolUse, tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS, ToolFormat
from openai_compat.tool_calls.formats import tool_format_of
from openai_compat.tool_calls.grammar import answer_grammar
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
    "qwen_xml": (
        "<tool_call> <function= <parameter=",
        '<tool_call>\n<function=f>\n<parameter=city>\n"Graz"\n</parameter>\n</function>\n</tool_call>',
        '<tool_call>\n<function=f>\n<parameter=city>\n"Graz"\n</parameter>\n</function>\n</tool_call>\n'
        "<tool_call>\n<function=g>\n</function>\n</tool_call>",
    ),
}
DEEPSEEK_CALL = "<|tool_calls_begin|><|tool_call_begin|>f<|tool_sep|>{}<|tool_call_end|><|tool_calls_end|>"


def deepseek(text: str) -> str:
    """Spell the tokens as DeepSeek does."""
    return text.replace("|", "\uff5c").replace("_", "\u2581")


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


def test_deepseek_has_tokens_with_full_width_bars_and_a_fence_in_its_third_version() -> None:
    plain = deepseek(DEEPSEEK_CALL)
    fenced = deepseek("<|tool_calls_begin|><|tool_call_begin|>function<|tool_sep|>f\n```json\n") + '{"a": 1}\n```'
    fenced += deepseek("<|tool_call_end|>\n<|tool_call_begin|>function<|tool_sep|>g\n```json\n{}\n```")
    fenced += deepseek("<|tool_call_end|><|tool_calls_end|>")
    tool_format = tool_format_of(deepseek("<|tool_calls_begin|>"))
    check_every_cut(lambda: tool_format.parser(()), "Hm.\n" + plain, ["Hm.", ("f", "{}")])
    check_every_cut(lambda: tool_format.parser(()), fenced, [("f", '{"a": 1}'), ("g", "{}")])
    assert plain in literals_of_a_call(tool_format)
    assert "```json" in literals_of_a_call(tool_format_of(deepseek("<|tool_calls_begin|>") + "```json"))


def literals_of_a_call(tool_format: ToolFormat) -> str:
    """Return the literals of a grammar for one call of g, its arguments spelled out."""
    use = use_of(tools=[G | {"function": {"name": "f"}}], tool_choice="required", parallel_tool_calls=False)
    rules = dict(line.split(": ", 1) for line in answer_grammar(use, tool_format, PLAIN_MARKS).text.splitlines())
    text = rules["start"].replace(" call ", f" {rules['call']} ").replace("arguments_0", '"{}"')
    return "".join(json.loads(term) for term in text.split() if term.startswith('"'))


@pytest.mark.parametrize(
    "text", ["[f(a=1, b='x,]\\'')]", ' [f(a=1, b="x,]\'")]\n', "<|python_start|>[f(a=1, b='x,]\\'')]"]
)
def test_pythonic_arguments_become_json(text: str) -> None:
    check_every_cut(tool_parser("[func_name1("), text, [("f", '{"a": 1, "b": "x,]\'"}')])


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[f()]", "{}"),
        ("[f(a=[1, {'b': None}], c=-1.5)]", '{"a": [1, {"b": null}], "c": -1.5}'),
        ("[f(a=true, b=[null, False])]", '{"a": true, "b": [null, false]}'),
    ],
)
def test_python_literals_have_their_json(text: str, arguments: str) -> None:
    check_every_cut(tool_parser("[func_name1("), text, [("f", arguments)])


@pytest.mark.parametrize("text", ["[1] says so", "[f(x)]", "[f(a=g())]", "[f(**a)]", "f(a=1)", "[f(a=1", "[see](link)"])
def test_what_is_no_list_of_calls_is_content(text: str) -> None:
    check_every_cut(tool_parser("[func_name1("), text, [text])


def test_several_pythonic_calls_and_what_follows() -> None:
    text = "<|tool_call_start|>[f(a=1), g()]<|tool_call_end|> so"
    check_every_cut(tool_parser("<|tool_call_start|>"), text, [("f", '{"a": 1}'), ("g", "{}"), "so"])


def test_pythonic_calls_cannot_be_enforced() -> None:
    with pytest.raises(UnsupportedParameter, match="pythonic") as caught:
        answer_grammar(use_of(tool_choice="required"), tool_format_of("[func_name1("), PLAIN_MARKS)
    assert caught.value.param == "tools"


def tool_parser(template: str) -> Any:
    return lambda: tool_format_of(template).parser(use_of().tools)


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS]f[CALL_ID]abc123XYZ[ARGS]{"a": 1}',
        '[TOOL_CALLS] f [ARGS] {"a": 1}',
        '[TOOL_CALLS][{"name": "f", "arguments": {"a": 1}, "id": "abc123XYZ"}]',
        '[TOOL_CALLS]{"name": "f", "arguments": {"a": 1}}',
    ],
)
def test_mistrals_forms_are_all_read(text: str) -> None:
    check_every_cut(
        tool_parser("[TOOL_CALLS]"), "Well. " + text.replace(" [ARGS]", "[ARGS]"), ["Well.", ("f", '{"a": 1}')]
    )


def test_an_answer_in_json_is_no_llama_call() -> None:
    for text in ('{"answer": 42}', '  {"name": "x"', "{", 'So: {"name": "f", "parameters": {}}'):
        check_every_cut(tool_parser("<|start_header_id|> parameters"), text, [text])
    tagged = 'Hm <|python_tag|>{"name": "f", "parameters": {"a": 1}}'
    check_every_cut(tool_parser("<|start_header_id|> parameters"), tagged, ["Hm", ("f", '{"a": 1}')])


def test_what_no_template_says_is_hermes() -> None:
    assert tool_format_of(None).name == tool_format_of("{{ messages }}").name == "hermes"
