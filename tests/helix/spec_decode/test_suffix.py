"""The likeliest continuation is copied, as far as it is likely: own text before the pool, never another salt's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.proposer import Draft, DraftRequest
from helix.spec_decode.suffix import MIN_SURVIVAL, Continuation, SuffixProposer, vote

POOL_TOKENS = 1000


def _request(token_ids: list[int], request_id: str = "a", cache_salt: str | None = None) -> Request:
    return Request(request_id, token_ids, SamplingParams(), seed=0, max_tokens=9, cache_salt=cache_salt)


def _draft(
    proposer: SuffixProposer,
    token_ids: list[int],
    max_draft_tokens: int = 8,
    prefix: list[int] | None = None,
    **of: Any,
) -> Draft | None:
    request = _request(token_ids, **of)
    asked = DraftRequest(request=request, max_draft_tokens=max_draft_tokens, prefix=prefix or [])
    return proposer.propose([asked]).get(request.request_id)


def _drafted(token_ids: list[int], max_draft_tokens: int = 8, **more: Any) -> list[int]:
    draft = _draft(SuffixProposer(pool_tokens=0), token_ids, max_draft_tokens, **more)
    return [] if draft is None else draft.token_ids


def _remember(proposer: SuffixProposer, output: list[int], cache_salt: str | None = None) -> None:
    request = _request([0], "earlier", cache_salt)
    request.token_ids += output
    proposer.forget(request)


def _alone(weight: float, *token_ids: int) -> Continuation:
    return Continuation(weight, token_ids, False)


def test_what_followed_the_longest_match_is_copied() -> None:
    draft = _draft(SuffixProposer(pool_tokens=0), [1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 1, 2, 3, 4], 3)
    assert draft is not None
    assert (draft.token_ids, draft.match_len, draft.probs) == ([5, 6, 7], 4, None)


@pytest.mark.parametrize("token_ids", [[], [1], [1, 2, 3, 4]])
def test_what_was_never_seen_is_not_guessed(token_ids: list[int]) -> None:
    assert _draft(SuffixProposer(pool_tokens=POOL_TOKENS), [*token_ids, 99]) is None


def test_a_longer_match_brings_a_longer_draft() -> None:
    text = [*range(10, 40), 1]
    for match_len in range(1, 6):
        drafted = _drafted([*text, *range(15, 15 + match_len)], 16)
        assert drafted == list(range(15 + match_len, 15 + 3 * match_len))


def test_a_repetition_is_continued_beyond_the_end() -> None:
    assert _drafted([4, 1, 2, 1, 2, 1, 2], 5) == [1, 2, 1, 2, 1]


def test_the_most_frequent_continuation_wins_and_the_most_recent_among_equals() -> None:
    assert _drafted([1, 2, 3, 9, 1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3], 1) == [9]
    assert _drafted([1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 3], 1) == [8]


def test_a_place_of_longer_match_outweighs_more_of_shorter_ones() -> None:
    text = [1, 2, 3, 4, 9, 7, 3, 4, 8, 6, 3, 4, 8]
    assert _drafted([*text, 0, 0, 3, 4], 1) == [8]
    assert _drafted([*text, 0, 1, 2, 3, 4], 1) == [9]


def test_confidence_grows_with_agreement_and_match_and_is_never_certainty() -> None:
    def first(*continuations: Continuation, match_len: int = 2) -> float:
        return vote(continuations, match_len, 1)[1][0]

    once, twice = first(_alone(1, 5)), first(_alone(1, 5), _alone(1, 5))
    assert once < twice < 1
    assert first(_alone(1, 5), _alone(1, 5), _alone(1, 6)) < twice
    assert once < first(_alone(1, 5), match_len=4)
    assert first(*[_alone(4, 5)] * 200, match_len=32) < 1


def test_a_draft_ends_where_continuations_part() -> None:
    token_ids, confidence = vote([_alone(1, 5, 6, 7, 1), _alone(1, 5, 6, 8, 1), _alone(1, 5, 6, 9, 1)], 8, 4)
    assert token_ids == [5, 6]
    assert len(confidence) == 2


def test_whoever_voted_for_another_token_has_no_say_afterwards() -> None:
    stays, leaves = [_alone(1, 5, 6)] * 2, [_alone(1, 4, 9)]
    token_ids, confidence = vote([*leaves, *stays], 30, 2)
    assert token_ids == [5, 6]
    assert confidence[1] > confidence[0]


@given(
    st.lists(
        st.tuples(st.floats(0.01, 4), st.lists(st.integers(-1, 3), min_size=1, max_size=6), st.booleans()), max_size=12
    ),
    st.integers(1, 32),
    st.integers(1, 8),
)
def test_any_votes_give_a_bounded_draft_of_real_tokens_likely_enough(
    continuations: list[tuple[float, list[int], bool]], match_len: int, max_tokens: int
) -> None:
    token_ids, confidence = vote([Continuation(*one) for one in continuations], match_len, max_tokens)
    assert len(token_ids) == len(confidence) <= max_tokens
    assert all(token_id >= 0 for token_id in token_ids)
    survival = 1.0
    for probability in confidence:
        survival *= probability
        assert MIN_SURVIVAL <= survival < 1


def test_what_another_proposer_drafted_is_continued_and_not_remembered() -> None:
    proposer = SuffixProposer(pool_tokens=0)
    text = [1, 2, 3, 4, 5, 9]
    behind = _draft(proposer, text, 2, prefix=[2, 3])
    assert behind is not None and behind.token_ids == [4, 5]
    assert _draft(proposer, text) is None
    grown = _draft(proposer, [*text, 2, 3])
    assert grown is not None and grown.token_ids == [4, 5, 9, 2]


def test_a_repetition_that_a_prefix_begins_goes_on_through_it() -> None:
    assert _drafted([4, 1, 2, 1, 2], 4, prefix=[1, 2, 1, 2]) == [1, 2, 1, 2]


def _grow(proposer: SuffixProposer, request: Request, token_ids: list[int]) -> None:
    for token_id in token_ids:
        request.token_ids.append(token_id)
        proposer.propose([DraftRequest(request=request, max_draft_tokens=4)])


def test_behind_an_edit_the_passage_that_was_copied_is_taken_up_again() -> None:
    """A single token is no match to speak of, and elsewhere something else followed it, more often and of late."""
    passage, elsewhere = list(range(10, 60)), [20, 1, 20, 1, 20, 1]
    assert _drafted([*passage, *elsewhere, 2, 20], 1) == [1]
    proposer = SuffixProposer(pool_tokens=0)
    request = _request([*passage, *elsewhere])
    _grow(proposer, request, [*range(10, 19), 99, 20])  # 19 was replaced by 99
    drafts = proposer.propose([DraftRequest(request=request, max_draft_tokens=4)])
    assert drafts["a"].token_ids == [21, 22]


def test_far_behind_the_passage_nothing_is_taken_up() -> None:
    passage, elsewhere = list(range(10, 100)), [80, 1, 80, 1, 80, 1]
    proposer = SuffixProposer(pool_tokens=0)
    request = _request([*passage, *elsewhere])
    _grow(proposer, request, [*range(10, 19), 99, 80])
    drafts = proposer.propose([DraftRequest(request=request, max_draft_tokens=1)])
    assert drafts["a"].token_ids == [1]


def test_earlier_outputs_of_the_same_salt_are_copied_and_their_prompts_are_not() -> None:
    proposer = SuffixProposer(pool_tokens=POOL_TOKENS)
    request = _request([31, 32, 33, 34, 35], "earlier", "mine")
    request.token_ids += [1, 2, 3, 4, 5]
    proposer.forget(request)
    draft = _draft(proposer, [70, 1, 2, 3], cache_salt="mine")
    assert draft is not None and draft.token_ids == [4, 5]
    assert _draft(proposer, [70, 31, 32, 33], cache_salt="mine") is None


@pytest.mark.parametrize(("writer", "reader"), [("a", "b"), ("a", None), (None, "a"), (None, ""), ("", None)])
def test_another_salts_outputs_are_never_seen(writer: str | None, reader: str | None) -> None:
    proposer = SuffixProposer(pool_tokens=POOL_TOKENS)
    _remember(proposer, [1, 2, 3, 4, 5], writer)
    assert _draft(proposer, [70, 1, 2, 3], cache_salt=reader) is None
    assert _draft(proposer, [70, 1, 2, 3], cache_salt=writer) is not None


def test_own_text_is_preferred_to_the_pool_where_both_match_alike() -> None:
    proposer = SuffixProposer(pool_tokens=POOL_TOKENS)
    for _ in range(3):
        _remember(proposer, [70, 1, 2, 3, 8, 8])
    own_match = _draft(proposer, [50, 1, 2, 3, 9, 9, 60, 1, 2, 3], 1)
    assert own_match is not None and own_match.token_ids == [9]
    longer_elsewhere = _draft(proposer, [50, 1, 2, 3, 9, 9, 70, 1, 2, 3], 1, request_id="b")
    assert longer_elsewhere is not None and longer_elsewhere.token_ids == [8]


def test_a_request_that_ended_without_output_leaves_nothing() -> None:
    proposer = SuffixProposer(pool_tokens=POOL_TOKENS)
    request = _request([1, 2, 3, 1, 2])
    assert proposer.propose([DraftRequest(request=request, max_draft_tokens=1)])
    proposer.forget(request)
    proposer.forget(request)
    assert not proposer.pool.indices(None)


def test_requests_of_one_step_do_not_mix() -> None:
    proposer = SuffixProposer(pool_tokens=POOL_TOKENS)
    texts = {"a": [1, 2, 3, 4, 1, 2, 3], "b": [1, 2, 3, 5, 1, 2, 3], "c": [6, 1, 2, 3]}
    asked = [DraftRequest(request=_request(text, name), max_draft_tokens=1) for name, text in texts.items()]
    for _ in range(2):
        drafts = proposer.propose(asked)
        assert {name: draft.token_ids for name, draft in drafts.items()} == {"a": [4], "b": [5]}
