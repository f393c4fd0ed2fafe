from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from helix.config import AcceptanceRule
from helix.outputs import TokenLogprob
from helix.request import Request
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.proposer import Draft

VOCAB_SIZE = 16


def make_request(noise_seed: int = 0, **params: Any) -> Request:
    """Return a request whose noise has a seed, whether its parameters ask for one or not."""
    return Request(str(noise_seed), [1, 2, 3], SamplingParams(**params), seed=noise_seed, max_tokens=50)


def random_logits(num_rows: int, *, width: int = VOCAB_SIZE, seed: int = 0) -> Tensor:
    return torch.randn(num_rows, width, generator=torch.Generator().manual_seed(seed)) * 2


MIXTURE: list[dict[str, Any]] = [
    {"temperature": 0},
    {"temperature": 0, "presence_penalty": 1.0, "logprobs": 2},
    {"temperature": 0.7},
    {"top_k": 3, "logprobs": 0},
    {"top_p": 0.6, "min_p": 0.02},
    {"top_k": 5, "top_p": 0.9, "repetition_penalty": 1.2},
    {"temperature": 1.5, "logit_bias": {4: 2.0}, "logprobs": 5},
]


@pytest.mark.parametrize(
    ("rule", "params", "expected"),
    [
        ("auto", {}, False),
        ("auto", {"seed": 1}, True),
        ("auto", {"temperature": 0}, True),
        ("match", {}, True),
        ("rejection", {"seed": 1}, False),
        ("rejection", {"temperature": 0}, True),
    ],
)
def test_match_is_used_when_it_costs_nothing_or_a_seed_asks_for_it(
    rule: AcceptanceRule, params: dict[str, Any], expected: bool
) -> None:
    assert Sampler(VOCAB_SIZE, acceptance_rule=rule).uses_match(make_request(**params)) is expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_greedy_takes_the_lowest_id_among_equals_and_never_padding(dtype: torch.dtype) -> None:
    logits = torch.zeros(1, VOCAB_SIZE + 8, dtype=dtype)
    logits[0, [5, 9]] = 3
    logits[0, VOCAB_SIZE:] = 50
    for params in ({}, {"presence_penalty": 1.0}, {"logprobs": 1}):
        verified = Sampler(VOCAB_SIZE).verify(logits, [make_request(temperature=0, **params)], [None])[0]
        assert (verified.token_ids, verified.num_accepted_tokens) == ([5], 0)


@pytest.mark.parametrize(
    "params",
    [
        {"temperature": 1e-300},
        {"temperature": 100},
        {"top_p": 2.0**-126},
        {"top_p": 1 - 1e-16},
        {"min_p": 1e-300},
        {"top_k": 2**31 - 1},
        {"repetition_penalty": 0.01},
        {"repetition_penalty": 100},
        {"logit_bias": {4: 1e-300, 5: 100, 6: -100}, "frequency_penalty": 2, "presence_penalty": -2},
    ],
)
def test_no_value_that_is_allowed_leaves_float32(params: dict[str, Any]) -> None:
    """Warnings are errors here, and a NaN would be drawn as token 0 or not at all."""
    logits = random_logits(4) * 1000
    logits[:, 0] = -torch.inf
    request = make_request(**params)
    verified = Sampler(VOCAB_SIZE).verify(logits, [request], [Draft([1, 2, 3], "ngram")])[0]
    drafted, probs, _ = Sampler(VOCAB_SIZE).draw(logits[:1], [request], [[]], coupled=[False])
    assert 0 not in (*verified.token_ids, *drafted)
    assert probs is not None
    assert probs.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("params", MIXTURE)
def test_padding_changes_nothing(params: dict[str, Any]) -> None:
    logits = random_logits(1)
    padded = torch.cat([logits, torch.full((1, 7), 40.0)], dim=-1)
    request, sampler = make_request(4, **params), Sampler(VOCAB_SIZE)
    assert sampler.verify(logits, [request], [None]) == sampler.verify(padded, [request], [None])


