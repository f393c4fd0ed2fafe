"""Channels are told apart wherever the text was cut, and what is no message stays content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_compat.reasoning import Reasoning
from openai_compat.tool_calls.harmony import HARMONY, HarmonyCounter, HarmonyParser, with_thoughts
from openai_compat.tool_calls.parser import CallArguments, CallStart
from tests.calls import parse

THOUGHT = "<|channel|>analysis<|message|>Let me see: {1}\n<|end|>"
CALL = '<|start|>assistant<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"city": "Graz"}<|call|>'
REMARK = "<|start|>assistant<|channel|>commentary<|message|>I look it up.<|end|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>It is <b>sunny</b>.<|return|>"


def read(*texts: str, **settings: Any) -> list[tuple[str, str]]:
    """Return what a fresh parser makes of texts: what kind of thing, and what it says."""
    parser = HarmonyParser({"f", "a.b"}, **settings)
    told: list[tuple[str, str]] = []
    for number, text in enumerate(texts):
        for piece in parser.feed(text, is_last=number == len(texts) - 1):
            match piece:
                case CallStart(name=name):
                    told.append((name, ""))
                    continue
                case Reasoning(text=said):
                    kind = "thought"
                case CallArguments(text=said):
                    kind = told[-1][0]
                case str(said):
                    kind = "content"
            assert said, "an empty piece is no piece"
            if told and told[-1][0] == kind:
                told[-1] = (kind, told[-1][1] + said)
            else:
                told.append((kind, said))
    return told


CASES = [
    (THOUGHT + FINAL, [("thought", "Let me see: {1}\n"), ("content", "It is <b>sunny</b>.")]),
    (THOUGHT + CALL, [("thought", "Let me see: {1}\n"), ("f", '{"city": "Graz"}')]),
    (
        THOUGHT + REMARK + CALL,
        [("thought", "Let me see: {1}\n"), ("content", "I look it up."), ("f", '{"city": "Graz"}')],
    ),
    (
        THOUGHT + "<|start|>assistant" + THOUGHT + REMARK + FINAL,
        [("thought", "Let me see: {1}\n\nLet me see: {1}\n"), ("content", "I look it up.\nIt is <b>sunny</b>.")],
    ),
    (" to=functions.a.b<|channel|>commentary json<|message|>{}<|call|>", [("a.b", "{}")]),
    ("<|channel|>commentary to=functions.f <|constrain|>json<|message|><|call|>", [("f", "{}")]),
    ('<|channel|>commentary to=functions.f<|message|>{"a": 1', [("f", '{"a": 1')]),
    (
        "<|channel|>commentary to=functions.g<|message|>{}<|call|>",
        [("content", "<|channel|>commentary to=functions.g<|message|>{}")],
    ),
    ("<|channel|>final <|constrain|>json<|message|>{}", [("content", "{}")]),
    ("Hello <|there|>", [("content", "Hello <|there|>")]),
    ("<|channel|>analysis<|mess", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_channels_are_thoughts_calls_and_content(text: str, expected: list[tuple[str, str]]) -> None:
    assert read(text) == expected
    assert read(*text, "") == expected
    for cut in range(len(text)):
        assert read(text[:cut], text[cut:]) == expected, cut


def test_the_prompt_may_have_begun_a_message() -> None:
    assert read(" so<|end|>" + CALL, opening="assistant<|channel|>analysis<|message|>And")[0] == ("thought", " so")
    assert read(" so", opening="assistant<|channel|>final<|message|>And") == [("content", " so")]
    assert read("lysis<|message|>a", opening="assistant<|channel|>ana") == [("thought", "a")]
    opening = "assistant<|channel|>commentary to=functions.f<|message|>{"
    assert read("}", opening=opening) == [("content", "}")], "which is no call of this answer"


def test_thoughts_stay_in_the_content_where_nobody_wants_them_apart() -> None:
    ((kind, text),) = read(THOUGHT + FINAL, splits=False)
    assert kind == "content"
    assert text == THOUGHT.removesuffix("<|end|>") + "\nIt is <b>sunny</b>."


PIECES = [
    "<|start|>",
    "assistant",
    "<|channel|>",
    "analysis",
    "final",
    " to=functions.f",
    "<|constrain|>",
    "json",
    "<|",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([*PIECES, "<|message|>", "<|end|>", "<|call|>", "{", "x", " "]), max_size=14), st.data()
)
def test_no_text_means_anything_else_when_it_is_cut(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cut = data.draw(st.integers(0, len(text)))
    assert read(text[:cut], text[cut:]) == read(*text, "") == read(text)


def test_the_tokens_of_thoughts_are_counted_with_what_stands_around_them() -> None:
    ids = {marker: 1000 + number for number, marker in enumerate(HARMONY.markers)}

    def tokens(*texts: str) -> list[tuple[int, bytes]]:
        return [(ids.get(text, 1), text.encode()) for text in texts]

    thought = tokens("<|channel|>", "ana", "lysis", "<|message|>", "a", "b", "<|end|>")
    rest = tokens("<|start|>", "assistant", "<|channel|>", "final", "<|message|>", "c", "<|return|>")
    counter = HarmonyCounter(ids, "assistant")
    assert sum(counter.feed([token]) for token in thought + rest) == len(thought)
    assert HarmonyCounter(ids, "assistant").feed(rest[2:]) == 0
    assert HarmonyCounter(ids, "assistant<|channel|>analysis<|message|>a").feed(thought[5:] + rest) == 2
    again = thought + tokens("<|start|>", "assistant") + thought
    assert HarmonyCounter(ids, "assistant").feed(again) == len(again)


def test_reasoning_is_given_back_where_templates_look_for_it() -> None:
    call: dict[str, Any] = {"role": "assistant", "content": "I look.", "reasoning_content": "Hm.", "tool_calls": [{}]}
    plain = {"role": "assistant", "content": "Yes.", "reasoning_content": "Hm."}
    user = {"role": "user", "content": "Hi"}
    shown = with_thoughts([user, call, plain])
    assert shown == [user, call | {"content": "", "thinking": "Hm.\nI look."}, plain | {"thinking": "Hm."}]
    assert call["content"] == "I look."


def test_a_format_like_any_other_reads_thoughts_as_content() -> None:
    parts = parse(lambda: HARMONY.parser([]), THOUGHT, FINAL)
    assert parts == [THOUGHT.removesuffix("<|end|>") + "\nIt is <b>sunny</b>."]
