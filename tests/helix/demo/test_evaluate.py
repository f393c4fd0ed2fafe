"""What is counted along an answer is what speculation would have done."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from helix.demo.evaluate import Score, head_agreement, markdown, speculate
from helix.demo.head import Head
from helix.demo.network import Llama, Shape
from helix.demo.train import to_transformers

YES, NO = True, False


@pytest.mark.parametrize(
    ("agreed", "expected"),
    [
        ([[YES] * 7], (3, 3)),  # every second token is drafted, the last one never
        ([[YES] * 7] * 2, (4, 4)),
        ([[NO] * 4] * 2, (5, 0)),
        ([[YES, YES, NO, YES]] * 2, (2, 2)),
        ([[YES, NO, YES, YES], [YES] * 4], (2, 2)),  # the second token is guessed behind the first, at depth two
        ([[YES]], (0, 0)),
    ],
)
def test_a_step_keeps_what_agrees_before_the_first_miss(agreed: list[list[bool]], expected: tuple[int, int]) -> None:
    assert speculate(agreed) == expected


def test_a_head_is_scored_at_every_depth_that_the_answer_reaches() -> None:
    torch.manual_seed(0)
    shape = Shape(
        hidden_size=32, intermediate_size=48, num_layers=2, num_heads=4, num_kv_heads=2, head_dim=8, vocab_size=8
    )
    network = Llama(shape)
    target: Any = to_transformers(network, 1, 2)
    head = Head(shape)
    agreed = head_agreement(target, head, [3, 4, 5], [1, 2, 3, 4, 5], 3)
    ids = torch.tensor([3, 4, 5, 1, 2, 3, 4])
    states = network.hidden_states(ids, torch.arange(7), [7])
    (_, found), *_ = head(network.embed_tokens()[ids], states, torch.arange(7), [7], torch.arange(2, 7), 3)
    assert agreed[0] == (network.logits(found).argmax(-1) == torch.tensor([1, 2, 3, 4, 5])).tolist()
    assert [len(at_depth) for at_depth in agreed] == [5, 5, 5]
    assert not agreed[1][0] and not any(agreed[2][:2])


def test_the_table_has_a_dash_where_there_is_no_head() -> None:
    scores = {"lists": Score(num_examples=4, num_correct=3, num_tokens=10, num_agreed=9, num_drafted=8, num_accepted=6)}
    assert markdown(scores).splitlines()[-1] == "| lists | 4 | 75% | 10 | 90% | 75% | - |"
