"""Hidden states are read where somebody wants them, and nothing is left hooked to the model."""

from __future__ import annotations

import pytest
import torch

from helix.model.batch import Span
from helix.model.pooling import caught_hidden_states, embedding, pool_prompts
from helix.request import Request
from helix.sampling_params import SamplingParams
from helix.scheduler import ScheduledRequest
from tests.models import tiny_llama


def request(num_prompt_tokens: int, *, pooled: bool = True) -> Request:
    params = SamplingParams(max_tokens=0, pooling="mean" if pooled else None)
    return Request("a", range(num_prompt_tokens), params, seed=0, max_tokens=0)


def test_what_the_lm_head_reads_is_caught() -> None:
    model = tiny_llama()
    with caught_hidden_states(model, wanted=True) as caught:
        logits = model(input_ids=torch.tensor([[1, 2, 3]])).logits
    (states,) = caught
    assert torch.allclose(model.lm_head(states), logits[0])  # type: ignore[operator]
    model(input_ids=torch.tensor([[1]]))
    assert len(caught) == 1, "the hook is gone"


def test_nobody_pays_for_what_nobody_wants() -> None:
    model = tiny_llama()
    with caught_hidden_states(model, wanted=False) as caught:
        model(input_ids=torch.tensor([[1]]))
        assert not model.get_decoder()._forward_hooks  # type: ignore[operator]
    assert caught == []


def test_each_request_sums_its_own_rows_once() -> None:
    states = torch.arange(1.0, 8.0)[:, None].expand(-1, 2)
    first, other, late = request(3), request(2, pooled=False), request(4)
    late.hidden_sum, late.num_pooled_tokens = [100.0, 100.0], 1  # computed again after a preemption
    scheduled = [ScheduledRequest(first, 3), ScheduledRequest(other, 2), ScheduledRequest(late, 2)]
    spans = [Span([0], 0, [0, 1, 2], 1), Span([1], 0, [0, 1], 1), Span([2], 0, [0, 1], 0)]
    pool_prompts(states, scheduled, spans)
    assert first.hidden_sum == [6.0, 6.0] and not first.needs_hidden_states
    assert other.hidden_sum == []
    assert late.hidden_sum == [107.0, 107.0] and late.num_pooled_tokens == 2 and late.needs_hidden_states


def test_an_embedding_has_length_one() -> None:
    one = request(2)
    one.hidden_sum = [3.0, -4.0]
    assert embedding(one) == pytest.approx((0.6, -0.8))
    one.hidden_sum = [0.0, 0.0]
    assert embedding(one) == (0.0, 0.0)
