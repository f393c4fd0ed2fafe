"""A report of a step tells a request what it may know: its own text, and no other request's."""

from __future__ import annotations

import pytest

from helix.decode_step import decode_step
from helix.outputs import DecodeStep, StepDraft
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.spec_decode.proposer import Draft, join


def report(draft: Draft | None, num_accepted_tokens: int, token_ids: list[int]) -> DecodeStep:
    request = Request("a", [1, 2, 3, 4], SamplingParams(), seed=0, max_tokens=9)
    request.token_ids += token_ids
    return decode_step(request, draft, num_accepted_tokens, token_ids, request.metrics.arrival_s + 2)


def test_a_plain_step_has_no_drafts() -> None:
    assert report(None, 0, [7]) == DecodeStep((), 0, (7,), 2.0)


def test_every_proposer_has_its_part_of_a_joined_draft() -> None:
    step = report(join([Draft([7, 8], "grammar"), Draft([9, 10], "draft")]), 3, [7, 8, 9, 11])
    assert step.drafts == (StepDraft("grammar", (7, 8)), StepDraft("draft", (9, 10)))
    assert step.num_accepted_tokens == 3


def test_accepted_tokens_behind_the_end_are_not_counted() -> None:
    assert report(Draft([7, 8, 9], "draft"), 3, [7]).num_accepted_tokens == 1


@pytest.mark.parametrize(
    ("proposer", "drafted", "shown"),
    [
        ("suffix", [7, 8, 9], (7, None, None)),  # lent by another answer: only what became this one's is told
        ("suffix", [2, 3, 4], (2, 3, 4)),  # its own prompt
        ("ngram", [7, 8, 9], (7, 8, 9)),  # copies from the request alone
    ],
)
def test_rejected_tokens_of_another_answer_are_not_told(
    proposer: str, drafted: list[int], shown: tuple[int | None, ...]
) -> None:
    step = report(Draft(drafted, proposer), 1, [drafted[0], 50])
    assert step.drafts == (StepDraft(proposer, shown),)
