"""The longest match wins, the most recent among equals."""

from __future__ import annotations

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.ngram import NgramIndex, NgramProposer
from helix.spec_decode.proposer import DraftRequest


def _lookup(token_ids: list[int], max_tokens: int = 3, ngram_min: int = 2, ngram_max: int = 6) -> list[int]:
    return NgramIndex(ngram_min).lookup(token_ids, max_tokens, ngram_max)


def test_what_followed_the_last_match_is_copied() -> None:
    assert _lookup([1, 2, 3, 4, 9, 1, 2]) == [3, 4, 9]


def test_the_longest_match_beats_a_more_recent_shorter_one() -> None:
    assert _lookup([7, 1, 2, 5, 5, 8, 1, 2, 6, 6, 7, 1, 2], max_tokens=1) == [5]


def test_the_most_recent_of_equal_matches_wins() -> None:
    assert _lookup([1, 2, 5, 1, 2, 6, 1, 2], max_tokens=1) == [6]


def test_no_match_no_draft() -> None:
    assert _lookup([1, 2, 3, 4]) == []
    assert _lookup([]) == []
    assert _lookup([1, 1]) == []


def test_a_repetition_is_continued_beyond_the_end() -> None:
    assert _lookup([4, 1, 2, 1, 2, 1, 2], max_tokens=5) == [1, 2, 1, 2, 1]


def test_a_longer_match_brings_a_longer_draft() -> None:
    text = [*range(10, 40), 1]
    for match_len in range(1, 6):
        token_ids = _lookup([*text, *range(15, 15 + match_len)], max_tokens=16, ngram_min=1)
        assert token_ids == list(range(15 + match_len, 15 + 3 * match_len))


def test_a_copied_passage_flows_on_from_the_same_place() -> None:
    """The passage occurs twice and goes on differently; the one that is being copied is not left for the other."""
    copied, other = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [3, 4, 5, 6, 20, 21]
    index = NgramIndex(1)
    text = [*copied, *other, 50, 1, 2]
    assert index.lookup(text, 4, 2) == [3, 4, 5, 6]
    text += [3, 4, 5, 6, 7]  # all accepted, and the target's own token went on as well
    assert index.lookup(text, 16, 2) == [8, 9, 10, 11, 12, 3, 4, 5, 6, 20, 21, 50, 1, 2]
    assert index.match_len == 7


def test_a_passage_that_is_left_is_looked_for_again() -> None:
    index = NgramIndex(1)
    text = [1, 2, 3, 4, 5, 6, 9, 8, 7, 50, 1, 2]
    assert index.lookup(text, 4, 4) == [3, 4, 5, 6]
    text += [3, 8]
    assert index.lookup(text, 4, 4) == [7, 50]
    assert index.match_len == 1


def test_an_index_that_grows_answers_as_a_fresh_one() -> None:
    text = [1, 2, 3, 1, 2, 4, 1, 2, 3, 1, 2, 4, 5, 1, 2, 3, 1]
    growing = NgramIndex(2)
    for length in range(len(text) + 1):
        assert growing.lookup(text[:length], 4, 6) == _lookup(text[:length], 4)


def test_drafts_are_certain_and_forgotten_at_the_end() -> None:
    proposer = NgramProposer(ngram_min=2, ngram_max=4)
    request = Request("a", [1, 2, 3, 1, 2], SamplingParams(), seed=0, max_tokens=9)
    draft = proposer.propose([DraftRequest(request=request, max_draft_tokens=2)])["a"]
    assert draft.token_ids == [3, 1]
    assert draft.probs is None
    proposer.forget(request)
    proposer.forget(request)


def test_what_another_proposer_drafted_is_continued_and_not_remembered() -> None:
    proposer = NgramProposer(ngram_min=2, ngram_max=4)
    request = Request("a", [1, 2, 3, 4, 5, 9], SamplingParams(), seed=0, max_tokens=9)
    behind = DraftRequest(request=request, max_draft_tokens=2, prefix=[2, 3])
    assert proposer.propose([behind])["a"].token_ids == [4, 5]
    assert proposer.propose([DraftRequest(request=request, max_draft_tokens=2)]) == {}
