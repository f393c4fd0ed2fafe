"""Speculation is lossless: proved token by token, by exact enumeration, and by statistics that a known bug fails.

Match rule: every property is an equality with plain decoding. Rejection rule: the law of the output is computed as
fractions through the function that serves requests. Each proof is run on a broken variant too and must notice it.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.outputs import FinishReason
from helix.request import Request
from helix.sampling.noise import Stream, gumbel_noise
from helix.sampling.rows import RowSpan, seeds
from helix.sampling.sampler import Sampler
from helix.sampling_params import SamplingParams
from helix.spec_decode.acceptance import rejection_sample
from helix.spec_decode.proposer import Draft
from tests.toy_lm import (
    JunkProposer,
    ModelProposer,
    OracleProposer,
    Propose,
    RepeatProposer,
    ToyLM,
    decode_plainly,
    speculate,
)

# --- Match: the same tokens ------------------------------------------------------------------------------------------

VOCAB_SIZES = (8, 24, 64)
TARGETS = {size: ToyLM(size, seed=size, step=0.25) for size in VOCAB_SIZES}  # steps make equal logits common
DRAFTS = {size: ToyLM(size, seed=size + 1) for size in VOCAB_SIZES}
for _size in VOCAB_SIZES:  # a draft that resembles its target
    DRAFTS[_size].table.mul_(0.3).add_(TARGETS[_size].table)
PROPOSERS = ("junk", "right", "wrong", "repeat", "coupled", "sampled", "greedy")


def make_proposer(name: str, plain: Request, vocab_size: int, sampler: Sampler, seed: int) -> Propose:
    output = plain.output_token_ids
    draft = DRAFTS[vocab_size]
    proposers: dict[str, Callable[[], Propose]] = {
        "junk": lambda: JunkProposer(vocab_size, seed),
        "right": lambda: OracleProposer(output, vocab_size, 0),
        "wrong": lambda: OracleProposer(output, vocab_size, 1),
        "repeat": RepeatProposer,
        "coupled": lambda: ModelProposer(draft, sampler, is_coupled=True),
        "sampled": lambda: ModelProposer(draft, sampler, is_coupled=False),
        "greedy": lambda: ModelProposer(draft, sampler, is_coupled=True, is_greedy=True),
    }
    return proposers[name]()


@st.composite
def sampling_params(draw: st.DrawFn, vocab_size: int, seed: int | None) -> SamplingParams:
    token_id = st.integers(0, vocab_size - 1)
    penalty = st.sampled_from([0.0, 0.0, 0.6, 2.0, -0.5])
    return SamplingParams(
        temperature=draw(st.sampled_from([0.0, 0.0, 0.3, 1.0, 1.0, 1.7])),
        top_p=draw(st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.05])),
        top_k=draw(st.sampled_from([0, 0, 1, 3, 20, vocab_size])),
        min_p=draw(st.sampled_from([0.0, 0.0, 0.05, 0.5])),
        presence_penalty=draw(penalty),
        frequency_penalty=draw(penalty),
        repetition_penalty=draw(st.sampled_from([1.0, 1.0, 1.3, 0.7])),
        logit_bias=draw(st.dictionaries(token_id, st.sampled_from([-100.0, -2.0, 3.0, 100.0]), max_size=3)),
        min_tokens=draw(st.sampled_from([0, 0, 3, 7])),
        stop_token_ids=tuple(draw(st.lists(token_id, max_size=1))),
        ignore_eos=draw(st.booleans()),
        logprobs=draw(st.sampled_from([None, 0, 1, 4, 20])),
        seed=seed,
    )


Batch = tuple[int, list[tuple[Request, str]], int]
"""Vocabulary size, requests with the names of their proposers, and a seed for junk and draft lengths."""


@st.composite
def batches(draw: st.DrawFn, *, is_seeded: bool) -> Batch:
    vocab_size = draw(st.sampled_from(VOCAB_SIZES))
    requests = []
    for number in range(draw(st.integers(1, 4))):
        seed = draw(st.integers(-(2**63), 2**64 - 1))
        params = draw(sampling_params(vocab_size, seed if is_seeded else None))
        prompt = draw(st.lists(st.integers(0, vocab_size - 1), min_size=2, max_size=6))
        max_tokens = draw(st.integers(max(1, params.min_tokens), 14))
        eos = frozenset(draw(st.lists(st.integers(0, vocab_size - 1), max_size=2)))
        request = Request(str(number), prompt, params, seed=seed, eos_token_ids=eos, max_tokens=max_tokens)
        requests.append((request, draw(st.sampled_from(PROPOSERS))))
    return vocab_size, requests, draw(st.integers(0, 2**32))


def outcome(request: Request) -> tuple[Any, ...]:
    return request.token_ids, request.output_logprobs, request.finish_reason, request.stop_reason


def outcomes_of_speculation(batch: Batch, sampler: Sampler) -> list[Any]:
    """Every request of the batch with what plain decoding and speculation made of it."""
    vocab_size, requests, seed = batch
    plain_sampler = Sampler(vocab_size)
    plain = [decode_plainly(TARGETS[vocab_size], request, plain_sampler) for request, _ in requests]
    proposers = [
        make_proposer(name, done, vocab_size, plain_sampler, seed)
        for (_, name), done in zip(requests, plain, strict=True)
    ]
    depths = random.Random(seed)
    together = speculate(TARGETS[vocab_size], [request for request, _ in requests], sampler, proposers, depths=depths)
    return [(outcome(one), outcome(other)) for one, other in zip(plain, together, strict=True)]


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(batches(is_seeded=True))
def test_seeded_speculation_returns_what_plain_decoding_returns(batch: Batch) -> None:
    """Tokens, logprobs, alternatives and reasons are equal, whatever is drafted, sampled and batched together."""
    for plain, speculated in outcomes_of_speculation(batch, Sampler(batch[0])):
        assert speculated == plain


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(batches(is_seeded=False))
def test_unseeded_speculation_does_too_under_the_match_rule(batch: Batch) -> None:
    for plain, speculated in outcomes_of_speculation(batch, Sampler(batch[0], acceptance_rule="match")):
        assert speculated == plain


class StalePenalties(Sampler):
    """Gives every row the penalties of the last committed token, as if nothing had been drafted before it."""

    def _process(self, logits: Tensor, spans: Sequence[RowSpan]) -> Tensor:
        return super()._process(logits, [RowSpan(span.request, (), row) for span in spans for row in span.rows])


def test_the_comparison_notices_penalties_of_the_last_committed_state() -> None:
    request = Request("r", [1, 2], SamplingParams(frequency_penalty=1.5, seed=3), seed=3, max_tokens=14)
    plain = decode_plainly(TARGETS[8], request, Sampler(8))
    oracle = OracleProposer(plain.output_token_ids, 8, 0)
    for sampler, is_right in ((Sampler(8), True), (StalePenalties(8), False)):
        done = speculate(TARGETS[8], [request], sampler, [oracle], depths=random.Random(0))[0]
        assert (done.token_ids == plain.token_ids) is is_right


@pytest.mark.parametrize("end", range(8))
@pytest.mark.parametrize("kind", ["eos", "stop_token", "max_tokens"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_end_at_every_place_inside_an_accepted_run_cuts_it(end: int, kind: str, temperature: float) -> None:
    """The token after the end is drafted and would be accepted, and is never committed."""
    lm, sampler = TARGETS[64], Sampler(64)
    params: dict[str, Any] = {"temperature": temperature, "seed": 5, "logprobs": 2}
    free = decode_plainly(lm, Request("free", [1, 2], SamplingParams(**params), seed=5, max_tokens=12), sampler)
    last = free.output_token_ids[end]
    first = free.output_token_ids.index(last)
    if kind == "stop_token":
        params["stop_token_ids"] = (last,)
    request = Request(
        "ends",
        [1, 2],
        SamplingParams(**params),
        seed=5,
        eos_token_ids=frozenset([last]) if kind == "eos" else frozenset(),
        max_tokens=end + 1 if kind == "max_tokens" else 12,
    )
    plain = decode_plainly(lm, request, sampler)
    oracle = OracleProposer(free.output_token_ids, 64, 0)
    for depth in range(9):
        depths = random.Random(depth)
        done = speculate(lm, [request], sampler, [oracle], depths=depths)[0]
        assert outcome(done) == outcome(plain)
    assert plain.num_output_tokens == (end if kind == "max_tokens" else first) + 1
    assert plain.finish_reason == (FinishReason.LENGTH if kind == "max_tokens" else FinishReason.STOP)
    assert plain.stop_reason == (last if kind == "stop_token" else None)


# --- Rejection: exact law of the output ------------------------------------------------------------------------------

NUM_TOKENS = 3
Law = tuple[Fraction, ...]
Prefix = tuple[int, ...]


def random_law(draw: random.Random) -> Law:
    """Sixteenths, zeros among them: float32 computes sums and differences of these exactly."""
    cuts = sorted(draw.choices(range(17), k=NUM_TOKENS - 1))
    return tuple(Fraction(b - a, 16) for a, b in itertools.pairwise([0, *cuts, 16]))


def random_draft_law(draw: random.Random) -> Law:
    """Powers of two, so that float32 divides by them exactly too."""
    numbers = draw.choice([(16, 0, 0), (8, 8, 0), (8, 4, 4), (8, 4, 4)])
    return tuple(Fraction(n, 16) for n in draw.sample(numbers, k=NUM_TOKENS))


@dataclass
class Laws:
    """The next token's law after every prefix, drawn when first asked for."""

    draw: Callable[[], Law]
    known: dict[Prefix, Law] = field(default_factory=dict)

    def __call__(self, prefix: Prefix) -> Law:
        return self.known.setdefault(prefix, self.draw())


