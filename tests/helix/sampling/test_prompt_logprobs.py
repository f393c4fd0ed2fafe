"""Which rows of a step tell of a prompt, and which are drawn from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from helix.model.batch import Span
from helix.request import Request
from helix.sampling.prompt_logprobs import max_prompt_logits, num_prompt_rows, take_prompt_logprobs
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest


def request(prompt: Sequence[int], *, computed: int = 0, wants: int | None = 1) -> Request:
    made = Request("a", prompt, SamplingParams(prompt_logprobs=wants), seed=0, max_tokens=4)
    made.num_computed_tokens = computed
    return made


@pytest.mark.parametrize(
    ("computed", "num_tokens", "num_read", "expected"),
    [
        (0, 3, 0, 3),  # a chunk inside the prompt: each row tells of the token behind it
        (0, 6, 0, 5),  # the last row is drawn from
        (3, 3, 3, 2),
        (0, 4, 3, 1),  # computed again after a preemption: three rows were read before
        (0, 2, 3, 0),
        (0, 6, 5, 0),
    ],
)
def test_every_position_but_the_last_is_read_once(computed: int, num_tokens: int, num_read: int, expected: int) -> None:
    one = request(range(6), computed=computed)
    one.prompt_logprobs = [None] * num_read  # type: ignore[list-item]
    assert num_prompt_rows(ScheduledRequest(one, num_tokens)) == expected


def test_who_asks_for_nothing_needs_no_rows() -> None:
    assert num_prompt_rows(ScheduledRequest(request(range(6), wants=None), 6)) == 0


def test_rows_of_a_prompt_go_to_their_request_and_the_others_are_left() -> None:
    scored, plain, chunk = request([1, 2, 3]), request([4, 5], wants=None), request([6, 7, 8, 9], computed=1)
    chunk.prompt_logprobs = [None]  # type: ignore[list-item]
    scheduled = [ScheduledRequest(scored, 3), ScheduledRequest(plain, 2), ScheduledRequest(chunk, 2)]
    spans = [Span([0], 0, [1, 2, 3], 3), Span([1], 0, [4, 5], 1), Span([2], 1, [7, 8], 2)]
    logits = torch.full((6, 12), -9.0)
    logits[torch.arange(6), torch.tensor([2, 3, 10, 11, 8, 9])] = 9.0
    left = take_prompt_logprobs(logits, scheduled, spans, vocab_size=10)
    assert left.argmax(-1).tolist() == [10, 11]
    assert [entry.token_id for entry in scored.prompt_logprobs] == [2, 3]
    assert [entry.top[0][0] for entry in scored.prompt_logprobs] == [2, 3]
    assert [entry.token_id for entry in chunk.prompt_logprobs[1:]] == [8, 9]
    assert plain.prompt_logprobs == []


def test_rows_are_not_copied_where_nobody_asks() -> None:
    logits = torch.zeros(1, 4)
    one = request([1, 2], wants=None)
    assert take_prompt_logprobs(logits, [ScheduledRequest(one, 2)], [Span([0], 0, [1, 2], 1)], 4) is logits


def test_a_large_vocabulary_has_fewer_rows_a_step() -> None:
    assert max_prompt_logits(150_000) * 150_000 * 4 <= 2**28 < (max_prompt_logits(150_000) + 1) * 150_000 * 4
    assert max_prompt_logits(2**30) == 1
