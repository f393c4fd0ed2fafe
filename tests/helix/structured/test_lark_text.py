"""Grammars in Lark's notation are read as llguidance reads them, as far as that is needed."""

from __future__ import annotations

import pytest

from helix.structured.lark_text import CannotRewriteError, as_terminals, find_recursion, literal_value, read_lark

TEXT = r"""
// a comment: "with" quotes
?start: item+ -> items
  | "a" /b\/c/i   # the rule goes on
item[lazy]: NAME ":" LF
%ignore " "
%import common.LF
%import common (CNAME, WS)
NAME.2: CNAME
"""


def test_definitions_have_names_heads_and_bodies() -> None:
    definitions = {one.name: one for one in read_lark(TEXT)}
    assert list(definitions) == ["start", "item", "%ignore", "LF", "CNAME", "WS", "NAME"]
    assert [token.text for token in definitions["start"].body] == ["item", "+", "|", '"a"', "/b\\/c/i"]
    assert (definitions["item"].head, definitions["NAME"].head) == ("[lazy]", ".2")
    assert definitions["item"].needs == {"NAME", "LF"}


@pytest.mark.parametrize(
    "text",
    ["start: %json {}", "start: <|x|>", "start: @other", '"a"', "start", 'start: "a', "%import other.X", "%declare A"],
)
def test_what_has_no_other_form_is_refused(text: str) -> None:
    with pytest.raises(CannotRewriteError):
        read_lark(text)


def test_rules_that_need_themselves_are_found_however_far_away() -> None:
    chain = "\n".join(f"r{i}: r{i + 1} r{i + 1}" for i in range(1500))
    assert find_recursion(read_lark(f'start: r0\n{chain}\nr1500: "a"')) is None
    assert find_recursion(read_lark(f"start: r0\n{chain}\nr1500: r7")) is not None
    assert find_recursion(read_lark("start: start")) == "start"


def test_rules_become_terminals() -> None:
    definitions = read_lark('item: "a" X\nstart: item ~ 2..3\nX: /x/')
    assert as_terminals(definitions, lambda token: token.text, "T") == ["T0: T1 ~ 2 .. 3", 'T1: "a" T2', "T2: /x/"]


def test_literals_have_larks_escapes() -> None:
    assert literal_value(r'"a\n\"\x41\u00fc\/"') == 'a\n"A\u00fc/'
    for broken in (r'"\x80"', r'"\q"', r'"\ud800"'):
        with pytest.raises(CannotRewriteError):
            literal_value(broken)
