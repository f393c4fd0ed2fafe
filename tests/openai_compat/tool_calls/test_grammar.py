"""What answers a request's tools leave possible, told by the real grammars over a vocabulary of a hundred tokens."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from helix import Grammar
from openai_compat.errors import UnsupportedParameter
from openai_compat.reasoning import THINK, ReasoningTags
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import tool_use
from openai_compat.tool_calls.format import PLAIN_MARKS, Marks
from openai_compat.tool_calls.grammar import answer_grammar
from openai_compat.tool_calls.hermes import HERMES
from tests.grammars import END, MARK, TextTokenizer, allowed, begin

CITY: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"enum": ["Graz", "Wien"]}},
    "required": ["city"],
    "additionalProperties": False,
}
F: Any = {"type": "function", "function": {"name": "f", "parameters": CITY}}
G: Any = {"type": "function", "function": {"name": "g"}}
STRICT: Any = {"type": "function", "function": {"name": "s", "parameters": CITY, "strict": True}}
CALL_F = '<tool_call>\n{"name": "f", "arguments": {"city": "Graz"}}\n</tool_call>'
CALL_G = '<tool_call>\n{"name": "g", "arguments": {}}\n</tool_call>'
CALL_S = CALL_F.replace('"f"', '"s"')
LOOSE = '<tool_call>\n{"name": "f", "arguments": {"x": [1]}}\n</tool_call>'


def is_answer(
    text: str,
    marks: Marks = PLAIN_MARKS,
    mark: str | None = None,
    *,
    form: Grammar | None = None,
    reasoning: ReasoningTags | None = None,
    is_opened: bool = False,
    **fields: Any,
) -> bool:
    """Return whether text is an answer to a request; mark is the text that stands for the special token."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "tools": [F, G]} | fields
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    state = begin(answer_grammar(use, HERMES, marks, form=form, reasoning=reasoning, is_opened=is_opened))
    token_ids: list[int] = []
    for number, part in enumerate(text.split(mark) if mark else [text]):
        token_ids += [MARK] * (number > 0) + TextTokenizer().encode(part)
    return all(state.accept(token_id) for token_id in token_ids) and (state.is_complete or END in allowed(state))


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (CALL_F, True),
        (CALL_G, True),
        (CALL_F + "\n" + CALL_G, True),
        ("", False),
        ("Hi", False),
        ("Hi " + CALL_F, False),
        (LOOSE, False),
        (CALL_F.replace("Graz", "Linz"), False),
        (CALL_F.replace('"f"', '"h"'), False),
        (CALL_F[:-1], False),
        (CALL_F + "\n", False),
    ],
)
def test_a_required_choice_leaves_calls_that_satisfy_their_schemas(text: str, is_one: bool) -> None:
    assert is_answer(text, tool_choice="required") == is_one


def test_a_named_choice_is_one_call_of_that_function() -> None:
    named: dict[str, Any] = {"tool_choice": {"type": "function", "function": {"name": "f"}}}
    assert is_answer(CALL_F, **named)
    assert not is_answer(CALL_G, **named)
    assert not is_answer(CALL_F + "\n" + CALL_F, **named)


def test_one_call_at_a_time_is_one_call() -> None:
    for choice in ("auto", "required"):
        assert is_answer(CALL_F, tool_choice=choice, parallel_tool_calls=False)
        assert not is_answer(CALL_F + "\n" + CALL_F, tool_choice=choice, parallel_tool_calls=False)
    assert is_answer("Hi <tool_c", parallel_tool_calls=False)
    assert is_answer("Hi " + LOOSE, parallel_tool_calls=False)


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_allowed_tools_are_the_only_ones_called(mode: str) -> None:
    allowed_tools = {"mode": mode, "tools": [{"type": "function", "function": {"name": "g"}}]}
    choice: dict[str, Any] = {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed_tools}}
    assert is_answer(CALL_G + "\n" + CALL_G, **choice)
    assert not is_answer(CALL_F, **choice)
    assert is_answer("Hi", **choice) == (mode == "auto")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("", True),
        ("Some <tool_call text.", True),
        (CALL_S, True),
        ("Hi " + CALL_S + "\n" + LOOSE + " so", True),
        (CALL_S.replace("Graz", "Linz"), False),
        ("Hi <tool_call> x", False),
        ("Hi " + CALL_S + "\n<tool_call>\n{", False),
    ],
)
def test_strict_tools_are_called_right_and_content_stays_free(text: str, is_one: bool) -> None:
    assert is_answer(text, tools=[F, STRICT]) == is_one


