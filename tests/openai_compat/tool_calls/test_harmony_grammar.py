"""Answers in the harmony format, over a tokenizer with its special tokens and a template that writes its messages."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from transformers import PreTrainedTokenizerFast

from helix import Grammar
from helix.structured.compiler import GrammarCompiler
from helix.text.tokenizer import Tokenizer
from openai_compat.answer_format import AnswerFormat, answer_format_of
from openai_compat.errors import UnsupportedParameter
from openai_compat.params import to_sampling_params
from openai_compat.prompts import render_prompt
from openai_compat.schemas.chat import ChatCompletionRequest
from openai_compat.structured_output import grammar_of
from openai_compat.tool_calls.format import PLAIN_MARKS
from openai_compat.tool_calls.harmony import MARKERS
from openai_compat.tool_calls.harmony_grammar import harmony_grammar
from tests.fakes import FakeEngine
from tests.grammars import ids_of
from tests.helix.text.conftest import BACKENDS

TEMPLATE = """
{%- for message in messages %}
  {%- if message.role == "assistant" and message.tool_calls %}
    {%- if message.content and message.thinking %}{{ raise_exception("both") }}{% endif %}
    {%- if message.thinking %}
      {{- "<|start|>assistant<|channel|>analysis<|message|>" + message.thinking + "<|end|>" }}
    {%- endif %}
    {%- set call = message.tool_calls[0].function %}
    {{- "<|start|>assistant to=functions." + call.name + "<|channel|>commentary json<|message|>" }}
    {{- call.arguments|tojson + "<|call|>" }}
  {%- elif message.role == "assistant" %}
    {{- "<|start|>assistant<|channel|>final<|message|>" + message.content + "<|end|>" }}
  {%- else %}{{ "<|start|>" + message.role + "<|message|>" + message.content + "<|end|>" }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{ "<|start|>assistant" }}{% endif %}
"""
CITY = {
    "type": "object",
    "properties": {"city": {"enum": ["Graz"]}},
    "required": ["city"],
    "additionalProperties": False,
}
F: Any = {"type": "function", "function": {"name": "f", "parameters": CITY}}
THOUGHT = "<|channel|>analysis<|message|>Hm <b>{\n<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"city": "Graz"}'
REMARK = "<|channel|>commentary<|message|>I look.<|end|><|start|>assistant"
FINAL = "<|channel|>final<|message|>"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    fast = PreTrainedTokenizerFast(tokenizer_object=BACKENDS["gpt2"](), eos_token="<|return|>")
    fast.add_special_tokens({"additional_special_tokens": [*MARKERS]})
    fast.chat_template = TEMPLATE
    return Tokenizer(fast)


@pytest.fixture(scope="module")
def compiler(tokenizer: Tokenizer) -> GrammarCompiler:
    return GrammarCompiler(tokenizer)


def chat(**fields: Any) -> ChatCompletionRequest:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]} | fields
    return msgspec.convert(body, ChatCompletionRequest)


def format_of(request: ChatCompletionRequest, tokenizer: Tokenizer) -> AnswerFormat:
    return answer_format_of(tokenizer).behind(render_prompt(request, tokenizer), tokenizer, splits=True)


STRICT = F | {"function": F["function"] | {"strict": True}}
REQUIRED: dict[str, Any] = {"tools": [F], "tool_choice": "required"}
FORM: dict[str, Any] = {"response_format": {"type": "json_object"}}


@pytest.mark.parametrize(
    ("fields", "right", "wrong"),
    [
        (REQUIRED, [CALL, THOUGHT + CALL], [FINAL + "hi", THOUGHT, REMARK + CALL, CALL.replace("Graz", "Wien"), "hi"]),
        ({"tools": [STRICT]}, [CALL, THOUGHT + REMARK + CALL, FINAL + "<b>hi", FINAL], [CALL.replace("Graz", "Wien")]),
        (
            FORM,
            [FINAL + "{}", THOUGHT + FINAL + '{"a": 1}', FINAL.replace("final", "final <|constrain|>json") + "{}"],
            [FINAL],
        ),
        (FORM | {"tools": [F]}, [FINAL + "{}", THOUGHT + CALL], [FINAL + "1", REMARK + CALL]),
        (FORM | REQUIRED, [CALL], [FINAL + "{}"]),
        (FORM | {"messages": [{"role": "assistant", "content": "x"}]}, ["{}"], [FINAL + "{}", "x"]),
        (
            REQUIRED | {"messages": [{"role": "assistant", "content": "x"}]},
            [" y<|end|><|start|>assistant" + CALL],
            ["y"],
        ),
    ],
)
def test_a_request_leaves_certain_messages(
    tokenizer: Tokenizer, compiler: GrammarCompiler, fields: dict[str, Any], right: list[str], wrong: list[str]
) -> None:
    request = chat(**fields)
    grammar = grammar_of(request, format_of(request, tokenizer))
    assert grammar is not None
    for text in [*right, *wrong]:
        state = compiler.compile(grammar)
        accepted = all(state.accept(token_id) for token_id in tokenizer.encode(text, add_special_tokens=False))
        is_whole = state.is_complete or not tokenizer.eos_token_ids.isdisjoint(ids_of(state.masks()[0]))
        assert (accepted and is_whole) == (text in right), text


def test_markers_are_special_and_end_answers(tokenizer: Tokenizer) -> None:
    answer_format = format_of(chat(), tokenizer)
    assert answer_format.is_harmony and answer_format.opening == "assistant"
    assert answer_format.shows_special_tokens(has_tools=False)
    (call,) = tokenizer.encode("<|call|>", add_special_tokens=False)
    assert answer_format.end_token_ids == (call,), "the other one is the tokenizer's own end of sequence"
    (params,) = to_sampling_params(chat(stop_token_ids=[1]), FakeEngine().info, answer_format=answer_format)
    assert params.stop_token_ids == (1, call) and not params.skip_special_tokens


def test_history_is_written_by_the_models_own_template(tokenizer: Tokenizer) -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"city": "Graz"}'}}
    asked = {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "1", "content": "sunny"}
    prompt = render_prompt(chat(messages=[{"role": "user", "content": "hi"}, asked, result]), tokenizer)
    assert tokenizer.decode(prompt, skip_special_tokens=False) == (
        "<|start|>user<|message|>hi<|end|><|start|>assistant<|channel|>analysis<|message|>Hm.\nI look.<|end|>"
        '<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{"city": "Graz"}<|call|>'
        "<|start|>tool<|message|>sunny<|end|><|start|>assistant"
    )


def test_what_has_no_special_tokens_cannot_be_enforced() -> None:
    with pytest.raises(UnsupportedParameter, match="no token"):
        harmony_grammar(None, PLAIN_MARKS, form=Grammar.json_object(), opening="assistant")
