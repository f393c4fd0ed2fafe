"""A snapshot balances: every block is counted once, and every request's table covers what it computed."""

from __future__ import annotations

from collections import Counter

from helix.kv_cache.block_manager import BlockUse
from helix.sampling_params import SamplingParams
from tests.engines import make_engine
from tests.models import tiny_llama


def test_blocks_and_requests_are_told_as_they_are_between_two_steps() -> None:
    engine = make_engine(tiny_llama(), scheduler={"max_num_seqs": 2})
    params = SamplingParams(temperature=0, max_tokens=9, ignore_eos=True, speculation_depth=0)
    prompt = [1, 2, 3, 4, 5, 6, 7, 8, 9]
    for number in range(3):
        engine.add_request(engine.make_request(prompt, params, request_id=f"r{number}"))
        engine.step()
    taken = engine.snapshot()
    first, second, third = taken.requests
    assert [request.request_id for request in taken.requests] == ["r0", "r1", "r2"]
    assert (first.is_running, second.is_running, third.is_running) == (True, True, False)
    assert (first.num_prompt_tokens, first.num_output_tokens, first.num_scheduled_tokens) == (9, 3, 1)
    assert third.block_table == ()
    assert third.num_scheduled_tokens == 0
    assert second.num_cached_tokens == 8  # two blocks of four tokens of the first request's prompt
    shared = set(first.block_table) & set(second.block_table)
    uses = Counter(taken.block_uses)
    assert [taken.block_uses[block_id] for block_id in shared] == [BlockUse.SHARED] * 2
    assert uses[BlockUse.SHARED] == len(shared)
    assert uses[BlockUse.PRIVATE] == len(set(first.block_table) ^ set(second.block_table))
    for request in (first, second):
        assert len(request.block_table) * taken.block_size >= request.num_computed_tokens
    while engine.has_requests:
        engine.step()
    idle = engine.snapshot()
    assert idle.requests == ()
    assert Counter(idle.block_uses)[BlockUse.CACHED] > 0
    assert set(idle.block_uses) == {BlockUse.CACHED, BlockUse.FREE}


def test_blocks_that_the_draft_models_pool_holds_too_are_told_and_no_others() -> None:
    model = tiny_llama()
    engine = make_engine(model, model)
    drafted = SamplingParams(
        temperature=0, max_tokens=20, ignore_eos=True, speculation_depth=2, speculation_method="draft"
    )
    plain = SamplingParams(temperature=0, max_tokens=20, ignore_eos=True, speculation_depth=0)
    engine.add_request(engine.make_request([1, 2, 3, 4, 5, 6, 7, 8, 9], drafted, request_id="drafted"))
    engine.add_request(engine.make_request([9, 8, 7, 6, 5, 4, 3, 2, 1], plain, request_id="plain"))
    for _ in range(3):
        engine.step()
    taken = engine.snapshot()
    first, second = taken.requests
    assert 0 < first.num_draft_computed_tokens <= first.num_computed_tokens
    num_held = -(-first.num_draft_computed_tokens // taken.block_size)
    assert taken.draft_block_ids == set(first.block_table[:num_held])
    assert second.num_draft_computed_tokens == 0
    while engine.has_requests:
        engine.step()
    idle = engine.snapshot()
    assert idle.draft_block_ids
    assert {idle.block_uses[block] for block in idle.draft_block_ids} == {BlockUse.CACHED}
