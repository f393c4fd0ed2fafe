"""An expression matches a text exactly where its rewritten form matches the text as JSON writes it."""

from __future__ import annotations

import json

import pytest

from helix.structured.escaped_regex import escaped_regex, may_contain
from helix.structured.grammar import Grammar
from helix.structured.lark_text import CannotRewriteError
from tests.grammars import matches

TEXTS = ["", "a", "A", "ab", "a\nb", 'a"b', "a\\b", "\n", "\n\n", '"', "\\", "/", "\u00e9", "-", "]", "0", '(a"b)\n']
PATTERNS = [
    *(r"a|b", ".*", "(?s).*", "(?s:.)*", r"[^a]*", r"[\n]", r"[\n\r]+|a", r'"|\\', r"\s*", r"\S*", r"\W*", r"[\s\S]*"),
    *(r"[^\s]*", r'[^"\\]*', "[ -~]*", r"[!-\]]+", r"\x22", r"\x0a+", r"\u{a}", r"[\x00-\x1f]+", r'(?i)a"B|A\nb'),
    *(r"[\]-]*", "[]a]*", r"a{0,2}\n?b?", r"(?P<n>a)\n(?:b)", r'[a\-b"]+', r"\(.*\)\n", "(?i:[^A])*"),
    "\u00e9|[\u00e8-\u00ea]",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_matches_a_text_matches_the_text_as_json_writes_it(pattern: str) -> None:
    plain, escaped = Grammar.regex(pattern), Grammar.regex(escaped_regex(pattern))
    for text in TEXTS:
        assert matches(plain, text) == matches(escaped, json.dumps(text, ensure_ascii=False)[1:-1]), text


def test_what_contains_no_special_character_stays_as_it_is() -> None:
    for pattern in ("[0-9]+(a|b)*", r"\d{2}\/x", "(?:ab)?"):
        assert escaped_regex(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [r"\p{L}", "[[:alpha:]]", "[a&&b]", r"\bx", "(?x: a)", "(?=a)", "[a", r"\x{110000}", "\\", "[^\\", "." * 60_000],
)
def test_what_cannot_be_told_character_by_character_is_refused(pattern: str) -> None:
    with pytest.raises(CannotRewriteError):
        escaped_regex(pattern)


def test_the_characters_of_a_language_are_known() -> None:
    assert may_contain("[!-~]", "<") and may_contain("a<?", "<") and may_contain(r"\W", "<") and may_contain(".", "<")
    assert not may_contain("[a-z]+ ", "<") and not may_contain(r"[^<\n]*|\w", "<\n")
