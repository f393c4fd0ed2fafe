"""DeepSeek's tokens have full-width bars, and its third version puts a fence around arguments."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.tool_calls.choice import tool_use
from openai_compat.tool_calls.deepseek import DEEPSEEK, DEEPSEEK_FENCED, DeepseekFormat, DeepseekParser
from openai_compat.tool_calls.format import PLAIN_MARKS
from openai_compat.tool_calls.grammar import answer_grammar
from tests.calls import check_every_cut

DEEPSEEK_CALL = "<|tool_calls_begin|><|tool_call_begin|>f<|tool_sep|>{}<|tool_call_end|><|tool_calls_end|>"


def deepseek(text: str) -> str:
    """Spell the tokens as DeepSeek does."""
    return text.replace("|", "\uff5c").replace("_", "\u2581")


PLAIN = deepseek(DEEPSEEK_CALL)


def fenced(*calls: tuple[str, str]) -> str:
    """Return calls as the third version writes them."""
    written = [deepseek(f"<|tool_call_begin|>function<|tool_sep|>{name}\n```json\n") + f"{a}\n```" for name, a in calls]
    between = deepseek("<|tool_call_end|>") + "\n"
    return deepseek("<|tool_calls_begin|>") + between.join(written) + deepseek("<|tool_call_end|><|tool_calls_end|>")


def test_both_forms_are_read() -> None:
    check_every_cut(DeepseekParser, "Hm.\n" + PLAIN, ["Hm.", ("f", "{}")])
    check_every_cut(DeepseekParser, fenced(("f", '{"a": 1}'), ("g", "{}")), [("f", '{"a": 1}'), ("g", "{}")])


def test_a_model_writes_the_form_that_it_knows() -> None:
    assert literals_of_a_call(DEEPSEEK) == PLAIN
    assert literals_of_a_call(DEEPSEEK_FENCED) == fenced(("f", "{}"))


def literals_of_a_call(tool_format: DeepseekFormat) -> str:
    """Return the literals of a grammar for one call, its arguments spelled out."""
    body: dict[str, Any] = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "tool_choice": "required",
        "parallel_tool_calls": False,
    }
    body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    use = tool_use(msgspec.convert(body, ChatCompletionRequest))
    assert use is not None
    rules = dict(line.split(": ", 1) for line in answer_grammar(use, tool_format, PLAIN_MARKS).text.splitlines())
    text = rules["start"].replace(" call ", f" {rules['call']} ").replace("arguments_0", '"{}"')
    return "".join(json.loads(term) for term in text.split() if term.startswith('"'))
