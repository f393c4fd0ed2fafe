"""Slots hold what was written to them, and a copied block holds what its source held."""

from __future__ import annotations

import pytest
import torch

from helix.kv_cache.pool import HiddenStatePool, KVCachePool, KVLayout, num_bytes_per_block

LAYOUTS = [KVLayout(2, 4, 4), KVLayout(1, 8, 6)]


@pytest.fixture(params=[torch.float32, torch.bfloat16, torch.int8], ids=str)
def pool(request: pytest.FixtureRequest) -> KVCachePool:
    return KVCachePool(LAYOUTS, num_blocks=4, block_size=2, dtype=request.param, device=torch.device("cpu"))


def test_layers_of_different_shape_share_slots(pool: KVCachePool) -> None:
    slots = torch.tensor([5, 0])
    key, value = torch.randn(2, 1, 8), torch.randn(2, 1, 6)
    pool.write(1, slots, key, value)
    step = {torch.float32: 0.0, torch.bfloat16: 2.0**-8, torch.int8: 1 / 127}[pool.dtype]
    for left, written in zip(pool.read(1, slots, torch.float32), (key, value), strict=True):
        assert left.dtype is torch.float32
        torch.testing.assert_close(left, written, rtol=0, atol=step * float(written.abs().max()))
    assert not pool.keys[0].any()


def test_copying_a_block_copies_every_layer(pool: KVCachePool) -> None:
    for layer, layout in enumerate(LAYOUTS):
        shape = (2, layout.num_kv_heads)
        pool.write(
            layer, torch.tensor([2, 3]), torch.randn(*shape, layout.key_dim), torch.randn(*shape, layout.value_dim)
        )
    pool.copy_blocks([(1, 3)])
    for tensor in (*pool.keys, *pool.values):
        assert torch.equal(tensor[6:8], tensor[2:4])
        assert tensor[6:8].any()


def test_bytes_per_block_times_blocks_is_the_pool(pool: KVCachePool) -> None:
    assert 4 * num_bytes_per_block(LAYOUTS, block_size=2, dtype=pool.dtype) == pool.num_bytes
    own = sum(tensor.numel() * tensor.element_size() for tensor in (*pool.keys, *pool.values))
    assert pool.num_bytes == own


def test_hidden_states_lie_in_slots_and_move_with_their_blocks() -> None:
    pool = HiddenStatePool(3, num_blocks=4, block_size=2, dtype=torch.float32, device=torch.device("cpu"))
    states = torch.randn(2, 3)
    pool.write(torch.tensor([3, 2]), states)
    pool.copy_blocks([(1, 3)])
    assert torch.equal(pool.read(torch.tensor([3, 7, 6])), states[[0, 0, 1]])
    assert not pool.read(torch.tensor([0, 1, 4, 5])).any()
    assert pool.num_bytes == 8 * 3 * 4
