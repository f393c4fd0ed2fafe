from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.kernels.attention import AttentionKernel, load_attention_kernel
from helix.kernels.build import KernelBuildError, supported_variants
from helix.kv_cache.int8 import NUM_SCALE_BYTES, dequantize, quantize

BLOCK_SIZE = 4


@pytest.fixture(scope="module", params=[variant.name for variant in supported_variants()])
def kernel(request: pytest.FixtureRequest) -> AttentionKernel:
    variants = [variant for variant in supported_variants() if variant.name == request.param]
    try:
        return load_attention_kernel(variants=variants)
    except KernelBuildError as error:
        if "no C++ compiler" in str(error) or "not built on" in str(error):
            pytest.skip(str(error))
        raise


class Sequence:
    """Random queries, keys and values of one sequence and the scattered pool they go to."""

    def __init__(
        self,
        num_tokens: int,
        num_kv_heads: int,
        share: int,
        key_dim: int,
        value_dim: int,
        seed: int,
        kv_dtype: torch.dtype = torch.float32,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.query = torch.randn(num_kv_heads * share, num_tokens, key_dim, generator=generator) * 2
        self.key = torch.randn(num_kv_heads, num_tokens, key_dim, generator=generator)
        self.value = torch.randn(num_kv_heads, num_tokens, value_dim, generator=generator)
        num_blocks = -(-num_tokens // BLOCK_SIZE)
        self.table = torch.randperm(num_blocks, generator=generator)
        extra = NUM_SCALE_BYTES if kv_dtype is torch.int8 else 0
        self.pools = (
            torch.zeros(num_blocks * BLOCK_SIZE, num_kv_heads, key_dim + extra, dtype=kv_dtype),
            torch.zeros(num_blocks * BLOCK_SIZE, num_kv_heads, value_dim + extra, dtype=kv_dtype),
        )

    def attend(
        self, kernel: AttentionKernel, start: int, end: int, window: int | None = None, chunk: int | None = None
    ) -> Tensor:
        """Compute tokens [start, end) behind what the pool holds."""
        positions = torch.arange(start, end)
        slots = self.table[positions // BLOCK_SIZE] * BLOCK_SIZE + positions % BLOCK_SIZE
        return kernel(
            self.query[:, start:end],
            self.key[:, start:end],
            self.value[:, start:end],
            *self.pools,
            slots,
            positions,
            torch.zeros_like(positions),
            self.table[None],
            BLOCK_SIZE,
            window=window,
            chunk=chunk,
            scale=0.4,
        )

    def reference(self, window: int | None, chunk: int | None) -> Tensor:
        share = len(self.query) // len(self.key)
        position = torch.arange(self.query.shape[1])
        sees = position <= position[:, None]
        if window is not None:
            sees &= position > position[:, None] - window
        if chunk is not None:
            sees &= position // chunk == position[:, None] // chunk
        scores = self.query.double() @ self.key.double().repeat_interleave(share, 0).transpose(1, 2) * 0.4
        weights = scores.masked_fill(~sees, float("-inf")).softmax(-1)
        return (weights @ self.value.double().repeat_interleave(share, 0)).transpose(0, 1)


@settings(max_examples=60, deadline=None)
@given(
    num_tokens=st.integers(1, 70),
    num_kv_heads=st.integers(1, 3),
    share=st.integers(1, 4),
    key_dim=st.integers(1, 70),
    value_dim=st.integers(1, 140),
    window=st.none() | st.integers(1, 80),
    chunk=st.none() | st.integers(1, 80),
    seed=st.integers(0, 1000),
)
def test_agrees_with_float64(
    kernel: AttentionKernel,
    num_tokens: int,
    num_kv_heads: int,
    share: int,
    key_dim: int,
    value_dim: int,
    window: int | None,
    chunk: int | None,
    seed: int,
) -> None:
    sequence = Sequence(num_tokens, num_kv_heads, share, key_dim, value_dim, seed)
    out = sequence.attend(kernel, 0, num_tokens, window, chunk)
    torch.testing.assert_close(out.double(), sequence.reference(window, chunk), rtol=0, atol=3e-5)


@pytest.mark.parametrize(("key_dim", "value_dim"), [(64, 64), (13, 29), (6, 107)])
def test_what_is_quantised_is_stored_as_the_pool_does_and_read_as_it_is_stored(
    kernel: AttentionKernel, key_dim: int, value_dim: int
) -> None:
    sequence = Sequence(37, 2, 3, key_dim, value_dim, seed=6, kv_dtype=torch.int8)
    sequence.key[0, 5], sequence.value[1, 7] = 0, 1e-35
    out = sequence.attend(kernel, 0, 37)
    position = torch.arange(37)
    slots = sequence.table[position // BLOCK_SIZE] * BLOCK_SIZE + position % BLOCK_SIZE
    for pool, written in zip(sequence.pools, (sequence.key, sequence.value), strict=True):
        assert torch.equal(pool[slots], quantize(written.transpose(0, 1)))
    sequence.key, sequence.value = (dequantize(pool[slots]).transpose(0, 1) for pool in sequence.pools)
    torch.testing.assert_close(out.double(), sequence.reference(None, None), rtol=0, atol=3e-5)


@pytest.mark.parametrize("kv_dtype", [torch.float32, torch.int8], ids=str)
@pytest.mark.parametrize("dims", [(64, 64), (13, 29)])
@pytest.mark.parametrize(("window", "chunk"), [(None, None), (21, None), (None, 16)])
def test_rows_are_bitwise_independent_of_how_a_context_is_cut(
    kernel: AttentionKernel, dims: tuple[int, int], window: int | None, chunk: int | None, kv_dtype: torch.dtype
) -> None:
    whole = Sequence(90, 2, 3, *dims, seed=1, kv_dtype=kv_dtype)
    expected = whole.attend(kernel, 0, 90, window, chunk)
    for size in range(1, 17):
        pieces = Sequence(90, 2, 3, *dims, seed=1, kv_dtype=kv_dtype)
        parts = [pieces.attend(kernel, at, min(at + size, 90), window, chunk) for at in range(0, 90, size)]
        assert torch.equal(torch.cat(parts), expected), size


@pytest.fixture(params=[1, 3])
def num_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("window", [None, 400])
def test_a_long_context_gives_the_same_bits_to_few_rows_and_many_on_any_number_of_threads(
    kernel: AttentionKernel, num_threads: int, window: int | None
) -> None:
    """Several chunks: few rows share them among threads and merge them at the end, many rows merge as they go."""
    whole = Sequence(900, 2, 12, 64, 64, seed=6)
    expected = whole.attend(kernel, 0, 900, window)
    torch.testing.assert_close(expected.double(), whole.reference(window, None), rtol=0, atol=3e-5)
    for size in (1, 2, 5, 16):
        rows = [whole.attend(kernel, start, start + size, window) for start in (900 - size, 512, 509)]
        for start, out in zip((900 - size, 512, 509), rows, strict=True):
            assert torch.equal(out, expected[start : start + size]), (start, size)
    torch.set_num_threads(4 - num_threads)
    assert torch.equal(whole.attend(kernel, 860, 900, window), expected[860:])


def test_requests_read_their_own_tables(kernel: AttentionKernel) -> None:
    one, other = Sequence(9, 1, 2, 16, 16, seed=1), Sequence(6, 1, 2, 16, 16, seed=2)
    expected = torch.cat([one.attend(kernel, 0, 9), other.attend(kernel, 0, 6)])
    shift = len(one.table)
    pools = [torch.zeros(len(a) + len(b), 1, 16) for a, b in zip(one.pools, other.pools, strict=True)]
    tables = torch.zeros(2, shift, dtype=torch.int64)
    tables[0], tables[1, : len(other.table)] = one.table, other.table + shift
    positions = torch.cat([torch.arange(9), torch.arange(6)])
    owners = torch.tensor([0] * 9 + [1] * 6)
    slots = tables[owners, positions // BLOCK_SIZE] * BLOCK_SIZE + positions % BLOCK_SIZE
    query, key, value = (
        torch.cat(pair, dim=1) for pair in ((one.query, other.query), (one.key, other.key), (one.value, other.value))
    )
    keys, values = pools
    out = kernel(
        query,
        key,
        value,
        keys,
        values,
        slots,
        positions,
        owners,
        tables,
        BLOCK_SIZE,
        window=None,
        chunk=None,
        scale=0.4,
    )
    assert torch.equal(out, expected)


def test_takes_any_stride(kernel: AttentionKernel) -> None:
    plain, strided = Sequence(20, 2, 2, 24, 24, seed=3), Sequence(20, 2, 2, 24, 24, seed=3)
    expected = plain.attend(kernel, 0, 20)
    strided.query = strided.query.transpose(0, 1).contiguous().transpose(0, 1)
    strided.key = strided.key.transpose(1, 2).contiguous().transpose(1, 2)
    strided.value = strided.value.repeat_interleave(2, dim=2)[..., ::2]
    assert torch.equal(strided.attend(kernel, 0, 20), expected)


def test_large_scores_do_not_overflow(kernel: AttentionKernel) -> None:
    sequence = Sequence(12, 1, 1, 16, 16, seed=4)
    sequence.query *= 1000
    torch.testing.assert_close(
        sequence.attend(kernel, 0, 12).double(), sequence.reference(None, None), rtol=0, atol=1e-2
    )


def test_refuses_what_does_not_fit(kernel: AttentionKernel) -> None:
    sequence = Sequence(8, 1, 1, 16, 16, seed=5)
    sequence.key = sequence.key[..., :8]
    with pytest.raises(RuntimeError, match="do not fit"):
        sequence.attend(kernel, 0, 8)
    sequence.key = sequence.query.double()
    with pytest.raises(RuntimeError, match="float32"):
        sequence.attend(kernel, 0, 8)
    sequence = Sequence(8, 1, 1, 16, 16, seed=5, kv_dtype=torch.int8)
    sequence.pools = (sequence.pools[0], sequence.pools[1][..., :16].contiguous())
    with pytest.raises(RuntimeError, match="do not fit"):
        sequence.attend(kernel, 0, 8)
    sequence.pools = (sequence.pools[0], torch.zeros(8, 1, 16))
    with pytest.raises(RuntimeError, match="both int8"):
        sequence.attend(kernel, 0, 8)
