"""Which block of host memory keeps which block that was evicted from the device. Numbers only."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

PrefixKey = tuple[int | str | None, tuple[int, ...]]
"""The prefix before a block (its prefix_id; for a first block the salt) and the block's own token ids."""
DraftPool = Literal["draft", "mtp"]
"""A pool beside the target's that has the same block ids: that of the draft model, or of the target's heads."""


@dataclass(frozen=True, slots=True)
class SwappedBlock:
    """One full block in host memory."""

    block_id: int
    prefix_id: int
    """Names the text from the first token to the end of this block."""
    draft_pools: frozenset[DraftPool]
    """Where the KV of all its tokens is valid as well."""


class SwapSpace:
    """Host blocks; their ids follow those of the device's blocks, so that a copy is a pair of ids in either direction.

    A preempted request's blocks are findable by what they hold, as those of any request: they come here when they are
    evicted, and the prefix cache finds them again when the request, or another with the same beginning, goes on.

    Source: Kwon et al., arXiv 2309.06180, section 4.5 (swapping), with the prefix cache's keys.
    """

    def __init__(self, first_id: int, num_blocks: int) -> None:
        self.num_blocks = num_blocks
        self._free = list(range(first_id + num_blocks - 1, first_id - 1, -1))
        self._kept: OrderedDict[PrefixKey, SwappedBlock] = OrderedDict()  # next to give up first

    @property
    def num_used_blocks(self) -> int:
        """Blocks that hold something."""
        return len(self._kept)

    def keep(self, key: PrefixKey, prefix_id: int, draft_pools: Set[DraftPool]) -> int | None:
        """Return the host block into which an evicted block is to be copied; None where there is none."""
        known = self._kept.pop(key, None)
        if known is not None:
            block_id = known.block_id
        elif self._free:
            block_id = self._free.pop()
        elif self._kept:
            block_id = self._kept.popitem(last=False)[1].block_id
        else:
            return None
        self._kept[key] = SwappedBlock(block_id, prefix_id, frozenset(draft_pools))
        return block_id

    def take(self, key: PrefixKey) -> SwappedBlock | None:
        """Return the block with this content, which is nobody else's until it is given up."""
        return self._kept.pop(key, None)

    def give_up(self, block: SwappedBlock) -> None:
        """Let a block that was taken keep something else."""
        self._free.append(block.block_id)

    def check_integrity(self) -> None:
        """Raise AssertionError unless every block is free or kept, and only one of them; slow, for tests."""
        kept = [block.block_id for block in self._kept.values()]
        assert len({*kept, *self._free}) == len(kept) + len(self._free) == self.num_blocks
