"""Slots hold what the requests believe they hold, after every step, in the pools of the target and of the draft.

Wrong KV of a draft never shows in a text, only as drafts that miss, and wrong KV of the target may show much later.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from torch import Tensor

from helix.engine import LLMEngine
from helix.model.batch import Span
from helix.model.runner import ModelRunner
from helix.request import Request
from helix.sampling_params import SamplingParams
from tests.engines import VOCAB_SIZE, check_integrity, make_engine
from tests.models import tiny_llama

TARGET = tiny_llama()
GOOD_DRAFT = tiny_llama(scale=3.9)
BAD_DRAFT = tiny_llama(seed=1, hidden_size=16, num_hidden_layers=1)


class Ledger:
    """Notes for every slot of a runner's pool which tokens its KV was computed from: the one there and all before."""

    def __init__(self, runner: ModelRunner) -> None:
        self.block_size = runner.pool.block_size
        self.entries: dict[int, int] = {}
        forward, copy_blocks = runner.forward, runner.pool.copy_blocks

        def noted_forward(spans: Sequence[Span]) -> Tensor:
            for span in spans:
                for position, token_id in enumerate(span.token_ids, start=span.start):
                    before = self.entries[self.slot(span.block_table, position - 1)] if position else 0
                    self.entries[self.slot(span.block_table, position)] = hash((before, token_id))
            return forward(spans)

        def noted_copy(copies: Sequence[tuple[int, int]]) -> None:
            for source, destination in copies:
                for offset in range(self.block_size):
                    entry = self.entries.get(source * self.block_size + offset, 0)
                    self.entries[destination * self.block_size + offset] = entry
            copy_blocks(copies)

        runner.forward = noted_forward  # type: ignore[method-assign]
        runner.pool.copy_blocks = noted_copy  # type: ignore[method-assign]

    def slot(self, block_table: Sequence[int], position: int) -> int:
        return block_table[position // self.block_size] * self.block_size + position % self.block_size

    def check(self, request: Request, num_tokens: int) -> None:
        """Assert that the first num_tokens tokens of a request have the KV of exactly these tokens."""
        entry = 0
        for position, token_id in enumerate(request.token_ids[:num_tokens]):
            entry = hash((entry, token_id))
            assert self.entries[self.slot(request.block_table, position)] == entry, f"{request}, position {position}"


class Books:
    """An engine whose slots are checked after every step."""

    def __init__(self, engine: LLMEngine) -> None:
        self.engine = engine
        assert engine.worker.draft is not None
        self.target, self.draft = Ledger(engine.worker.target), Ledger(engine.worker.draft)

    def add(self, prompt: Sequence[int], params: SamplingParams) -> Request:
        request = self.engine.make_request(prompt, params)
        self.engine.add_request(request)
        return request

    def step(self) -> None:
        self.engine.step()
        check_integrity(self.engine)
        for request in self.engine.scheduler.running:
            self.target.check(request, request.num_computed_tokens)
            self.draft.check(request, request.num_draft_computed_tokens)

    def finish(self) -> None:
        while self.engine.has_requests:
            self.step()


def _walk(books: Books, rng: random.Random) -> None:
    """Serve requests that share beginnings, each with its own depth and method; some are aborted."""
    stem = [rng.randrange(1, VOCAB_SIZE) for _ in range(24)]
    requests = []
    for _ in range(24):
        prompt = stem[: rng.randrange(1, 25)] + [rng.randrange(1, VOCAB_SIZE) for _ in range(rng.randrange(4))]
        params = SamplingParams(
            temperature=rng.choice([0, 0.8]),
            seed=rng.choice([None, 5]),
            max_tokens=rng.randrange(1, 40),
            speculation_depth=rng.choice([0, 1, 3, 6]),
            speculation_method=rng.choice([None, "draft", "suffix", "ngram", "none"]),
        )
        requests.append(books.add(prompt, params))
        for _ in range(rng.randrange(5)):
            books.step()
        if rng.random() < 0.15:
            books.engine.abort(rng.choice(requests).request_id)
    books.finish()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("swap_space_gib", [0.0, 2e-5], ids=["", "swapping"])
@pytest.mark.parametrize("draft", [GOOD_DRAFT, BAD_DRAFT], ids=["good draft", "bad draft"])
def test_slots_spell_the_tokens_whatever_is_accepted_rejected_preempted_shared_or_aborted(
    draft: object, swap_space_gib: float, seed: int
) -> None:
    books = Books(
        make_engine(
            TARGET,
            draft,  # type: ignore[arg-type]
            num_blocks=18,
            swap_space_gib=swap_space_gib,
            scheduler={"max_num_seqs": 5, "max_num_batched_tokens": 24, "max_num_prefill_tokens_beside_decode": 9},
            ngram_min=1,
        )
    )
    _walk(books, random.Random(seed))
    stats = books.engine.stats()
    assert stats.num_preemptions and stats.num_cached_tokens and stats.spec.num_accepted_tokens
    assert (stats.num_swapped_in_blocks > 0) == (swap_space_gib > 0)


def test_the_draft_computes_two_tokens_after_full_acceptance_and_one_after_any_other() -> None:
    """It is behind by the last draft token when all were accepted; computing more would be waste, less a gap."""
    engine = make_engine(TARGET, BAD_DRAFT, speculation_depth=3, speculation_method="draft")
    books = Books(engine)
    assert engine.worker.draft is not None
    computed: list[int] = []
    forward = engine.worker.draft.forward

    def noted(spans: Sequence[Span]) -> Tensor:
        computed.extend(len(span.token_ids) for span in spans)
        return forward(spans)

    engine.worker.draft.forward = noted  # type: ignore[method-assign]
    request = books.add([1, 2, 3], SamplingParams(temperature=0.9, seed=1, max_tokens=200, ignore_eos=True))
    books.step()
    books.step()
    seen = set()
    while request.num_output_tokens < 190:
        num_behind = request.num_tokens - request.num_draft_computed_tokens
        num_tokens = request.num_tokens
        computed.clear()
        books.step()
        assert computed == [num_behind, 1, 1]
        is_full = request.num_tokens - num_tokens == 4
        assert request.num_tokens - request.num_draft_computed_tokens == (2 if is_full else 1)
        seen.add(is_full)
    assert seen == {False, True}


def _acceptance(request: Request) -> float | None:
    stats = request.metrics.spec.by_proposer["draft"]
    return stats.num_accepted_tokens / stats.num_draft_tokens


GREEDY = SamplingParams(temperature=0, max_tokens=40, ignore_eos=True, speculation_depth=4)


def test_a_draft_that_is_the_target_misses_nothing_after_steps_in_which_it_did_not_draft() -> None:
    books = Books(make_engine(TARGET, TARGET, speculation_method="draft"))
    request = books.add([5, 6, 7], GREEDY)
    depths = random.Random(0)
    while not request.is_finished:
        request.speculation_depth = depths.choice([0, 0, 4])
        books.step()
    assert request.metrics.spec.num_draft_tokens > 10
    assert _acceptance(request) == 1


def test_a_draft_that_is_the_target_misses_nothing_after_a_prefix_that_only_the_target_computed() -> None:
    """The prompt's blocks are found in the cache, but their draft KV was never computed."""
    books = Books(make_engine(TARGET, TARGET, speculation_method="draft"))
    prompt = list(range(1, 41))
    books.add(prompt, SamplingParams(temperature=0, max_tokens=1, speculation_method="none"))
    books.finish()
    for num_cached in (39, 39):
        request = books.add(prompt, GREEDY)
        books.finish()
        assert request.metrics.num_cached_tokens == num_cached
        assert _acceptance(request) == 1


def test_a_draft_that_is_the_target_misses_nothing_after_preemption() -> None:
    books = Books(make_engine(TARGET, TARGET, num_blocks=24, speculation_method="draft"))
    requests = [books.add([1 + i, 2, 3], GREEDY) for i in range(4)]
    books.finish()
    assert books.engine.stats().num_preemptions
    assert [_acceptance(request) for request in requests] == [1] * 4