def test_markers_that_are_special_tokens_are_no_text() -> None:
    marks = Marks({"<tool_call>": MARK})
    for fields, text in (({"tool_choice": "required"}, CALL_F), ({"tools": [F, STRICT]}, "Hi " + CALL_S)):
        assert is_answer(text, marks, mark="<tool_call>", **fields)
        assert not is_answer(text[:-1], marks, mark="<tool_call>", **fields)
    assert is_answer("Hi <tool_call>", marks, tools=[F, STRICT]), "spelled in letters it is no marker"


def test_the_input_of_a_custom_tool_is_a_sentence_inside_a_json_string() -> None:
    def call(text: str) -> str:
        return f'<tool_call>\n{{"name": "x", "arguments": {{"input": {json.dumps(text)}}}}}\n</tool_call>'

    def tools(definition: str) -> list[dict[str, Any]]:
        grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": definition}}
        return [{"type": "custom", "custom": {"name": "x", "format": grammar}}]

    lines = tools("start: line+\nline: /.+/ LF\n%import common.LF")
    for choice in ("auto", "required"):
        assert is_answer(call('say "hi"\n\\o\n'), tools=lines, tool_choice=choice)
        assert not is_answer(call("no end"), tools=lines, tool_choice=choice)
    assert is_answer(call("((a))"), tools=tools('start: "(" start ")" | "a"'))
    with pytest.raises(UnsupportedParameter, match="JSON string") as caught:
        is_answer("", tools=tools('start: "(" start ")" | "\\n"'))
    assert caught.value.param == "tools[0].custom.format"


def test_arguments_are_written_as_python_writes_json() -> None:
    assert not is_answer(CALL_F.replace(": ", ":"), tool_choice="required")


FORM = Grammar.json_schema({"enum": [1, "Wien"]})
THOUGHT = "a <tool_call> {1\n"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("1", True),
        ('"Wien"', True),
        (CALL_F, True),
        (CALL_F + "\n" + CALL_G, True),
        ("2", False),
        ("1" + CALL_F, False),
    ],
)
def test_an_answer_is_in_form_or_a_call(text: str, is_one: bool) -> None:
    assert is_answer(text, form=FORM) == is_one


@pytest.mark.parametrize(
    "fields", [{"tool_choice": "required"}, {"tools": [STRICT]}, {"form": FORM}, {"form": FORM, "tools": []}]
)
def test_reasoning_is_free_and_what_follows_is_not(fields: dict[str, Any]) -> None:
    has_tools = fields.get("tools") != []
    answer = (CALL_S if "tools" in fields else CALL_F) if has_tools else "1"
    wrong = "1<tool_call>"
    for lines in ("", "\n", "\n\n"):
        opened, alone = f"{THOUGHT}</think>{lines}", f"<think>{THOUGHT}</think>{lines}"
        assert is_answer(opened + answer, reasoning=THINK, is_opened=True, **fields)
        assert is_answer(alone + answer, reasoning=THINK, **fields)
        assert not is_answer(opened + wrong, reasoning=THINK, is_opened=True, **fields)
        assert not is_answer(alone + wrong, reasoning=THINK, **fields)
    assert is_answer(answer, reasoning=THINK, **fields), "nobody has to reason"
    assert not is_answer(wrong, reasoning=THINK, **fields)
    assert not is_answer(THOUGHT, reasoning=THINK, is_opened=True, **fields)


def test_tags_that_are_special_tokens_end_the_reasoning() -> None:
    marks = Marks({"</think>": MARK})
    fields: dict[str, Any] = {"tool_choice": "required"}
    text = "a </think> b#" + CALL_F
    assert is_answer(text, marks, mark="#", reasoning=THINK, is_opened=True, **fields)
    assert not is_answer(text.replace("#", ""), marks, reasoning=THINK, is_opened=True, **fields)
