from __future__ import annotations

from typing import Any

import pytest

from helix.errors import InvalidRequestError
from helix.structured.grammar import MAX_GRAMMAR_BYTES, Grammar


def test_equal_descriptions_are_one_grammar() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert Grammar.json_schema(schema) == Grammar.json_schema(
        '{"type":"object", "properties":{"a":{"type":"integer"}}}'
    )
    assert len({Grammar.json_schema(schema), Grammar.json_schema(dict(schema)), Grammar.json_object()}) == 2
    assert Grammar.regex("a") != Grammar.lark("a")


def test_a_choice_matches_its_texts_and_nothing_else() -> None:
    assert Grammar.choice(["a.c", "(x)"]) == Grammar.regex(r"a\.c|\(x\)")


def test_the_order_of_properties_is_kept() -> None:
    first, second = (Grammar.json_schema({"properties": {name: {} for name in names}}) for names in ("ab", "ba"))
    assert first != second


def test_true_is_the_schema_of_everything() -> None:
    assert Grammar.json_schema(True) == Grammar.json_schema({})


def nested(depth: int) -> Any:
    schema: Any = {}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [False, "{", "[]", "1", '"text"', {"const": float("nan")}, {"const": {1, 2}}, nested(100_000), "[" * 100_000],
    ids=["false", "broken", "list", "number", "string", "nan", "set", "deep", "deep text"],
)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidRequestError, match="no JSON schema") as caught:
        Grammar.json_schema(schema)
    assert caught.value.param == "grammar"


@pytest.mark.parametrize("texts", [[], [""], ["a", ""]])
def test_a_choice_needs_texts(texts: list[str]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        Grammar.choice(texts)
    assert caught.value.param == "grammar"


def test_length_is_limited_in_bytes() -> None:
    Grammar.regex("a" * MAX_GRAMMAR_BYTES)
    for text in ("a" * (MAX_GRAMMAR_BYTES + 1), "\u00e9" * (MAX_GRAMMAR_BYTES // 2 + 1)):
        with pytest.raises(InvalidRequestError, match="longer than"):
            Grammar.regex(text)
