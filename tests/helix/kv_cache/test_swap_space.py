"""Evicted blocks are kept as long as there is room, and found by what they hold."""

from __future__ import annotations

from helix.kv_cache.block_manager import BlockManager
from helix.kv_cache.swap_space import SwapSpace


def key(number: int) -> tuple[None, tuple[int, ...]]:
    return None, (number,)


def test_the_block_that_was_kept_first_makes_room() -> None:
    space = SwapSpace(first_id=10, num_blocks=2)
    assert [space.keep(key(number), number, set()) for number in range(3)] == [10, 11, 10]
    assert space.take(key(0)) is None
    kept = space.take(key(1))
    assert kept is not None and (kept.block_id, kept.prefix_id) == (11, 1)
    assert space.keep(key(4), 4, set()) == 10, "what was taken keeps its block until it is given up"
    space.give_up(kept)
    assert space.keep(key(5), 5, set()) == 11
    space.check_integrity()


def test_equal_content_is_kept_once() -> None:
    space = SwapSpace(first_id=10, num_blocks=2)
    assert space.keep(key(0), 0, set()) == space.keep(key(0), 0, {"draft"}) == 10
    assert space.num_used_blocks == 1


def test_without_room_nothing_is_kept() -> None:
    assert SwapSpace(first_id=10, num_blocks=0).keep(key(0), 0, set()) is None


def test_two_texts_take_turns_on_blocks_for_one() -> None:
    """The longest way round: both are evicted again and again, and neither is ever computed twice."""
    manager = BlockManager(2, 2, num_swap_blocks=4)
    texts = [[1, 2, 3, 4], [5, 6, 7, 8]]
    content: dict[int, list[int]] = {}
    for turn in range(6):
        text = texts[turn % 2]
        table: list[int] = []
        num_found = manager.acquire_prefix(table, text)
        assert num_found == (4 if turn > 1 else 0)
        assert manager.allocate(table, 4)
        for source, destination in manager.take_copies():
            content[destination] = content.get(source, [])
        if not num_found:
            content |= {block_id: text[2 * index : 2 * index + 2] for index, block_id in enumerate(table)}
        assert [token for block_id in table for token in content[block_id]] == text
        manager.commit(table, text, 4)
        manager.free(table)
        manager.check_integrity([])
    assert manager.num_swapped_in_blocks == 8
