"""The cursor follows the output through the prediction, and finds it again behind every kind of edit."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.predicted_output import (
    CERTAIN_MATCH_LEN,
    DRAFT_TOKENS_PER_MATCHED,
    MAX_MATCH_LEN,
    MAX_REQUIRED_MATCH_LEN,
    START_MATCH_LEN,
    PredictedOutputProposer,
    PredictedText,
)
from helix.spec_decode.proposer import DraftRequest

DEPTH = 16
TEXT = list(range(100, 400))
"""A prediction in which no token stands twice."""


def _play(predicted: PredictedText, output: Sequence[int], *, depth: int = DEPTH) -> list[tuple[int, int]]:
    """Let a target emit output whatever is drafted; return drafted and accepted tokens of each pass."""
    passes = []
    end = 0
    while end < len(output):
        passage = predicted.draft(depth)
        drafted = [] if passage is None else passage.token_ids
        num_accepted = 0
        while (
            num_accepted < min(len(drafted), len(output) - end - 1)
            and drafted[num_accepted] == output[end + num_accepted]
        ):
            num_accepted += 1
        predicted.feed(output[end : end + num_accepted + 1])
        end += num_accepted + 1
        passes.append((len(drafted), num_accepted))
    return passes


def _num_passes(prediction: Sequence[int], output: Sequence[int]) -> int:
    return len(_play(PredictedText(prediction), output))


def test_an_output_as_predicted_is_accepted_whole_from_its_first_token() -> None:
    passes = _play(PredictedText(TEXT), TEXT)
    assert passes[:-1] == [(DEPTH, DEPTH)] * (len(passes) - 1)
    assert len(passes) == -(-len(TEXT) // (DEPTH + 1))


def test_nothing_is_drafted_beyond_the_end_of_the_prediction() -> None:
    predicted = PredictedText([1, 2, 3])
    assert predicted.draft(DEPTH) == ([1, 2, 3], START_MATCH_LEN)
    predicted.feed([1, 2])
    assert predicted.draft(DEPTH) == ([3], START_MATCH_LEN + 2)
    predicted.feed([3])
    assert predicted.draft(DEPTH) is None
    assert PredictedText([]).draft(DEPTH) is None


@pytest.mark.parametrize(
    "output",
    [
        pytest.param([*TEXT[:100], 1, 2, 3, 4, 5, *TEXT[100:]], id="inserted"),
        pytest.param([*TEXT[:100], *TEXT[130:]], id="deleted"),
        pytest.param([*TEXT[:100], 1, 2, 3, 4, 5, *TEXT[103:]], id="replaced"),
        pytest.param([1, 2, 3, 4, 5, *TEXT], id="inserted before the beginning"),
        pytest.param([*TEXT[40:], 1, 2, 3, 4], id="without its beginning"),
        pytest.param([*TEXT[:60], *TEXT[160:220], *TEXT[60:160], *TEXT[220:]], id="moved forward"),
        pytest.param([*TEXT[:160], *TEXT[:80]], id="copied again"),
    ],
)
def test_an_edit_costs_its_own_tokens_and_a_few_passes(output: list[int]) -> None:
    num_new = sum(token_id not in TEXT for token_id in output)
    num_seams = 3
    # Behind a seam one token comes plainly, then drafts of 2, 8 and 16: four passes instead of two.
    assert _num_passes(TEXT, output) <= -(-len(output) // (DEPTH + 1)) + num_new + 3 * num_seams


def test_an_identifier_replaced_throughout_costs_the_passes_that_write_it() -> None:
    rng = random.Random(3)
    old, new = [1, 2], [3, 4, 5]
    prediction: list[int] = []
    output: list[int] = []
    for _ in range(20):
        between = [rng.randrange(10, 40) for _ in range(25)]
        prediction += [*between, *old]
        output += [*between, *new]
    passes = _play(PredictedText(prediction), output)
    # Three new tokens each, and 25 known ones in about four passes.
    assert len(passes) < 20 * 8
    assert sum(accepted for _, accepted in passes) > 0.7 * len(prediction)


def test_a_junk_prediction_is_given_up_and_a_match_of_several_tokens_revives_it() -> None:
    rng = random.Random(5)
    prediction = [rng.randrange(30) for _ in range(300)]
    predicted = PredictedText(prediction)
    passes = _play(predicted, [rng.randrange(30) for _ in range(200)])
    assert sum(drafted for drafted, _ in passes[20:]) <= 20, "single tokens go on to match by accident"
    passes = _play(predicted, prediction[100:200])
    assert len(passes) < 20
    assert passes[-2] == (DEPTH, DEPTH)


def test_a_miss_asks_for_a_longer_match_and_a_hit_for_none() -> None:
    predicted = PredictedText([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    for junk in (1, 2):
        predicted.feed([10])
        assert (predicted.draft(4) is None) == (junk == 2), "after the first miss one token is not enough"
        predicted.feed([junk])
    predicted.feed([10, 11])
    assert predicted.draft(4) == ([12, 13, 14, 15], 2)
    predicted.feed([12, 13])
    predicted.feed([16])
    assert predicted.draft(4) == ([17, 18], 1)


def test_what_was_never_reached_is_no_miss() -> None:
    """The prefix was another proposer's; where it fails nobody has judged the prediction."""
    predicted = PredictedText(TEXT)
    for _ in range(2 * MAX_REQUIRED_MATCH_LEN):
        predicted.draft(4, prefix=[7, *TEXT[:2]])
        predicted.feed([8])
    predicted.feed(TEXT[50:51])
    assert predicted.draft(4) is None, "one token far from home is no match"
    predicted.feed(TEXT[51:52])
    assert predicted.draft(4) == (TEXT[52:56], 2)


