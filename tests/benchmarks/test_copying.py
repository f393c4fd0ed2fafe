"""A replay counts what a step of the engine would have brought."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from transformers import AutoTokenizer

from benchmarks.copying import Replay, agent, asked_again, family, replay
from helix.demo import TARGET_DIR
from helix.spec_decode.ngram import NgramProposer
from helix.spec_decode.suffix import SuffixProposer


def _ngram() -> NgramProposer:
    return NgramProposer(ngram_min=1, ngram_max=4)


def test_a_copied_answer_counts_every_token_once() -> None:
    text = list(range(20))
    total = replay(_ngram(), ([99, *text, 50], text), 4, "a", Replay())
    assert total.num_tokens == 19, "the first one comes without a pass of its own"
    assert total.num_accepted + total.num_passes == 19
    assert total.num_drafted == total.num_accepted
    assert total.wasted_per_token == 0 and total.accepted_per_pass > 2


def test_what_is_wrong_behind_the_first_mistake_is_waste_too() -> None:
    total = replay(_ngram(), ([1, 2, 3, 4, 5, 6, 0, 7], [1, 2, 9, 9]), 2, "a", Replay())
    # behind 1: [2, 3], of which 3 is wrong; behind 9 nothing was seen, and the second 9 is the last token.
    assert (total.num_passes, total.num_drafted, total.num_accepted) == (2, 2, 1)


def test_a_second_request_profits_from_the_first_where_outputs_are_kept() -> None:
    answer = list(range(30))
    for pool_tokens, is_kept in ((1000, True), (0, False)):
        proposer = SuffixProposer(pool_tokens=pool_tokens)
        first = replay(proposer, ([99], answer), 4, "a", Replay())
        both = replay(proposer, ([98], answer), 4, "b", first)
        assert first.num_accepted == 0
        assert (both.num_accepted > 0) == is_kept


@pytest.mark.skipif(not TARGET_DIR.exists(), reason="the built-in model is not there")
@pytest.mark.parametrize("workload", ["family", "asked again", "agent"])
def test_tasks_have_prompts_and_answers_and_are_the_same_every_time(workload: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(TARGET_DIR)

    def tasks() -> list[Any]:
        if workload == "family":
            return list(islice(family(tokenizer, "code"), 5))
        return list(asked_again(tokenizer, 8) if workload == "asked again" else islice(agent(tokenizer), 5))

    drawn = tasks()
    assert drawn == tasks()
    assert all(prompt and len(answer) > 1 for prompt, answer in drawn)
