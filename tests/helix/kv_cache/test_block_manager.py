"""Block bookkeeping against a slow model that stores, for every slot, the whole text its KV was computed from."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from helix.errors import ConfigError
from helix.kv_cache.block_manager import BlockManager, BlockUse

BLOCK_SIZE = 2
NUM_BLOCKS = 7
TOKENS = st.integers(0, 1)  # few tokens, so that texts collide often
Text = tuple[str | None, tuple[int, ...]]  # KV at a slot is a function of salt and all tokens up to it


@dataclass
class Sequence:
    """A request as the scheduler sees it."""

    salt: str | None
    token_ids: list[int]
    num_computed: int = 0
    num_draft_computed: int = 0
    block_table: list[int] = field(default_factory=list)


class BlockManagerMachine(RuleBasedStateMachine):
    """Random requests prefill in chunks, speculate, roll back, fork, die; every KV entry read must be the right one."""

    num_swap_blocks = 0

    def __init__(self) -> None:
        super().__init__()
        self.manager = BlockManager(NUM_BLOCKS, BLOCK_SIZE, num_swap_blocks=self.num_swap_blocks)
        self.target_pool: dict[int, Text] = {}
        self.draft_pool: dict[int, Text] = {}
        self.running: list[Sequence] = []

    @rule(prompt=st.lists(TOKENS, min_size=1, max_size=9), salt=st.sampled_from([None, "a"]))
    def add(self, prompt: list[int], salt: str | None) -> None:
        request = Sequence(salt, prompt)
        request.num_computed = self.manager.acquire_prefix(request.block_table, prompt, salt=salt)
        assert request.num_computed % BLOCK_SIZE == 0
        assert request.num_computed == len(request.block_table) * BLOCK_SIZE
        request.num_computed = min(request.num_computed, len(prompt) - 1)  # the last token's logits are needed
        request.num_draft_computed = self.manager.num_draft_computed(request.block_table, request.num_computed)
        self.running.append(request)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), chunk=st.integers(1, 5), drafts=st.lists(TOKENS, max_size=3), bonus=TOKENS)
    def step(self, data: st.DataObject, chunk: int, drafts: list[int], bonus: int) -> None:
        request = data.draw(st.sampled_from(self.running))
        start, end = request.num_computed, request.num_computed + chunk
        if end < len(request.token_ids):
            drafts = []
        else:
            end = len(request.token_ids) + len(drafts)
        before = self.snapshot()
        if not self.manager.allocate(request.block_table, end):
            assert self.snapshot() == before
            return
        before = self.snapshot()
        if not self.manager.make_writable(request.block_table, start, end):
            assert self.snapshot() == before
            return
        self.copy(self.manager.take_copies())
        text = request.token_ids + drafts
        self.write(self.target_pool, request, text, start, end)
        if data.draw(st.booleans()):  # the draft model catches up, its own guesses included
            self.write(self.draft_pool, request, text, min(request.num_draft_computed, start), end)
            request.num_draft_computed = min(end, len(request.token_ids))
        if end >= len(request.token_ids):
            num_accepted = data.draw(st.integers(0, len(drafts)))
            end = len(request.token_ids) + num_accepted
            request.token_ids += [*drafts[:num_accepted], bonus]
        request.num_computed = end
        if data.draw(st.booleans()):
            self.manager.truncate(request.block_table, len(request.token_ids))
        self.manager.commit(request.block_table, request.token_ids, request.num_computed, salt=request.salt)
        self.manager.mark_draft_computed(request.block_table, request.num_draft_computed)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.running))
        num_tokens = data.draw(st.integers(1, len(request.token_ids)))
        del request.token_ids[num_tokens:]
        request.num_computed = min(request.num_computed, num_tokens - 1)
        request.num_draft_computed = min(request.num_draft_computed, request.num_computed)
        self.manager.truncate(request.block_table, request.num_computed)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fork(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(self.running))
        twin = Sequence(request.salt, list(request.token_ids), request.num_computed, request.num_draft_computed)
        twin.block_table = self.manager.fork(request.block_table)
        self.running.append(twin)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        request = self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))
        self.manager.free(request.block_table)
        assert request.block_table == []

    @rule(num_kept=st.integers(0, NUM_BLOCKS))
    def give_memory_back(self, num_kept: int) -> None:
        self.manager.forget_cached(num_kept)
        assert self.manager.uses().count(BlockUse.CACHED) <= num_kept
        for start, end in self.manager.free_runs():
            for slot in range(start * BLOCK_SIZE, end * BLOCK_SIZE):
                self.target_pool.pop(slot, None)
                self.draft_pool.pop(slot, None)
        assert self.manager.free_runs() == [], "given back already"

    @invariant()
    def books_balance(self) -> None:
        tables = [request.block_table for request in self.running]
        self.manager.check_integrity(tables)
        used = {block_id for table in tables for block_id in table}
        assert self.manager.num_used_blocks == len(used)
        assert self.manager.num_free_blocks == NUM_BLOCKS - len(used)

    @invariant()
    def every_request_reads_its_own_text(self) -> None:
        self.copy(self.manager.take_copies())
        for request in self.running:
            for position in range(request.num_computed):
                assert self.target_pool[self.slot(request, position)] == self.text(request, position)
            for position in range(self.manager.num_draft_computed(request.block_table, request.num_computed)):
                assert self.draft_pool[self.slot(request, position)] == self.text(request, position)

    def snapshot(self) -> tuple[object, ...]:
        tables = tuple(tuple(request.block_table) for request in self.running)
        return tables, self.manager.num_free_blocks, self.manager.num_cached_blocks

    def slot(self, request: Sequence, position: int) -> int:
        return request.block_table[position // BLOCK_SIZE] * BLOCK_SIZE + position % BLOCK_SIZE

    def text(self, request: Sequence, position: int) -> Text:
        return request.salt, tuple(request.token_ids[: position + 1])

    def write(self, pool: dict[int, Text], request: Sequence, token_ids: list[int], start: int, end: int) -> None:
        for position in range(start, end):
            pool[self.slot(request, position)] = request.salt, tuple(token_ids[: position + 1])

    def copy(self, copies: list[tuple[int, int]]) -> None:
        for source, destination in copies:
            for pool in (self.target_pool, self.draft_pool):
                for offset in range(BLOCK_SIZE):
                    if (text := pool.get(source * BLOCK_SIZE + offset)) is not None:
                        pool[destination * BLOCK_SIZE + offset] = text


BlockManagerMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestBlockManagerMachine = BlockManagerMachine.TestCase


class SwappingMachine(BlockManagerMachine):
    """The same with a little host memory."""

    num_swap_blocks = 3


SwappingMachine.TestCase.settings = BlockManagerMachine.TestCase.settings
TestSwappingMachine = SwappingMachine.TestCase


def commit_new(manager: BlockManager, token_ids: list[int], *, salt: str | None = None) -> list[int]:
    """Compute token_ids from nothing and make them findable."""
    block_table: list[int] = []
    assert manager.allocate(block_table, len(token_ids))
    manager.commit(block_table, token_ids, len(token_ids), salt=salt)
    return block_table


def acquire(manager: BlockManager, token_ids: list[int], *, salt: str | None = None) -> list[int]:
    block_table: list[int] = []
    assert manager.acquire_prefix(block_table, token_ids, salt=salt) == len(block_table) * manager.block_size
    return block_table


def test_allocate_covers_the_tokens_and_keeps_what_is_there() -> None:
    manager = BlockManager(4, 4)
    block_table: list[int] = []
    assert manager.allocate(block_table, 5)
    first = list(block_table)
    assert len(first) == 2
    assert manager.allocate(block_table, 8)
    assert block_table == first
    assert manager.allocate(block_table, 9)
    assert block_table[:2] == first
    manager.check_integrity([block_table])


def test_allocate_is_all_or_nothing() -> None:
    manager = BlockManager(3, 2)
    block_table: list[int] = []
    assert manager.allocate(block_table, 2)
    before = list(block_table)
    assert not manager.allocate(block_table, 7)
    assert block_table == before
    assert manager.num_free_blocks == 2


def test_make_writable_is_all_or_nothing() -> None:
    manager = BlockManager(3, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    before = list(block_table)
    assert not manager.make_writable(block_table, 0, 4)
    assert manager.take_copies() == []
    assert block_table == before
    assert manager.num_cached_blocks == 2
    manager.check_integrity([block_table])


def test_the_last_free_block_can_be_copied_into() -> None:
    manager = BlockManager(2, 2)
    block_table = commit_new(manager, [1, 2])
    assert manager.make_writable(block_table, 1, 2)
    assert manager.take_copies() == [(0, 1)]
    assert block_table == [1]


def test_freed_blocks_are_reused_before_cached_ones_are_evicted() -> None:
    manager = BlockManager(4, 2)
    cached = commit_new(manager, [1, 2, 3, 4])
    private: list[int] = []
    assert manager.allocate(private, 4)
    freed = set(private)
    manager.free(cached)
    manager.free(private)
    again: list[int] = []
    assert manager.allocate(again, 4)
    assert set(again) == freed
    assert manager.num_cached_blocks == 2


def test_eviction_takes_the_least_recently_used_request_and_its_last_block_first() -> None:
    manager = BlockManager(4, 2)
    older, newer = commit_new(manager, [1, 2, 3, 4]), commit_new(manager, [5, 6, 7, 8])
    manager.free(older)
    manager.free(newer)
    taken: list[int] = []
    assert manager.allocate(taken, 2)
    assert len(acquire(manager, [1, 2, 3, 4])) == 1  # its last block is gone, its first was just used
    assert manager.allocate(taken, 4)
    assert acquire(manager, [5, 6, 7, 8]) != []


def test_use_protects_from_eviction() -> None:
    manager = BlockManager(4, 2)
    older, newer = commit_new(manager, [1, 2, 3, 4]), commit_new(manager, [5, 6, 7, 8])
    manager.free(older)
    manager.free(newer)
    used = acquire(manager, [1, 2, 3, 4])
    manager.free(used)
    taken: list[int] = []
    assert manager.allocate(taken, 4)
    assert len(acquire(manager, [1, 2, 3, 4])) == 2
    assert acquire(manager, [5, 6, 7, 8]) == []


def test_referenced_blocks_are_never_evicted() -> None:
    manager = BlockManager(2, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    assert manager.num_free_blocks == 0
    assert not manager.allocate([], 1)
    assert acquire(manager, [1, 2, 3, 4]) == block_table


def test_shared_blocks_are_copied_before_they_are_written() -> None:
    manager = BlockManager(5, 2)
    parent: list[int] = []
    assert manager.allocate(parent, 3)
    child = manager.fork(parent)
    assert child == parent
    assert manager.make_writable(child, 3, 4)
    assert manager.take_copies() == [(parent[1], child[1])]
    assert child[0] == parent[0]
    assert child[1] != parent[1]
    assert manager.make_writable(parent, 3, 4)
    assert manager.take_copies() == [], "the child is gone from it: sole owner"
    manager.check_integrity([parent, child])


def test_findable_blocks_are_copied_even_for_their_only_owner() -> None:
    """Otherwise the next acquire_prefix would read the new text under the old name."""
    manager = BlockManager(5, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    findable = block_table[1]
    assert manager.make_writable(block_table, 3, 4)
    assert manager.take_copies() == [(findable, block_table[1])]
    assert acquire(manager, [1, 2, 3, 4])[1] == findable


def test_make_writable_of_an_empty_range_does_nothing() -> None:
    manager = BlockManager(2, 2)
    block_table = commit_new(manager, [1, 2])
    assert manager.make_writable(block_table, 1, 1)
    assert manager.take_copies() == []
    assert manager.num_cached_blocks == 1


def test_prefix_is_found_in_whole_blocks_only() -> None:
    manager = BlockManager(8, 4)
    block_table = commit_new(manager, list(range(10)))
    assert acquire(manager, list(range(12))) == block_table[:2]
    assert acquire(manager, list(range(7))) == block_table[:1]
    assert acquire(manager, [*range(4), 9, 9, 9, 9]) == block_table[:1]
    assert acquire(manager, [1, *range(1, 8)]) == []
    assert (manager.num_prefix_query_tokens, manager.num_prefix_hit_tokens) == (12 + 7 + 8 + 8, 8 + 4 + 4)


def test_equal_blocks_after_different_beginnings_are_different() -> None:
    manager = BlockManager(8, 2)
    commit_new(manager, [1, 1, 7, 7])
    commit_new(manager, [2, 2])
    assert len(acquire(manager, [2, 2, 7, 7])) == 1
    assert acquire(manager, [7, 7]) == []


def test_salt_isolates() -> None:
    manager = BlockManager(8, 2)
    plain, salted = commit_new(manager, [1, 2, 3, 4]), commit_new(manager, [1, 2, 3, 4], salt="a")
    assert acquire(manager, [1, 2, 3, 4]) == plain
    assert acquire(manager, [1, 2, 3, 4], salt="a") == salted
    assert acquire(manager, [1, 2, 3, 4], salt="b") == []
    assert acquire(manager, [1, 2, 3, 4], salt="") == []


def test_hash_collisions_never_share_text() -> None:
    """hash(-1) == hash(-2) in CPython, so these keys do collide."""
    assert hash((None, (-1, -1))) == hash((None, (-2, -1)))
    manager = BlockManager(4, 2)
    commit_new(manager, [-1, -1])
    assert acquire(manager, [-2, -1]) == []


def test_rejected_drafts_are_never_findable() -> None:
    manager = BlockManager(8, 2)
    block_table: list[int] = []
    assert manager.allocate(block_table, 6)  # 3 tokens and 3 drafts, all computed
    manager.commit(block_table, [1, 2, 3], 6)
    assert manager.num_cached_blocks == 1
    manager.truncate(block_table, 4)
    manager.commit(block_table, [1, 2, 3, 9], 3)  # all drafts rejected; 9 is committed but not computed
    assert manager.num_cached_blocks == 1
    manager.commit(block_table, [1, 2, 3, 9], 4)
    assert acquire(manager, [1, 2, 3, 9]) == block_table


def test_commit_twice_changes_nothing() -> None:
    manager = BlockManager(4, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    manager.commit(block_table, [1, 2, 3, 4], 4)
    manager.commit(block_table, [1, 2, 3, 4], 2)
    assert manager.num_cached_blocks == 2
    manager.check_integrity([block_table])


def test_second_block_of_equal_content_stays_private_and_its_successors_join_the_prefix() -> None:
    manager = BlockManager(8, 2)
    first, second = commit_new(manager, [1, 2]), commit_new(manager, [1, 2, 3, 4])
    assert manager.num_cached_blocks == 2
    assert acquire(manager, [1, 2, 3, 4]) == [first[0], second[1]]


def test_second_block_of_equal_content_takes_over_when_the_first_was_evicted() -> None:
    manager = BlockManager(3, 2)
    first, second = commit_new(manager, [1, 2]), commit_new(manager, [1, 2, 3, 4])
    manager.free(first)
    other: list[int] = []
    assert manager.allocate(other, 2)
    assert acquire(manager, [1, 2]) == []
    expected = list(second)
    manager.free(second)
    assert acquire(manager, [1, 2, 3, 4]) == expected


@pytest.mark.parametrize("announce", ["truncate", "make_writable"])
def test_a_private_block_forgets_what_it_held_before_it_is_written_again(announce: str) -> None:
    """Otherwise its next text would be taken for the one committed before."""
    manager = BlockManager(8, 2)
    commit_new(manager, [1, 2])
    twin = commit_new(manager, [1, 2])
    manager.mark_draft_computed(twin, 2)
    if announce == "truncate":
        manager.truncate(twin, 1)
    else:
        assert manager.make_writable(twin, 1, 2)
        assert manager.take_copies() == []
    assert manager.num_draft_computed(twin, 2) == 0
    manager.commit(twin, [1, 9], 2)
    assert acquire(manager, [1, 9]) == twin


def test_without_prefix_caching_nothing_is_findable() -> None:
    manager = BlockManager(4, 2, enable_prefix_caching=False)
    block_table = commit_new(manager, [1, 2, 3, 4])
    assert acquire(manager, [1, 2, 3, 4]) == []
    manager.free(block_table)
    assert (manager.num_cached_blocks, manager.num_free_blocks) == (0, 4)


def test_draft_flag_survives_a_prefix_hit_and_ends_when_the_block_is_handed_out_anew() -> None:
    manager = BlockManager(2, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    manager.mark_draft_computed(block_table, 3)
    assert manager.num_draft_computed(block_table, 4) == 2
    manager.mark_draft_computed(block_table, 4)
    manager.free(block_table)
    block_table = acquire(manager, [1, 2, 3, 4])
    assert manager.num_draft_computed(block_table, 4) == 4
    assert manager.num_draft_computed(block_table, 3) == 2
    manager.free(block_table)
    assert manager.allocate(block_table, 4)
    assert manager.num_draft_computed(block_table, 4) == 0


def test_what_one_draft_computed_is_not_taken_for_what_another_did() -> None:
    manager = BlockManager(2, 2)
    block_table = commit_new(manager, [1, 2, 3, 4])
    manager.mark_draft_computed(block_table, 4, "draft")
    manager.mark_draft_computed(block_table, 2, "mtp")
    assert (manager.num_draft_computed(block_table, 4, "draft"), manager.num_draft_computed(block_table, 4, "mtp")) == (
        4,
        2,
    )
    assert manager.draft_computed_blocks() == set(block_table)


def test_draft_flag_counts_up_to_the_first_gap() -> None:
    manager = BlockManager(4, 2)
    block_table: list[int] = []
    assert manager.allocate(block_table, 6)
    manager.mark_draft_computed(block_table[1:], 4)
    assert manager.num_draft_computed(block_table, 6) == 0
    manager.mark_draft_computed(block_table, 100)
    assert manager.num_draft_computed(block_table, 100) == 6


@pytest.mark.parametrize(("num_blocks", "block_size"), [(0, 16), (4, 0), (-1, 1)])
def test_impossible_sizes_are_refused(num_blocks: int, block_size: int) -> None:
    with pytest.raises(ConfigError):
        BlockManager(num_blocks, block_size)


def test_misuse_is_noticed() -> None:
    manager = BlockManager(4, 2)
    block_table = commit_new(manager, [1, 2])
    copy = list(block_table)
    with pytest.raises(AssertionError, match="references"):
        manager.check_integrity([])
    with pytest.raises(AssertionError, match="empty"):
        manager.acquire_prefix(block_table, [1, 2])
    with pytest.raises(AssertionError, match="not allocated"):
        manager.make_writable(block_table, 0, 3)
    manager.free(block_table)
    with pytest.raises(AssertionError, match="more often"):
        manager.free(copy)


def test_blocks_without_content_are_found_once_and_again_when_they_were_used() -> None:
    manager = BlockManager(8, BLOCK_SIZE)
    assert manager.free_runs() == [(0, 8)], "nobody knows what was written before"
    one: list[int] = []
    two: list[int] = []
    manager.allocate(one, 6)
    manager.allocate(two, 5)
    assert manager.free_runs() == [(6, 8)] or manager.free_runs() == []
    manager.commit(one, range(6), 6)
    manager.free(one)
    manager.free(two)
    assert manager.free_runs() == [(3, 8)], "cached prefixes stay, and neighbours join"
    assert manager.free_runs() == []
    manager.forget_cached(1)
    assert manager.acquire_prefix([], range(6)) == 2, "what was used longest ago goes first"
