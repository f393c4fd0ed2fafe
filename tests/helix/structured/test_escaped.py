"""Grammars keep their language inside JSON strings and in front of markers, or are refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from helix.errors import InvalidRequestError
from helix.structured.grammar import Grammar
from tests.grammars import matches

PATCH = r"""
start: begin hunk+ end
begin: "*** Begin Patch" LF
end: "*** End Patch" LF?
hunk: add_hunk | update_hunk
add_hunk: "*** Add File: " filename LF add_line+
update_hunk: "*** Update File: " filename LF change?
filename: /(.+)/
add_line: "+" /(.*)/ LF -> line
change: (change_context | change_line)+
change_context: ("@@" | "@@ " /(.+)/) LF
change_line: ("+" | "-" | " ") /(.*)/ LF

%import common.LF
"""
"""Of the kind that coding agents send for a tool that applies patches."""
EDIT = '*** Begin Patch\n*** Update File: a.py\n@@ def f():\n-    print("a\\n")\n+    print("b")\n*** End Patch\n'
SUM = 'start: term (("+" | "-") term)*\nterm: /[0-9]+/ | "(" start ")"\n%ignore /[ \\n]+/'
END = "\n</parameter>\n"


def inside(definition: str) -> Grammar:
    quote = json.dumps('"')
    return Grammar.lark(f"start: {quote} {Grammar.lark(definition).inside_json().term} {quote}")


def ended(definition: str) -> Grammar:
    return Grammar.lark(definition).ended_by(END, marker="</parameter>")


@pytest.mark.parametrize(
    ("definition", "text", "is_one"),
    [
        (PATCH, EDIT, True),
        (PATCH, EDIT.removesuffix("\n"), True),
        (PATCH, EDIT.replace("***", "**"), False),
        (PATCH, EDIT.replace("-  ", "x  "), False),
        (PATCH, EDIT[:40], False),
        (SUM, "(1 +\n 2)-3", True),
        (SUM, "(1 + 2", False),
        ('start: "a"i /\\n/ "\\x22".."\\x23"', 'A\n"', True),
        ('start: "a\\n"i', "A\n", True),
        ("start: A\nA: /[^a]+/ & ~/\\n+/", '"\n', True),
        ("start: A\nA: /[^a]+/ & ~/\\n+/", "\n\n", False),
    ],
)
def test_a_sentence_stays_one_in_another_place(definition: str, text: str, is_one: bool) -> None:
    assert matches(Grammar.lark(definition), text) == is_one or definition == PATCH, "PATCH is read without a lexer"
    assert matches(inside(definition), json.dumps(text, ensure_ascii=False)) == is_one
    assert matches(ended(definition), text + END) == is_one


def test_a_sentence_in_front_of_a_marker_does_not_contain_it() -> None:
    assert matches(ended(PATCH), EDIT.replace('"b"', "</param>") + END)
    assert not matches(ended(PATCH), EDIT.replace('"b"', "</parameter>") + END)
    assert not matches(ended(PATCH), EDIT)
    assert matches(Grammar.regex("(?s:.)*").ended_by(END, marker="</parameter>"), f"a\n</para\n{END}")


@pytest.mark.parametrize(
    ("rewrite", "definition", "word"),
    [
        (inside, r'start: "(" start ")" | "\n"', "start"),
        (inside, r'start: "a" /"/' + '\n%ignore " "', "%ignore"),
        (inside, 'start[lazy]: "a" /./', "lazy"),
        (inside, "start: A\nA: ~/a/", "~"),
        (inside, "start: /a/x", "flag"),
        (inside, 'start: "ab".."c"', "range"),
        (inside, 'start: %json {"type": "integer"}', "%json"),
        (ended, 'start: "(" start ")" | /[!-~]/', "start"),
        (ended, 'start: "(" start ")" | "a"\n%ignore /[< ]/', "start"),
    ],
)
def test_what_would_become_another_language_is_refused(
    rewrite: Callable[[str], Grammar], definition: str, word: str
) -> None:
    with pytest.raises(InvalidRequestError, match="cannot be enforced") as caught:
        rewrite(definition)
    assert caught.value.param == "grammar" and word in str(caught.value)