def test_a_longer_match_brings_a_longer_draft() -> None:
    for match_len in range(2, 8):
        predicted = PredictedText(TEXT)
        predicted.feed([1, *TEXT[50 : 50 + match_len]])
        passage = predicted.draft(DEPTH)
        assert passage is not None
        assert passage.match_len == match_len
        assert len(passage.token_ids) == min(DEPTH, DRAFT_TOKENS_PER_MATCHED * match_len)


def test_the_longest_match_wins_and_the_nearest_behind_home_among_equals() -> None:
    head = TEXT[: 2 * CERTAIN_MATCH_LEN]
    prediction = [1, 2, 50, *head, 9, 1, 2, 60, 9, 9, 1, 2, 70, 3, 1, 2, 80]
    for last, expected in (([1, 2], 60), ([3, 1, 2], 80), ([9, 9, 1, 2], 70)):
        predicted = PredictedText(prediction)
        predicted.feed(head)
        predicted.feed([5, *last])
        assert predicted.draft(1) == ([expected], len(last))


def test_a_doubtful_match_does_not_move_home() -> None:
    """The second search starts from the passage that was followed, not from where two tokens happened to match."""
    head = TEXT[:20]
    prediction = [*head, 1, 2, 30, *TEXT[40:80], 8, 9, 1, 2, 31]
    predicted = PredictedText(prediction)
    predicted.feed([*head, 5, 8, 9])
    assert predicted.draft(1) == ([1], 2)
    predicted.feed([5, 1, 2])
    assert predicted.draft(1) == ([30], 2)


def test_a_prefix_is_continued_behind() -> None:
    predicted = PredictedText(TEXT)
    assert predicted.draft(4, prefix=TEXT[:3]) == (TEXT[3:7], START_MATCH_LEN + 3)
    assert predicted.draft(4, prefix=[1, 2, 3]) is None
    assert predicted.draft(4, prefix=[1, *TEXT[90:92]]) == (TEXT[92:96], 2)
    assert predicted.draft(4) == (TEXT[:4], START_MATCH_LEN), "a prefix is a guess and moves nothing"


def test_matches_are_bounded() -> None:
    predicted = PredictedText([1, 2, *TEXT])
    predicted.feed([3, *TEXT[: 2 * MAX_MATCH_LEN]])
    passage = predicted.draft(1)
    assert passage is not None
    assert passage.match_len == MAX_MATCH_LEN


def _asked(request: Request, *, prefix: Sequence[int] = (), max_predicted_tokens: int = 4) -> DraftRequest:
    return DraftRequest(
        request=request, max_draft_tokens=1, max_predicted_tokens=max_predicted_tokens, prefix=list(prefix)
    )


def test_a_request_is_drafted_for_from_its_own_prediction_and_forgotten_at_the_end() -> None:
    proposer = PredictedOutputProposer()
    texts = {"a": TEXT[:50], "b": TEXT[50:], "none": []}
    requests = {
        name: Request(name, [1, 2], SamplingParams(prediction=tuple(text)), seed=0, max_tokens=90)
        for name, text in texts.items()
    }
    drafts = proposer.propose([_asked(request) for request in requests.values()])
    assert {name: draft.token_ids for name, draft in drafts.items()} == {"a": TEXT[:4], "b": TEXT[50:54]}
    requests["b"].token_ids += TEXT[50:60]
    draft = proposer.propose([_asked(requests["b"], prefix=TEXT[60:62], max_predicted_tokens=3)])["b"]
    assert (draft.token_ids, draft.proposer, draft.probs) == (TEXT[62:65], "predicted", None)
    assert draft.match_len == START_MATCH_LEN + 12
    proposer.forget(requests["b"])
    proposer.forget(requests["none"])
    again = Request("b", [1, 2], SamplingParams(prediction=(7, 8, 9)), seed=0, max_tokens=90)
    assert proposer.propose([_asked(again)])["b"].token_ids == [7, 8, 9]


SMALL_IDS = st.lists(st.integers(0, 3), max_size=60)


@given(SMALL_IDS, st.lists(st.tuples(SMALL_IDS, st.integers(0, 20), SMALL_IDS), max_size=20))
def test_drafts_are_slices_of_the_prediction_no_longer_than_asked(
    prediction: list[int], steps: list[tuple[list[int], int, list[int]]]
) -> None:
    predicted = PredictedText(prediction)
    for fed, max_tokens, prefix in steps:
        predicted.feed(fed)
        passage = predicted.draft(max_tokens, prefix)
        if passage is None:
            continue
        num_tokens = len(passage.token_ids)
        assert 1 <= num_tokens <= max_tokens
        assert passage.match_len >= 1
        assert any(prediction[i : i + num_tokens] == passage.token_ids for i in range(len(prediction)))


@given(SMALL_IDS, SMALL_IDS)
def test_what_is_said_to_match_does(prediction: list[int], output: list[int]) -> None:
    predicted = PredictedText(prediction)
    for end, token_id in enumerate(output, 1):
        predicted.feed([token_id])
        passage = predicted.draft(4)
        if passage is not None:
            match = output[max(0, end - min(passage.match_len, end)) : end]
            wanted = [*match, *passage.token_ids]
            assert any(prediction[i : i + len(wanted)] == wanted for i in range(len(prediction)))