def test_a_request_is_sampled_alike_alone_and_in_any_company() -> None:
    requests = [make_request(seed, **params) for seed, params in enumerate(MIXTURE)]
    drafts = [Draft([seed, 3], "ngram") if seed % 2 else None for seed in range(len(requests))]
    lens = [0 if draft is None else 2 for draft in drafts]
    logits = random_logits(sum(lens) + len(requests))
    sampler = Sampler(VOCAB_SIZE)
    together = sampler.verify(logits, requests, drafts)
    start = 0
    for request, draft, length, verified in zip(requests, drafts, lens, together, strict=True):
        rows = logits[start : start + length + 1]
        assert sampler.verify(rows, [request], [draft]) == [verified]
        start += length + 1


def test_logits_are_left_as_they_were() -> None:
    requests = [make_request(seed, min_tokens=2, stop_token_ids=(4,), **params) for seed, params in enumerate(MIXTURE)]
    logits = random_logits(len(requests))
    before = logits.clone()
    Sampler(VOCAB_SIZE).verify(logits, requests, [None] * len(requests))
    Sampler(VOCAB_SIZE).draw(logits, requests, [[]] * len(requests), coupled=[False] * len(requests))
    assert torch.equal(logits, before)


def test_accepted_tokens_and_the_one_after_are_counted() -> None:
    logits = torch.full((4, VOCAB_SIZE), -9.0)
    logits[torch.arange(4), torch.tensor([7, 8, 9, 10])] = 9
    sampler, request = Sampler(VOCAB_SIZE), make_request(temperature=0)
    for drafted, expected in (([7, 8, 9], [7, 8, 9, 10]), ([7, 5, 9], [7, 8]), ([99, 8, 9], [7]), ([-5, 8, 9], [7])):
        verified = sampler.verify(logits, [request], [Draft(drafted, "ngram")])[0]
        assert verified.token_ids == expected
        assert verified.num_accepted_tokens == len(expected) - 1


@pytest.mark.parametrize("params", MIXTURE)
def test_drafts_outside_the_vocabulary_are_rejected_under_every_parameter(params: dict[str, Any]) -> None:
    logits = random_logits(4).repeat(2, 1)
    requests = [make_request(1, **params), make_request(2, **params)]
    certain = Draft([VOCAB_SIZE, -3, 10**9], "junk")
    sampled = Draft([VOCAB_SIZE, -3, 10**9], "junk", torch.full((3, VOCAB_SIZE), 1 / VOCAB_SIZE))
    for verified in Sampler(VOCAB_SIZE).verify(logits, requests, [certain, sampled]):
        assert verified.num_accepted_tokens == 0 and 0 <= verified.token_ids[0] < VOCAB_SIZE


def test_logprobs_are_the_models_own_whatever_the_sampler_does_to_logits() -> None:
    request = make_request(temperature=0, logprobs=3, logit_bias={6: 100.0}, presence_penalty=2.0)
    logits = random_logits(2)
    logits[0, [11, 13]] = 5.0  # equal: the lower id comes first
    logits[0, 2] = 6.0
    verified = Sampler(VOCAB_SIZE).verify(logits, [request], [Draft([6], "ngram")])[0]
    assert verified.token_ids == [6, 6]
    expected = logits.log_softmax(-1)
    assert verified.logprobs is not None
    first, second = verified.logprobs
    best = [(token_id, float(expected[0, token_id])) for token_id in (2, 11, 13)]
    assert first == TokenLogprob(6, float(expected[0, 6]), tuple(best))
    assert second.logprob == float(expected[1, 6])
    assert [logprob for _, logprob in second.top] == expected[1].topk(3).values.tolist()


def test_logprobs_come_only_to_those_who_ask_and_as_many_as_they_ask_for() -> None:
    requests = [make_request(), make_request(logprobs=0), make_request(logprobs=20), make_request(logprobs=2)]
    verified = Sampler(VOCAB_SIZE).verify(random_logits(4), requests, [None] * 4)
    assert verified[0].logprobs is None
    assert [len(entry.top) for v in verified[1:] for entry in v.logprobs or ()] == [0, VOCAB_SIZE, 2]


