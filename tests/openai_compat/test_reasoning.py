"""Reasoning is told from the answer wherever the text was cut, and its tokens are counted."""

from __future__ import annotations

import pytest

from openai_compat.reasoning import (
    THINK,
    Reasoning,
    ReasoningCounter,
    ReasoningParser,
    is_left_open,
    is_opened,
    reasoning_tags_of,
)
from tests.fakes import ByteTokenizer


def split(*texts: str, is_open: bool) -> tuple[str, str]:
    """Return reasoning and content."""
    parser = ReasoningParser(THINK, is_open=is_open)
    pieces = [piece for text in texts for piece in parser.feed(text)] + parser.feed("", is_last=True)
    thoughts = [piece.text for piece in pieces if isinstance(piece, Reasoning)]
    texts_ = [piece for piece in pieces if isinstance(piece, str)]
    assert all(thoughts) and all(texts_), "an empty piece is no piece"
    assert pieces == [*map(Reasoning, thoughts), *texts_], "reasoning comes first"
    return "".join(thoughts), "".join(texts_)


@pytest.mark.parametrize(
    ("text", "is_open", "thought", "content"),
    [
        ("<think>\nHm. 1 < 2\n</think>\n\nYes. <think>", False, "Hm. 1 < 2", "Yes. <think>"),
        ("\nHm.\n\nSo.\n</think>\n\nYes.", True, "Hm.\n\nSo.", "Yes."),
        ("\n<think>a</think>b", False, "a", "b"),
        ("<think>\n\n</think>\n\nYes.", False, "", "Yes."),
        ("</think>Yes.", True, "", "Yes."),
        ("Yes. <think>no</think>", False, "", "Yes. <think>no</think>"),
        ("<thin", False, "", "<thin"),
        (" Yes", False, "", " Yes"),
        ("<think>cut off </th", False, "cut off </th", ""),
        ("cut off \n", True, "cut off \n", ""),
        ("a</think>", True, "a", ""),
        ("", True, "", ""),
        ("", False, "", ""),
    ],
)
def test_reasoning_and_answer_are_told_apart_wherever_the_text_was_cut(
    text: str, is_open: bool, thought: str, content: str
) -> None:
    assert split(text, is_open=is_open) == (thought, content)
    assert split(*text, is_open=is_open) == (thought, content)
    for cut in range(len(text)):
        assert split(text[:cut], text[cut:], is_open=is_open) == (thought, content)


@pytest.mark.parametrize(
    ("text", "is_open", "count"),
    [
        ("<think>ab</think>cd", False, len("<think>ab</think>")),
        ("\n<think>ab", False, len("\n<think>ab")),
        ("ab</think>cd</think>", True, len("ab</think>")),
        ("<thing>", False, 0),
        ("cd <think>", False, 0),
    ],
)
def test_tokens_of_reasoning_are_counted_with_their_tags(text: str, is_open: bool, count: int) -> None:
    for step in (1, 3, 100):
        counter = ReasoningCounter(THINK, ByteTokenizer(), is_open=is_open)
        ids = list(text.encode())
        assert sum(counter.feed(ids[start : start + step]) for start in range(0, len(ids), step)) == count


def test_a_prompt_may_open_the_reasoning() -> None:
    tokenizer = ByteTokenizer()
    for prompt, opened in (("user: hi\nassistant: <think>\n", True), ("<think>\n\n</think>\n\n", False), ("hi", False)):
        assert is_opened(THINK, tokenizer.encode(prompt), tokenizer) == opened


def test_a_thought_that_somebody_has_begun_goes_on() -> None:
    assert is_left_open(THINK, "<think>So") and is_left_open(THINK, "\n<think>")
    assert not any(is_left_open(THINK, begun) for begun in ("<think>a</think>b", "a <think>", ""))
    parser = ReasoningParser(THINK, is_open=True, is_begun=True)
    assert parser.feed(" it is</think>\nYes", is_last=True) == [Reasoning(" it is"), "Yes"]


def test_templates_tell_whether_there_are_tags() -> None:
    assert reasoning_tags_of("... '</think>' in content ...") == THINK
    assert reasoning_tags_of("... [THINK] ... [/THINK]") is not None
    assert reasoning_tags_of("plain") is None
    assert reasoning_tags_of(None) is None