@dataclass
class Branches:
    """The verifier's randomness, with every outcome in its own request; it records the weights it was offered."""

    coins: list[float]
    replace_weights: Callable[[Tensor, Tensor], Tensor] | None = None
    weights: Tensor | None = None

    def uniform(self, rows: Tensor, token_ids: Tensor) -> Tensor:
        return torch.tensor(self.coins)

    def choose(self, weights: Tensor, rows: Tensor, is_recovered: Tensor) -> Tensor:
        self.weights = weights if self.replace_weights is None else self.replace_weights(weights, rows)
        return torch.zeros(len(rows), dtype=torch.int64)


Claim = Callable[[Law, Prefix], Law]


def as_drawn(law: Law, prefix: Prefix) -> Law:
    return law


def pass_probabilities(target: Laws, draft: Claim, laws: Laws, drafted: Prefix) -> list[Fraction]:
    """Return for each prefix of a draft how likely it passes, as written down in the paper."""
    carried, chances = Fraction(1), []
    for place, token_id in enumerate(drafted):
        p, q = target(drafted[:place])[token_id], draft(laws(drafted[:place]), drafted[:place])[token_id]
        carried = min(Fraction(1), carried * p / q) if q else Fraction(0)
        prefix = drafted[: place + 1]
        if prefix == drafted:
            chances.append(carried)
            break
        behind = zip(target(prefix), draft(laws(prefix), prefix), strict=True)
        mass = sum((max(carried * p - q, Fraction(0)) for p, q in behind), Fraction(0))
        chances.append(mass / (mass + 1 - carried) if mass else Fraction(0))
    return chances


