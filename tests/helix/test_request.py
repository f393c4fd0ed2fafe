"""A request ends exactly where its tokens say."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from helix.outputs import FinishReason
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.structured.grammar import Grammar
from tests.grammars import END, TextTokenizer, begin


def _request(max_tokens: int = 5, **params: Any) -> Request:
    return Request("r", [1, 2], SamplingParams(**params), seed=0, eos_token_ids=frozenset({9}), max_tokens=max_tokens)


def test_end_of_sequence_finishes_and_names_no_stop() -> None:
    request = _request()
    assert request.commit_token(3)
    assert not request.commit_token(9)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, None)


def test_a_stop_token_is_named() -> None:
    request = _request(stop_token_ids=(4,))
    assert not request.commit_token(4)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, 4)


def test_ignore_eos_goes_on() -> None:
    assert _request(ignore_eos=True).commit_token(9)


def test_no_stop_token_counts_before_min_tokens() -> None:
    request = _request(min_tokens=2)
    assert request.commit_token(9)
    assert request.commit_token(9)
    assert not request.commit_token(9)


@given(
    st.lists(st.sampled_from([3, 4, 9]), max_size=6),
    st.lists(st.sampled_from([3, 4, 9]), max_size=3),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_draft_is_within_the_answer_as_far_as_its_tokens_would_be_committed(
    drafted: list[int], prefix: list[int], min_tokens: int, ignore_eos: bool
) -> None:
    params: dict[str, Any] = {"stop_token_ids": (4,), "min_tokens": min_tokens, "ignore_eos": ignore_eos}
    request, reference = (_request(99, **params) for _ in range(2))
    if not all(reference.commit_token(token_id) for token_id in prefix):
        return
    num_committed = 0
    while num_committed < len(drafted) and not reference.is_finished:
        reference.commit_token(drafted[num_committed])
        num_committed += 1
    assert request.num_within_answer(drafted, prefix) == num_committed
    if num_committed:
        assert request.ends_behind([*prefix, *drafted[:num_committed]]) == reference.is_finished


def test_max_tokens_finishes_with_length_and_a_stop_in_the_same_token_wins() -> None:
    request = _request(max_tokens=1)
    assert not request.commit_token(3)
    assert request.finish_reason is FinishReason.LENGTH
    request.finish(FinishReason.STOP, "word")
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, "word")
    request.finish(FinishReason.ABORT)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, "word")


def _constrained(grammar: Grammar, **params: Any) -> Request:
    return Request(
        "r",
        [1, 2],
        SamplingParams(**params),
        seed=0,
        eos_token_ids=frozenset({END}),
        max_tokens=3,
        grammar=begin(grammar),
    )


def test_the_end_of_the_grammar_finishes_with_stop_even_in_the_last_token() -> None:
    request = _constrained(Grammar.choice(["12 12"]))
    first, blank, last = TextTokenizer().encode("12 12")
    assert request.commit_token(first)
    assert request.commit_token(blank)
    assert not request.commit_token(last)
    assert (request.finish_reason, request.stop_reason) == (FinishReason.STOP, None)
    request.finish(FinishReason.STOP, "2")
    assert request.stop_reason == "2", "a stop string in the last token's text is the reason"


def test_an_end_of_sequence_that_the_grammar_allows_finishes_whatever_else_is_asked() -> None:
    for params in ({"ignore_eos": True}, {"min_tokens": 3}):
        request = _constrained(Grammar.regex("[0-9]+"), **params)
        assert request.commit_token(TextTokenizer().encode("12")[0])
        assert not request.commit_token(END)
        assert request.finish_reason is FinishReason.STOP


def test_a_token_that_the_grammar_refuses_aborts() -> None:
    request = _constrained(Grammar.regex("[0-9]+"))
    assert not request.commit_token(TextTokenizer().encode("x")[0])
    assert request.finish_reason is FinishReason.ABORT
    assert request.grammar is not None and request.stop_reason == request.grammar.error
