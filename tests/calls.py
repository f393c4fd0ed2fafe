"""What a parser of tool calls makes of a text, however the text was cut."""

from __future__ import annotations

from collections.abc import Callable

from openai_compat.tool_calls.parser import CallArguments, CallStart, Piece, ToolCallParser

Part = str | tuple[str, str]
"""Content, or a call's name and arguments."""


def joined(pieces: list[Piece]) -> list[Part]:
    """Return what pieces add up to; every one of them must say something."""
    parts: list[Part] = []
    for piece in pieces:
        match piece:
            case CallStart(name=name):
                parts.append((name, ""))
            case CallArguments(text=text):
                assert text, "an empty piece is no piece"
                last = parts[-1]
                assert not isinstance(last, str), "arguments belong to the call that began last"
                parts[-1] = (last[0], last[1] + text)
            case str():
                assert piece, "an empty piece is no piece"
                if parts and isinstance(parts[-1], str):
                    parts[-1] += piece
                else:
                    parts.append(piece)
    return parts


def parse(new_parser: Callable[[], ToolCallParser], *texts: str) -> list[Part]:
    """Return what a fresh parser makes of texts."""
    parser = new_parser()
    return joined([piece for text in texts for piece in parser.feed(text)] + parser.finish())


def check_every_cut(new_parser: Callable[[], ToolCallParser], text: str, expected: list[Part]) -> None:
    """Assert that a text means expected, whole and in pieces."""
    assert parse(new_parser, text) == expected, "whole"
    assert parse(new_parser, *text) == expected, "one character at a time"
    for first in range(len(text) + 1):
        assert parse(new_parser, text[:first], text[first:]) == expected, (text[:first], text[first:])
        for second in range(first, len(text) + 1, 7):
            assert parse(new_parser, text[:first], text[first:second], text[second:]) == expected