def coin_cells(chance: Fraction) -> list[tuple[float, Fraction]]:
    """Cut (0, 1) where a coin begins to fail; return a coin just inside each cell and the cell's probability."""
    if chance in (0, 1):
        return [(float(chance) * (1 - 2**-24) or 2**-33, Fraction(1))]
    return [(float(chance) * 0.999, chance), (1 - float(1 - chance) * 0.999, 1 - chance)]


@dataclass(frozen=True)
class Leaf:
    """One way that a step can go, up to the token that is drawn last."""

    drafted: Prefix
    num_accepted: int
    weights: list[Fraction]
    """Of that token."""
    probability: Fraction


def walk(
    target: Laws,
    draft: Laws,
    num_draft_tokens: int,
    *,
    claimed: Claim = as_drawn,
    is_kept: Callable[[Law, int], bool] = lambda law, token_id: True,
    is_last: Callable[[Law, int], bool] = lambda law, token_id: False,
    replace_weights: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None,
) -> list[Leaf]:
    """Walk the tree of drafts and coins through rejection_sample: every path of it is a request of one batch.

    is_last ends a draft after a token. claimed, is_kept and replace_weights break the verifier on purpose.
    """
    paths: list[tuple[Prefix, tuple[float, ...], Fraction]] = []

    def toss(drafted: Prefix, weight: Fraction) -> None:
        cells = map(coin_cells, pass_probabilities(target, claimed, draft, drafted))
        for coins in itertools.product(*cells):
            probability = math.prod((cell for _, cell in coins), start=weight)
            paths.append((drafted, tuple(coin for coin, _ in coins), probability))

    def extend(drafted: Prefix, weight: Fraction, is_over: bool = False) -> None:
        if is_over or len(drafted) == num_draft_tokens:
            toss(drafted, weight)
            return
        law = draft(drafted)
        for token_id, probability in enumerate(law):
            if probability and is_kept(law, token_id):
                extend((*drafted, token_id), weight * probability, is_last(law, token_id))
            elif probability:
                toss(drafted, weight * probability)

    extend((), Fraction(1))
    lens = [len(drafted) for drafted, _, _ in paths]
    target_probs = [target(drafted[:j]) for drafted, _, _ in paths for j in range(len(drafted) + 1)]
    draft_probs = [claimed(draft(drafted[:j]), drafted[:j]) for drafted, _, _ in paths for j in range(len(drafted))]
    p = torch.tensor([[float(x) for x in law] for law in target_probs])
    q = torch.tensor([[float(x) for x in law] for law in draft_probs]).reshape(-1, NUM_TOKENS)
    q_of_row = torch.zeros_like(p)
    is_draft_row = torch.tensor([j < length for length in lens for j in range(length + 1)])
    q_of_row[is_draft_row] = q
    draws = Branches(
        [coin for _, coins, _ in paths for coin in coins],
        None if replace_weights is None else lambda weights, rows: replace_weights(weights, p[rows], q_of_row[rows]),
    )
    token_ids = torch.tensor([token_id for drafted, _, _ in paths for token_id in drafted], dtype=torch.int64)
    num_accepted, _ = rejection_sample(token_ids, q, p, lens, draws)
    assert draws.weights is not None
    return [
        Leaf(drafted, num, [Fraction(value) for value in row], probability)
        for (drafted, _, probability), num, row in zip(
            paths, num_accepted.tolist(), draws.weights.tolist(), strict=True
        )
    ]