def test_a_coupled_draft_of_the_same_model_is_accepted_whole() -> None:
    sampler = Sampler(VOCAB_SIZE)
    for params in MIXTURE:
        request = make_request(5, **params)
        logits, drafted = random_logits(6), list[int]()
        for row in range(5):
            token_ids, probs, _ = sampler.draw(logits[row : row + 1], [request], [drafted], coupled=[True])
            assert probs is None
            drafted.append(token_ids[0])
        assert sampler.verify(logits, [request], [Draft(drafted, "draft")])[0].num_accepted_tokens == 5


def test_an_independent_draft_of_the_same_model_is_accepted_whole_too() -> None:
    sampler = Sampler(VOCAB_SIZE)
    for seed in range(20):
        request = make_request(seed, **MIXTURE[seed % len(MIXTURE)])
        logits, drafted, rows = random_logits(6, seed=seed), list[int](), []
        for row in range(5):
            token_ids, probs, _ = sampler.draw(logits[row : row + 1], [request], [drafted], coupled=[False])
            assert probs is not None and probs.sum().item() == pytest.approx(1) and probs[0, token_ids[0]] > 0
            drafted.append(token_ids[0])
            rows.append(probs[0])
        draft = Draft(drafted, "draft", torch.stack(rows))
        assert sampler.verify(logits, [request], [draft])[0].num_accepted_tokens == 5


def test_coupled_and_independent_requests_draft_in_one_batch() -> None:
    sampler, requests = Sampler(VOCAB_SIZE), [make_request(seed) for seed in range(3)]
    logits = random_logits(3, width=VOCAB_SIZE + 2)
    token_ids, probs, _ = sampler.draw(logits, requests, [[], [4], []], coupled=[True, False, True])
    assert probs is not None and probs.shape == (3, VOCAB_SIZE)
    assert probs[0].sum() == probs[2].sum() == 0
    torch.testing.assert_close(probs[1], logits[1, :VOCAB_SIZE].softmax(-1))
    assert token_ids[0] == sampler.verify(logits[:1], requests[:1], [None])[0].token_ids[0]


def test_a_draft_knows_what_was_drafted_before_it() -> None:
    """Penalties, the end of min_tokens and the output position go on from the drafted tokens."""
    sampler = Sampler(VOCAB_SIZE)
    logits = torch.zeros(1, VOCAB_SIZE)
    logits[0, 3], logits[0, 5] = 2.0, 1.0
    penalised = make_request(temperature=0, frequency_penalty=0.8)
    assert sampler.draw(logits, [penalised], [[3]], coupled=[True])[0] == [3]
    assert sampler.draw(logits, [penalised], [[3, 3]], coupled=[True])[0] == [5]
    short = make_request(temperature=0, min_tokens=2, stop_token_ids=(3,))
    assert sampler.draw(logits, [short], [[5]], coupled=[True])[0] == [5]
    assert sampler.draw(logits, [short], [[5, 5]], coupled=[True])[0] == [3]


def test_shapes_that_do_not_fit_are_refused() -> None:
    sampler, request = Sampler(VOCAB_SIZE), make_request()
    with pytest.raises(ValueError, match="2 rows"):
        sampler.verify(random_logits(1), [request], [Draft([1], "ngram")])
    with pytest.raises(ValueError, match="do not cover"):
        sampler.verify(random_logits(1, width=VOCAB_SIZE - 1), [request], [None])


def test_nothing_scheduled_is_nothing_drawn() -> None:
    assert Sampler(VOCAB_SIZE).verify(torch.empty(0, VOCAB_SIZE), [], []) == []
    assert Sampler(VOCAB_SIZE).draw(torch.empty(0, VOCAB_SIZE), [], [], coupled=[]) == ([], None, [])
