"""Which physical block holds which tokens: allocation, reference counts, prefix cache. Numbers only.

KV memory is cut into blocks of block_size tokens; a request's block table lists its blocks in order of position, so
that token i lives in slot block_table[i // block_size] * block_size + i % block_size. Requests with a common
beginning share blocks, counted by reference and copied before they are written.

    free       never used, or its content was given up: handed out first
    cached     nobody refers to it, its content can still be found: handed out (evicted) when no block is free, LRU
    referenced in one or more block tables; findable or private

With a swap space an evicted block's content is copied to host memory, and copied back when it is asked for.

Source: Kwon et al., arXiv 2309.06180, sections 4.2 to 4.5; the prefix cache extends their shared prompts over time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from helix.errors import ConfigError
from helix.kv_cache.swap_space import DraftPool, PrefixKey, SwapSpace


class BlockUse(StrEnum):
    """What a block is used for."""

    FREE = "free"
    CACHED = "cached"
    """In no block table, but its content can still be found."""
    PRIVATE = "private"
    """In one block table."""
    SHARED = "shared"
    """In several."""


@dataclass(slots=True)
class Block:
    """One physical block of the pools."""

    block_id: int
    ref_count: int = 0
    """Block tables it is in."""
    key: PrefixKey | None = None
    """What it holds; None until every slot holds a committed token."""
    prefix_id: int | None = None
    """Names the text from the first token to the end of this block; never given to another text."""
    draft_pools: set[DraftPool] = field(default_factory=set)
    """Where the KV of all its tokens is valid as well."""


class BlockManager:
    """Owner of all blocks; a block table belongs to its request and is changed only by these methods.

    A key holds the tokens themselves and the identity of everything before them, and the dictionary compares whole
    keys: a hash collision costs time, never somebody else's text.

    Raises:
        ConfigError: num_blocks or block_size is below 1.
    """

    def __init__(
        self, num_blocks: int, block_size: int, *, enable_prefix_caching: bool = True, num_swap_blocks: int = 0
    ) -> None:
        if num_blocks < 1 or block_size < 1:
            raise ConfigError(f"the KV cache needs at least one block of one token, got {num_blocks} x {block_size}")
        self.num_blocks = num_blocks
        self.block_size = block_size
        self.enable_prefix_caching = enable_prefix_caching
        self.num_prefix_query_tokens = 0
        """Tokens acquire_prefix was asked for, since the start."""
        self.num_prefix_hit_tokens = 0
        """Of those, tokens it found."""
        self._blocks = [Block(block_id) for block_id in range(num_blocks)]
        self._free = list(reversed(range(num_blocks)))
        self._cached: OrderedDict[int, None] = OrderedDict()  # unreferenced but findable, next to evict first
        self._findable: dict[PrefixKey, int] = {}
        self._num_prefixes = 0
        self.swap_space = SwapSpace(num_blocks, num_swap_blocks)
        self.num_swapped_in_blocks = 0
        """Copied back from host memory since the start."""
        self._copies: list[tuple[int, int]] = []
        self._taken = set(range(num_blocks))  # handed out since free_runs was asked; at first nobody knows

    @property
    def num_free_blocks(self) -> int:
        """Blocks that allocate could hand out now, cached ones included."""
        return len(self._free) + len(self._cached)

    @property
    def num_used_blocks(self) -> int:
        """Blocks in at least one block table."""
        return self.num_blocks - self.num_free_blocks

    @property
    def num_cached_blocks(self) -> int:
        """Blocks that acquire_prefix can find, referenced or not."""
        return len(self._findable)

    def uses(self) -> list[BlockUse]:
        """Return what each block is used for, in the order of their ids."""
        return [
            BlockUse.SHARED
            if block.ref_count > 1
            else BlockUse.PRIVATE
            if block.ref_count
            else BlockUse.CACHED
            if block.block_id in self._cached
            else BlockUse.FREE
            for block in self._blocks
        ]

    def free_runs(self) -> list[tuple[int, int]]:
        """Return runs of blocks [start, end) that hold nothing, cached prefixes neither, in the order of their ids.

        Runs in which no block was handed out since the last call are left out: their memory was given back then.
        """
        runs: list[tuple[int, int]] = []
        if self._copies:  # what is to be copied may be in a free block already
            return runs
        for block_id in sorted(self._free):
            if runs and runs[-1][1] == block_id:
                runs[-1] = (runs[-1][0], block_id + 1)
            else:
                runs.append((block_id, block_id + 1))
        taken, self._taken = self._taken, self._taken.difference(self._free)
        return [run for run in runs if not taken.isdisjoint(range(*run))]

    def forget_cached(self, num_kept: int) -> None:
        """Give up cached prefixes that nobody uses, those used longest ago first, until num_kept blocks hold any."""
        while len(self._cached) > num_kept:
            block = self._blocks[self._cached.popitem(last=False)[0]]
            assert block.key is not None, f"block {block.block_id} is cached, unnamed"
            del self._findable[block.key]
            _forget_content(block)
            self._free.append(block.block_id)

    def draft_computed_blocks(self) -> set[int]:
        """Return the blocks of which a draft's KV is valid to the end, in a block table or not."""
        return {block.block_id for block in self._blocks if block.draft_pools}

    def num_blocks_for(self, num_tokens: int) -> int:
        """Return how many blocks cover num_tokens tokens."""
        return -(-num_tokens // self.block_size)

    def allocate(self, block_table: list[int], num_tokens: int) -> bool:
        """Extend block_table in place until it covers num_tokens tokens.

        All or nothing: when too few blocks are free, returns False and changes nothing. Blocks already in the table
        are never moved, so slots handed out earlier stay valid. A table that is long enough is left alone.
        """
        num_missing = self.num_blocks_for(num_tokens) - len(block_table)
        if num_missing <= 0:
            return True
        if num_missing > self.num_free_blocks:
            return False
        for _ in range(num_missing):
            block_table.append(self._hand_out())
        return True

    def truncate(self, block_table: list[int], num_tokens: int) -> None:
        """Give up every token from num_tokens on and release the blocks that hold nothing else.

        The last block kept may be shared or findable; ask make_writable before writing into it again.
        """
        num_kept = self.num_blocks_for(num_tokens)
        while len(block_table) > num_kept:
            self._release(block_table.pop())
        if len(block_table) == num_kept and num_tokens % self.block_size:
            last = self._blocks[block_table[-1]]
            if self._is_private(last):
                _forget_content(last)

    def free(self, block_table: list[int]) -> None:
        """Release all blocks of a request and clear its table.

        Findable blocks stay findable until they are evicted. Blocks are released from the end, so that of one
        request the last block is evicted first: a prefix outlives what hangs on it.
        """
        while block_table:
            self._release(block_table.pop())

    def fork(self, block_table: Sequence[int]) -> list[int]:
        """Return a second table over the same blocks; whoever writes first copies, see make_writable."""
        for block_id in block_table:
            self._blocks[block_id].ref_count += 1
        return list(block_table)

    def take_copies(self) -> list[tuple[int, int]]:
        """Return the (source, destination) block copies to perform, in this order and before anything is written.

        A source may have been handed out again since. Ids from num_blocks on are blocks of the swap space.
        """
        copies, self._copies = self._copies, []
        return copies

    def make_writable(self, block_table: list[int], start: int, end: int) -> bool:
        """Make sure that writing positions [start, end) changes nobody else's tokens: copy on write.

        Blocks in that range which are shared or findable are replaced in the table by fresh ones, into which they are
        to be copied, see take_copies. When too few blocks are free, returns False and changes nothing. The caller is
        expected to recompute the range in all pools: no block in it counts as draft computed any more.
        """
        indices = range(start // self.block_size, self.num_blocks_for(end)) if start < end else range(0)
        assert not indices or indices[-1] < len(block_table), f"positions [{start}, {end}) are not allocated"
        to_copy = [index for index in indices if not self._is_private(self._blocks[block_table[index]])]
        if len(to_copy) > self.num_free_blocks:
            return False
        for index in to_copy:
            source, block_table[index] = block_table[index], self._hand_out()
            self._copies.append((source, block_table[index]))
            self._release(source)
        for index in indices:
            _forget_content(self._blocks[block_table[index]])
        return True

    def acquire_prefix(self, block_table: list[int], token_ids: Sequence[int], *, salt: str | None = None) -> int:
        """Fill an empty block table with the longest run of findable blocks that hold the beginning of token_ids.

        Takes a reference on each and returns the number of tokens covered: a multiple of block_size which may reach
        len(token_ids), so a caller that needs the last token's logits passes all but the last token. Only blocks
        committed under the same salt are found. What is found in the swap space takes free blocks while there are any.
        """
        assert not block_table, "acquire_prefix needs an empty block table"
        if not self.enable_prefix_caching:
            return 0
        prefix: int | str | None = salt
        for start in range(0, len(token_ids) - self.block_size + 1, self.block_size):
            key = (prefix, tuple(token_ids[start : start + self.block_size]))
            block_id = self._findable.get(key)
            if block_id is None:
                block_id = self._swap_in(key)
                if block_id is None:
                    break
            block = self._blocks[block_id]
            if block.ref_count == 0:
                del self._cached[block_id]
            block.ref_count += 1
            block_table.append(block_id)
            prefix = block.prefix_id
        num_tokens = len(block_table) * self.block_size
        self.num_prefix_query_tokens += len(token_ids)
        self.num_prefix_hit_tokens += num_tokens
        return num_tokens

    def commit(
        self, block_table: Sequence[int], token_ids: Sequence[int], num_computed_tokens: int, *, salt: str | None = None
    ) -> None:
        """Make the blocks of block_table that are full of computed, committed tokens findable.

        token_ids are prompt and committed output, never drafts: a block that reaches beyond them stays private.
        Calling again is harmless and costs only the blocks that became full since. If a block with the same content
        is findable already, ours stays private; it takes that place if it is released after the other was evicted.
        """
        if not self.enable_prefix_caching:
            return
        num_full = min(num_computed_tokens, len(token_ids), len(block_table) * self.block_size) // self.block_size
        num_known = num_full
        while num_known and self._blocks[block_table[num_known - 1]].key is None:
            num_known -= 1
        prefix = self._blocks[block_table[num_known - 1]].prefix_id if num_known else salt
        for index in range(num_known, num_full):
            block = self._blocks[block_table[index]]
            key = (prefix, tuple(token_ids[index * self.block_size : (index + 1) * self.block_size]))
            twin = self._findable.get(key)
            if twin is None:
                self._findable[key] = block.block_id
                swapped = self.swap_space.take(key)
                if swapped is not None:  # what hangs on it stays findable
                    block.prefix_id = swapped.prefix_id
                    self.swap_space.give_up(swapped)
                else:
                    block.prefix_id = self._num_prefixes
                    self._num_prefixes += 1
            else:
                block.prefix_id = self._blocks[twin].prefix_id
            block.key = key
            prefix = block.prefix_id

    def mark_draft_computed(self, block_table: Sequence[int], num_tokens: int, pool: DraftPool = "draft") -> None:
        """Note that the KV in a draft's pool is valid for the first num_tokens tokens, all of them committed.

        Only blocks that are full below num_tokens are marked. A mark lasts until the block is handed out anew.
        """
        for block_id in block_table[: num_tokens // self.block_size]:
            self._blocks[block_id].draft_pools.add(pool)

    def num_draft_computed(self, block_table: Sequence[int], num_tokens: int, pool: DraftPool = "draft") -> int:
        """Return how many of the first num_tokens tokens have valid KV there without a gap; whole blocks only."""
        for index, block_id in enumerate(block_table[: num_tokens // self.block_size]):
            if pool not in self._blocks[block_id].draft_pools:
                return index * self.block_size
        return min(len(block_table), num_tokens // self.block_size) * self.block_size

    def check_integrity(self, block_tables: Iterable[Sequence[int]]) -> None:
        """Raise AssertionError unless the books balance with all block tables in use; slow, for tests.

        Every block is free, cached or referenced and only one of them; references equal the tables' entries; what is
        findable is found under its own key, in a full block.
        """
        counts: Counter[int] = Counter()
        for block_table in block_tables:
            assert len(set(block_table)) == len(block_table), f"a block occurs twice in table {list(block_table)}"
            counts.update(block_table)
        free = set(self._free)
        assert len(free) == len(self._free), "a block is free twice"
        for block in self._blocks:
            name = f"block {block.block_id}"
            assert block.ref_count == counts[block.block_id], (
                f"{name} counts {block.ref_count} references, tables hold {counts[block.block_id]}"
            )
            states = (block.block_id in free, block.block_id in self._cached, block.ref_count > 0)
            assert sum(states) == 1, f"{name} must be one of free, cached, referenced, is {states}"
            assert states[2] or states[1] == self._is_findable(block), f"{name} is unreferenced: cached iff findable"
            assert not states[0] or block.key is None, f"{name} is free but has a key"
            assert (block.key is None) == (block.prefix_id is None), f"{name} has a key or a prefix_id, not both"
            assert block.key is None or len(block.key[1]) == self.block_size, f"{name} is findable but not full"
        for key, block_id in self._findable.items():
            assert self._blocks[block_id].key == key, f"block {block_id} is found under a key that is not its own"
        assert self.num_free_blocks + len(+counts) == self.num_blocks, "free and referenced blocks are not all blocks"
        self.swap_space.check_integrity()

    def _is_findable(self, block: Block) -> bool:
        return block.key is not None and self._findable.get(block.key) == block.block_id

    def _is_private(self, block: Block) -> bool:
        return block.ref_count == 1 and not self._is_findable(block)

    def _swap_in(self, key: PrefixKey) -> int | None:
        """Return a cached block with a content that was in the swap space; None if there is none, or no free block."""
        swapped = self.swap_space.take(key) if self.num_free_blocks else None
        if swapped is None:
            return None
        block = self._blocks[self._hand_out()]  # what it held is swapped out: elsewhere, as ours is not given up yet
        self._copies.append((swapped.block_id, block.block_id))
        self.swap_space.give_up(swapped)
        self.num_swapped_in_blocks += 1
        block.key, block.prefix_id, block.draft_pools = key, swapped.prefix_id, set(swapped.draft_pools)
        block.ref_count = 0
        self._findable[key] = block.block_id
        self._cached[block.block_id] = None
        return block.block_id

    def _hand_out(self) -> int:
        if self._free:
            block = self._blocks[self._free.pop()]
        else:
            block = self._blocks[self._cached.popitem(last=False)[0]]
            assert block.key is not None and block.prefix_id is not None, f"block {block.block_id} is cached, unnamed"
            del self._findable[block.key]
            kept = self.swap_space.keep(block.key, block.prefix_id, block.draft_pools)
            if kept is not None:
                self._copies.append((block.block_id, kept))
        _forget_content(block)
        block.ref_count = 1
        self._taken.add(block.block_id)
        return block.block_id

    def _release(self, block_id: int) -> None:
        block = self._blocks[block_id]
        assert block.ref_count > 0, f"block {block_id} is released more often than taken"
        block.ref_count -= 1
        if block.ref_count:
            return
        if block.key is not None and self._findable.setdefault(block.key, block_id) == block_id:
            self._cached[block_id] = None
        else:
            _forget_content(block)
            self._free.append(block_id)


def _forget_content(block: Block) -> None:
    block.key = None
    block.prefix_id = None
    block.draft_pools.clear()