def law_of_speculation(target: Laws, draft: Laws, num_draft_tokens: int, **how: Any) -> dict[Prefix, Fraction]:
    """Return the law of the first tokens of the output; what follows the drawn token is plain decoding."""
    output: dict[Prefix, Fraction] = {}
    for leaf in walk(target, draft, num_draft_tokens, **how):
        for token_id, value in enumerate(leaf.weights):
            if value:
                prefix = (*leaf.drafted[: leaf.num_accepted], token_id)
                share = leaf.probability * value / sum(leaf.weights)
                output[prefix] = output.get(prefix, Fraction(0)) + share
    return {
        sequence: sum(
            (
                output.get(sequence[:length], Fraction(0)) * plain_probability(target, sequence, length)
                for length in range(1, len(sequence) + 1)
            ),
            Fraction(0),
        )
        for sequence in sequences(num_draft_tokens + 1)
    }


def accepted_one_by_one(target: Laws, draft: Laws, num_draft_tokens: int, prefix: Prefix = ()) -> Fraction:
    """Return how many tokens are accepted on average where each has a coin of its own, min(1, target / draft)."""
    if len(prefix) == num_draft_tokens:
        return Fraction(0)
    laws = zip(target(prefix), draft(prefix), strict=True)
    return sum(
        (
            min(p, q) * (1 + accepted_one_by_one(target, draft, num_draft_tokens, (*prefix, token_id)))
            for token_id, (p, q) in enumerate(laws)
        ),
        Fraction(0),
    )


def sequences(length: int) -> Iterator[Prefix]:
    return itertools.product(range(NUM_TOKENS), repeat=length)


def plain_probability(target: Laws, sequence: Prefix, start: int) -> Fraction:
    """Probability that plain decoding continues sequence[:start] to sequence."""
    return math.prod((target(sequence[:i])[sequence[i]] for i in range(start, len(sequence))), start=Fraction(1))


def plain_law(target: Laws, length: int) -> dict[Prefix, Fraction]:
    return {sequence: plain_probability(target, sequence, 0) for sequence in sequences(length)}


def certain(token_id: int) -> Law:
    return tuple(Fraction(int(i == token_id)) for i in range(NUM_TOKENS))


