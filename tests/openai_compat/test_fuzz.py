"""Whatever a model writes and however it is cut: no parser raises, and all mean the same; every event is one event."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_compat.reasoning import THINK, Reasoning, ReasoningParser
from openai_compat.sse import encode_event, encode_named_event
from openai_compat.tool_calls.formats import SIGNS
from openai_compat.tool_calls.harmony import MARKERS, HarmonyParser
from openai_compat.tool_calls.parser import CallArguments, CallStart

MARKUP = [
    *MARKERS,
    *(marker for _, one in SIGNS for marker in one.markers),
    *("<think>", "</think>", "analysis", "commentary to=functions.f ", "final", "assistant", "json"),
    *('{"name": "f", "arguments": {', "[f(a=", "<function=f>", "<parameter=a>", "</parameter>", "\\", '"', "]", "}"),
]
TEXTS = st.lists(st.one_of(st.sampled_from(MARKUP), st.text(max_size=8)), max_size=16).map("".join)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def told_by(parser: Any, text: str, cuts: list[int]) -> list[tuple[type[Any], str]]:
    """Return what a parser makes of a text in pieces, with neighbours of a kind joined."""
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [piece for start, end in itertools.pairwise(places) for piece in parser.feed(text[start:end])]
    pieces += parser.finish() if hasattr(parser, "finish") else parser.feed("", is_last=True)
    told: list[tuple[type[Any], str]] = []
    for piece in pieces:
        kind, said = type(piece), piece.name if isinstance(piece, CallStart) else getattr(piece, "text", piece)
        if told and told[-1][0] is kind and kind is not CallStart:
            told[-1] = (kind, told[-1][1] + said)
        else:
            told.append((kind, said))
    return told


@pytest.mark.parametrize("splits", [True, False])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=TEXTS, cuts=CUTS, opening=st.sampled_from(["assistant", "assistant<|channel|>analysis<|message|>"]))
def test_channels_mean_the_same_however_they_are_cut(splits: bool, text: str, cuts: list[int], opening: str) -> None:
    def parser() -> HarmonyParser:
        return HarmonyParser({"f"}, opening=opening, splits=splits)

    whole = told_by(parser(), text, [])
    assert told_by(parser(), text, cuts) == whole
    assert told_by(parser(), text, [*range(len(text))]) == whole
    assert {kind for kind, _ in whole} <= {str, Reasoning, CallStart, CallArguments}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=TEXTS, cuts=CUTS, is_open=st.booleans())
def test_reasoning_and_content_are_all_of_the_text(text: str, cuts: list[int], is_open: bool) -> None:
    """But for one pair of tags and white space, which is layout."""
    whole = told_by(ReasoningParser(THINK, is_open=is_open), text, [])
    assert told_by(ReasoningParser(THINK, is_open=is_open), text, cuts) == whole
    told = "".join("".join(said for _, said in whole).split())
    written = "".join(text.split())
    shorter = [written, written.replace(THINK.open, "", 1)]
    assert told in {*shorter, *(one.replace(THINK.close, "", 1) for one in shorter)}


@pytest.mark.parametrize("tool_format", [pytest.param(one, id=signs[0]) for signs, one in SIGNS])
@settings(max_examples=40, deadline=None, derandomize=True)
@given(text=TEXTS, cuts=CUTS)
def test_calls_mean_the_same_however_they_are_cut(tool_format: Any, text: str, cuts: list[int]) -> None:
    whole = told_by(tool_format.parser([]), text, [])
    assert told_by(tool_format.parser([]), text, cuts) == whole
    if {kind for kind, _ in whole} == {str} and "<|" not in text:
        assert whole == [(str, text)], "without a call everything is content"


class Said(msgspec.Struct, tag_field="type", tag="said"):
    text: str


@settings(max_examples=200, deadline=None, derandomize=True)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_ends_an_event_or_begins_another(text: str) -> None:
    """A text with line ends, or with what looks like an event, must not be able to speak for the server."""
    for event in (encode_event(Said(text)), encode_named_event(Said(text))):
        lines = event.decode().split("\n")
        assert lines[-2:] == ["", ""] and "\r" not in event.decode()
        assert [line.partition(": ")[0] for line in lines[:-2]] in (["data"], ["event", "data"])
        assert msgspec.json.decode(lines[-3].removeprefix("data: ")) == {"type": "said", "text": text}
