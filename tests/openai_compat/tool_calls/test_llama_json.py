"""An object at the beginning of an answer is a call if it says so, and content otherwise."""

from __future__ import annotations

from openai_compat.tool_calls.llama_json import LlamaJsonParser
from tests.calls import check_every_cut


def test_an_answer_in_json_is_no_llama_call() -> None:
    for text in ('{"answer": 42}', '  {"name": "x"', "{", 'So: {"name": "f", "parameters": {}}'):
        check_every_cut(LlamaJsonParser, text, [text])
    tagged = 'Hm <|python_tag|>{"name": "f", "parameters": {"a": 1}}'
    check_every_cut(LlamaJsonParser, tagged, ["Hm", ("f", '{"a": 1}')])


def test_several_calls_stand_behind_semicolons() -> None:
    call = '{"name": "f", "parameters": {"a": 1}}'
    check_every_cut(LlamaJsonParser, f"{call}; {call};{call}", [("f", '{"a": 1}')] * 3)
    check_every_cut(LlamaJsonParser, f"{call}; or not", [("f", '{"a": 1}'), "; or not"])