def disjoint(target: Laws, draw: random.Random) -> tuple[Laws, Laws]:
    """The draft never proposes what the target can draw."""
    half = Fraction(1, 2)
    return Laws(lambda: (half, half, Fraction(0))), Laws(lambda: certain(2))


LAW_PAIRS: dict[str, Callable[[Laws, random.Random], tuple[Laws, Laws]]] = {
    "any": lambda target, draw: (target, Laws(lambda: random_draft_law(draw))),
    "equal": lambda target, draw: (target, target),
    "disjoint": disjoint,
    "certain draft": lambda target, draw: (target, Laws(lambda: certain(draw.randrange(NUM_TOKENS)))),
    "certain target": lambda target, draw: (
        Laws(lambda: certain(draw.randrange(NUM_TOKENS))),
        Laws(lambda: random_draft_law(draw)),
    ),
}


@pytest.mark.parametrize("num_draft_tokens", [0, 1, 2, 3])
@pytest.mark.parametrize("pair", LAW_PAIRS)
def test_the_law_of_rejection_is_the_targets_as_fractions(pair: str, num_draft_tokens: int) -> None:
    for seed in range(6 if num_draft_tokens < 3 else 3):
        draw = random.Random(seed)
        target, draft = LAW_PAIRS[pair](Laws(lambda draw=draw: random_law(draw)), draw)  # type: ignore[misc]
        assert law_of_speculation(target, draft, num_draft_tokens) == plain_law(target, num_draft_tokens + 1)


def test_a_draft_judged_as_a_whole_is_accepted_as_far_as_one_judged_token_by_token_and_further() -> None:
    num_better = 0
    for seed in range(12):
        draw = random.Random(seed)
        target, draft = Laws(lambda draw=draw: random_law(draw)), Laws(lambda draw=draw: random_draft_law(draw))  # type: ignore[misc]
        for num_draft_tokens in (1, 2, 3):
            leaves = walk(target, draft, num_draft_tokens)
            assert sum(leaf.probability for leaf in leaves) == 1
            mean = sum(leaf.num_accepted * leaf.probability for leaf in leaves)
            one_by_one = accepted_one_by_one(target, draft, num_draft_tokens)
            assert mean == one_by_one if num_draft_tokens == 1 else mean >= one_by_one
            num_better += mean > one_by_one
    assert num_better > 12


def sixteenths(*numbers: int) -> Law:
    return tuple(Fraction(n, 16) for n in numbers)


def fixed(*numbers: int) -> Laws:
    return Laws(lambda: sixteenths(*numbers))


TARGET, DRAFT = fixed(8, 5, 3), fixed(4, 4, 8)


def is_doubtful(law: Law, token_id: int) -> bool:
    return law[token_id] < Fraction(1, 2)


def test_a_draft_may_end_with_a_doubtful_token() -> None:
    """The length drafted depends on the tokens drawn, and every one of them is verified."""
    assert law_of_speculation(TARGET, DRAFT, 3, is_last=is_doubtful) == plain_law(TARGET, 4)


def test_the_enumeration_notices_a_token_dropped_for_its_own_confidence() -> None:
    """Dropping a sampled token because it was drawn moves the law by a total variation of 0.09 or so."""
    broken = law_of_speculation(TARGET, DRAFT, 1, is_kept=lambda law, token_id: not is_doubtful(law, token_id))
    assert broken != plain_law(TARGET, 2)


def test_the_enumeration_notices_draft_probs_of_another_temperature() -> None:
    sharper = fixed(2, 2, 12)
    broken = law_of_speculation(TARGET, DRAFT, 2, claimed=lambda law, prefix: sharper(prefix))
    assert broken != plain_law(TARGET, 3)


@pytest.mark.parametrize(
    "replace_weights",
    [lambda weights, p, q: (p - q).abs(), lambda weights, p, q: p],
    ids=["residual not clamped", "recovered token from the target"],
)
def test_the_enumeration_notices_a_wrong_residual(replace_weights: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
    assert law_of_speculation(TARGET, DRAFT, 2, replace_weights=replace_weights) != plain_law(TARGET, 3)


def test_the_enumeration_notices_a_residual_that_forgets_the_tokens_before_it() -> None:
    """After a token that the draft likes better than the target less of the target is left to make up for."""
    target = Laws(lambda: sixteenths(10, 6, 0), {(): sixteenths(8, 5, 3)})
    draft = Laws(lambda: sixteenths(4, 4, 8), {(): sixteenths(8, 4, 4)})
    assert law_of_speculation(target, draft, 2) == plain_law(target, 3)
    broken = law_of_speculation(target, draft, 2, replace_weights=lambda weights, p, q: (p - q).clamp_min(0))
    assert broken != plain_law(target, 3)


# --- Rejection: the whole path, by statistics ------------------------------------------------------------------------

FALSE_ALARM = 1e-9
NUM_REQUESTS = 10_000
NUM_CELLS = 16
SMALL_TARGET, SMALL_DRAFT = ToyLM(4, seed=4, scale=0.8), ToyLM(4, seed=14, scale=0.8)
PARAMS = SamplingParams(temperature=0.8, presence_penalty=0.5)
PROMPT = [0, 1]


def reference_law(lm: ToyLM, output: Sequence[int]) -> Tensor:  # [4] float64
    """The next token's law under PARAMS, written down without the sampler."""
    logits = lm([*PROMPT, *output])[:4].clone()
    logits[list(set(output))] -= 0.5
    return (logits / 0.8).softmax(-1)


def make_requests(num: int, params: SamplingParams = PARAMS) -> list[Request]:
    return [Request(str(seed), PROMPT, params, seed=seed, max_tokens=9) for seed in range(num)]


def logits_of(lm: ToyLM, requests: Sequence[Request], drafted: Sequence[Sequence[int]]) -> Tensor:
    """The rows that verify takes, or the last of each request that draw takes, by table lookup."""
    last = torch.tensor([[*r.token_ids, *d][-2:] for r, d in zip(requests, drafted, strict=True)])
    return lm.table[last[:, 0], last[:, 1]]


def draft_independently(requests: Sequence[Request], sampler: Sampler, lm: ToyLM = SMALL_DRAFT) -> list[Draft]:
    """Two tokens for each request from the draft model, as the engine draws them."""
    drafted: list[list[int]] = [[] for _ in requests]
    probs = []
    for _ in range(2):
        logits = logits_of(lm, requests, drafted)
        token_ids, rows, _ = sampler.draw(logits, requests, drafted, coupled=[False] * len(requests))
        assert rows is not None
        probs.append(rows)
        for tokens, token_id in zip(drafted, token_ids, strict=True):
            tokens.append(token_id)
    stacked = torch.stack(probs, dim=1)
    return [Draft(tokens, "model", stacked[row]) for row, tokens in enumerate(drafted)]


def draft_with_residual_noise(requests: Sequence[Request], sampler: Sampler) -> list[Draft]:
    """One token for each request from the right law, but with the noise that the verifier's recovered token uses."""
    seeds = torch.tensor([request.seed for request in requests])
    positions = torch.tensor([request.num_output_tokens for request in requests])
    noise = gumbel_noise(seeds, positions, Stream.RESIDUAL, torch.arange(4).unsqueeze(0))
    probs = torch.stack([reference_law(SMALL_DRAFT, request.output_token_ids) for request in requests]).float()
    token_ids = (probs.log() + noise).argmax(-1).tolist()
    return [Draft([token_id], "model", probs[row : row + 1]) for row, token_id in enumerate(token_ids)]


def first_two_tokens(draft: Callable[[Sequence[Request], Sampler], list[Draft]]) -> Tensor:  # [NUM_CELLS] int64
    """Count the first two output tokens of many requests; those that emitted one token draft again."""
    sampler, requests = Sampler(4), make_requests(NUM_REQUESTS)
    while behind := [request for request in requests if request.num_output_tokens < 2]:
        drafts = draft(behind, sampler)
        rows = [
            (request, d.token_ids[:j])
            for request, d in zip(behind, drafts, strict=True)
            for j in range(len(d.token_ids) + 1)
        ]
        logits = logits_of(SMALL_TARGET, [request for request, _ in rows], [prefix for _, prefix in rows])
        for request, verified in zip(behind, sampler.verify(logits, behind, drafts), strict=True):
            request.token_ids.extend(verified.token_ids)
    pairs = [4 * request.output_token_ids[0] + request.output_token_ids[1] for request in requests]
    return torch.bincount(torch.tensor(pairs), minlength=NUM_CELLS)


def p_value(counts: Tensor) -> float:
    """Chi-square of the counts against the law of plain decoding."""
    first = reference_law(SMALL_TARGET, [])
    joint = torch.cat([first[token_id] * reference_law(SMALL_TARGET, [token_id]) for token_id in range(4)])
    expected = joint * counts.sum()
    assert expected.min() > 50
    statistic = ((counts - expected) ** 2 / expected).sum()
    return float(torch.special.gammaincc(torch.tensor((NUM_CELLS - 1) / 2, dtype=torch.float64), statistic / 2))


def test_the_whole_rejection_path_samples_the_target() -> None:
    """First two tokens of 10,000 requests, 16 cells; false alarm 1e-9, and the seeds are fixed.

    The critical value is 78 at 15 degrees of freedom; a noncentrality of 115 exceeds it in 99 of 100 runs. That is a
    chi-square distance of 0.0115 between laws, reached by every bias whose total variation is 0.054 or more.
    """
    assert p_value(first_two_tokens(draft_independently)) > FALSE_ALARM


def test_the_statistics_notice_noise_shared_between_draft_and_verifier() -> None:
    assert p_value(first_two_tokens(draft_with_residual_noise)) < FALSE_ALARM


def test_the_statistics_notice_noise_that_the_next_step_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft is judged as a whole: that nothing was accepted tells of the draft tokens and coins of all its places."""
    stubborn = ToyLM(4, seed=18, scale=1.2)
    stubborn.table[:] = stubborn.table[0, 0].clone()  # it says the same behind every text
    monkeypatch.setattr("helix.sampling.sampler.step_seeds", seeds)
    assert p_value(first_two_tokens(partial(draft_independently, lm=stubborn))) < FALSE_ALARM


# --- How often drafts are accepted -----------------------------------------------------------------------------------


NUM_COINS = 5_000


def acceptance(params: SamplingParams, *, coupled: bool, fixed_token: int | None = None) -> float:
    """Share of single draft tokens accepted."""
    sampler, requests = Sampler(4), make_requests(NUM_COINS, params)
    logits = logits_of(SMALL_DRAFT, requests, [()] * len(requests))
    token_ids, probs, _ = sampler.draw(logits, requests, [[] for _ in requests], coupled=[coupled] * len(requests))
    if fixed_token is not None:
        token_ids, probs = [fixed_token] * len(requests), None
    drafts = [Draft([x], "d", None if probs is None else probs[i : i + 1]) for i, x in enumerate(token_ids)]
    rows = [(request, prefix) for request, x in zip(requests, token_ids, strict=True) for prefix in ((), (x,))]
    target_logits = logits_of(SMALL_TARGET, [request for request, _ in rows], [prefix for _, prefix in rows])
    verified = sampler.verify(target_logits, requests, drafts)
    return sum(result.num_accepted_tokens for result in verified) / len(verified)


def assert_mean(mean: float, expected: float) -> None:
    """Six and a half standard errors of 10,000 coins: false alarm 1e-10, a wrong rate of 0.07 is always found."""
    assert abs(mean - expected) < 6.5 * math.sqrt(expected * (1 - expected) / NUM_COINS)


def test_rejection_accepts_the_overlap_of_the_laws() -> None:
    p, q = reference_law(SMALL_TARGET, []), reference_law(SMALL_DRAFT, [])
    assert_mean(acceptance(PARAMS, coupled=False), float(torch.minimum(p, q).sum()))


def test_coupled_drafts_are_accepted_as_the_theory_of_gumbel_couplings_says() -> None:
    """Both models pick token i with probability 1 / sum_j max(p_j / p_i, q_j / q_i)."""
    p, q = reference_law(SMALL_TARGET, []), reference_law(SMALL_DRAFT, [])
    both = 1 / torch.maximum(p / p.unsqueeze(-1), q / q.unsqueeze(-1)).sum(-1)
    assert_mean(acceptance(PARAMS, coupled=True), float(both.sum()))


@pytest.mark.parametrize("token_id", range(4))
def test_a_certain_draft_is_accepted_with_its_probability(token_id: int) -> None:
    p = reference_law(SMALL_TARGET, [])
    assert_mean(acceptance(PARAMS, coupled=True, fixed_token=token_id), float(p[token_id]))
