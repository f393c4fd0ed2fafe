from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from helix.kernels.build import KernelBuildError, supported_variants
from helix.kernels.decoder import DecoderKernel, LayerParts, Rows, WeightLayout, load_decoder_kernel
from helix.kernels.linear import pack_weight
from helix.kernels.quantized import WEIGHT_FORMATS
from helix.kv_cache.int8 import NUM_SCALE_BYTES, quantize

BLOCK_SIZE = 4
EPSILON = 1e-3
SCALE = 0.3


@pytest.fixture(scope="module", params=[variant.name for variant in supported_variants()])
def kernel(request: pytest.FixtureRequest) -> DecoderKernel:
    variants = [variant for variant in supported_variants() if variant.name == request.param]
    try:
        return load_decoder_kernel(variants=variants)
    except KernelBuildError as error:
        if "no C++ compiler" in str(error) or "not built on" in str(error):
            pytest.skip(str(error))
        raise


@dataclass(frozen=True)
class Shape:
    hidden: int = 40
    num_kv_heads: int = 2
    share: int = 3
    head_dim: int = 12
    inner: int = 50
    has_biases: bool = False
    has_head_norms: bool = False

    @property
    def num_heads(self) -> int:
        return self.num_kv_heads * self.share


class Decoder:
    """Two random layers, and one request whose blocks are scattered in a pool."""

    def __init__(
        self,
        shape: Shape,
        num_tokens: int,
        seed: int = 0,
        layout: WeightLayout = "plain",
        kv_dtype: torch.dtype = torch.float32,
    ) -> None:
        self.shape, self.num_tokens, self.layout = shape, num_tokens, layout
        self.generator = torch.Generator().manual_seed(seed)
        self.plain = [self._layer(), self._layer()]
        self.last_norm = self._random(shape.hidden)
        self.x = self._random(num_tokens, shape.hidden)
        half = self._random(num_tokens, shape.head_dim // 2) * 9
        self.angles = (half.repeat(1, 2).cos(), half.repeat(1, 2).sin())
        num_blocks = -(-num_tokens // BLOCK_SIZE)
        self.table = torch.randperm(num_blocks, generator=self.generator)
        width = shape.head_dim + (NUM_SCALE_BYTES if kv_dtype is torch.int8 else 0)
        pool = (num_blocks * BLOCK_SIZE, shape.num_kv_heads, width)
        self.keys, self.values = ([torch.zeros(pool, dtype=kv_dtype) for _ in self.plain] for _ in range(2))

    def _random(self, *size: int) -> Tensor:
        return torch.randn(*size, generator=self.generator)

    def _layer(self) -> LayerParts:
        shape = self.shape
        heads, kv = shape.num_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim

        def weight(rows: int, columns: int) -> Tensor:
            return self._random(rows, columns).mul_(columns**-0.5)

        biases = [self._random(size) if shape.has_biases else None for size in (heads, kv, kv, shape.hidden)]
        norms = [self._random(shape.head_dim) if shape.has_head_norms else None for _ in range(2)]
        return LayerParts(
            self._random(shape.hidden), weight(heads, shape.hidden), weight(kv, shape.hidden),
            weight(kv, shape.hidden), biases[0], biases[1], biases[2], norms[0], norms[1], weight(shape.hidden, heads),
            biases[3], self._random(shape.hidden), weight(shape.inner, shape.hidden),
            weight(shape.inner, shape.hidden), weight(shape.hidden, shape.inner),
        )  # fmt: skip

    def compute(
        self, kernel: DecoderKernel, start: int, end: int, *, window: int = 0, chunk: int = 0, kept: Sequence[int] = ()
    ) -> Tensor:
        """Compute tokens [start, end) behind what the pools hold, and return those kept of them, or all."""
        packed = [
            part._replace(**{name: self._pack(getattr(part, name)) for name in PACKED}).as_list() for part in self.plain
        ]
        positions, kept_rows = torch.arange(start, end), torch.tensor(kept, dtype=torch.int64)
        slots = self.table[positions // BLOCK_SIZE] * BLOCK_SIZE + positions % BLOCK_SIZE
        return kernel(
            self.x[start:end], [part for parts in packed for part in parts], self.last_norm, self.keys, self.values,
            self.angles, Rows(slots, positions, torch.zeros_like(positions), self.table[None], kept_rows), BLOCK_SIZE,
            windows=[window, 0], chunks=[0, chunk], num_heads=self.shape.num_heads, inner_size=self.shape.inner,
            layout=self.layout, scale=SCALE, epsilon=EPSILON,
        )  # fmt: skip

    def _pack(self, weight: Tensor) -> Tensor:
        if self.layout == "bf16":
            return pack_weight(weight.bfloat16())
        return pack_weight(weight) if self.layout == "plain" else WEIGHT_FORMATS[self.layout].pack(weight)

    def reference(self, *, window: int = 0, chunk: int = 0) -> Tensor:
        """All tokens in float64."""
        x = self.x.double()
        for part, limits in zip(self.plain, ((window, 0), (0, chunk)), strict=True):
            x = x + self._attention(normed(x, part.input_norm), part, *limits)
            inner = normed(x, part.inner_norm)
            gated = F.silu(inner @ part.gate.double().T) * (inner @ part.up.double().T)
            x = x + gated @ part.down.double().T
        return normed(x, self.last_norm)

    def _attention(self, x: Tensor, part: LayerParts, window: int, chunk: int) -> Tensor:
        query, key, value = (
            F.linear(x, weight.double(), None if bias is None else bias.double())
            .view(len(x), -1, self.shape.head_dim)
            .transpose(0, 1)
            for weight, bias in (
                (part.query, part.query_bias), (part.key, part.key_bias), (part.value, part.value_bias),
            )
        )  # fmt: skip
        if part.query_norm is not None and part.key_norm is not None:
            query, key = normed(query, part.query_norm), normed(key, part.key_norm)
        query, key = self._rotated(query), self._rotated(key).repeat_interleave(self.shape.share, 0)
        at = torch.arange(len(x))
        sees = at <= at[:, None]
        if window:
            sees &= at > at[:, None] - window
        if chunk:
            sees &= at // chunk == at[:, None] // chunk
        scores = (query @ key.transpose(1, 2) * SCALE).masked_fill(~sees, float("-inf"))
        out = (scores.softmax(-1) @ value.repeat_interleave(self.shape.share, 0)).transpose(0, 1).flatten(1)
        return F.linear(out, part.output.double(), None if part.output_bias is None else part.output_bias.double())

    def _rotated(self, heads: Tensor) -> Tensor:
        cos, sin = (angle.double() for angle in self.angles)
        first, second = heads.chunk(2, -1)
        return heads * cos + torch.cat((-second, first), -1) * sin


PACKED = ("query", "key", "value", "output", "gate", "up", "down")


def normed(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + EPSILON).sqrt() * weight.double()


@settings(max_examples=30, deadline=None)
@given(
    shape=st.builds(
        Shape,
        hidden=st.integers(1, 70),
        num_kv_heads=st.integers(1, 3),
        share=st.integers(1, 3),
        head_dim=st.integers(1, 20).map(lambda half: 2 * half),
        inner=st.integers(1, 70),
        has_biases=st.booleans(),
        has_head_norms=st.booleans(),
    ),
    num_tokens=st.integers(1, 24),
    window=st.integers(0, 24),
    chunk=st.integers(0, 24),
    seed=st.integers(0, 1000),
)
def test_agrees_with_float64(
    kernel: DecoderKernel, shape: Shape, num_tokens: int, window: int, chunk: int, seed: int
) -> None:
    decoder = Decoder(shape, num_tokens, seed)
    out = decoder.compute(kernel, 0, num_tokens, window=window, chunk=chunk)
    expected = decoder.reference(window=window, chunk=chunk)
    torch.testing.assert_close(out.double(), expected, rtol=2e-3, atol=2e-3)


def test_keys_and_values_of_8_bits_are_those_of_32_quantised(kernel: DecoderKernel) -> None:
    shape = Shape(head_dim=22, has_head_norms=True)
    wide, narrow = Decoder(shape, 30), Decoder(shape, 30, kv_dtype=torch.int8)
    expected, out = wide.compute(kernel, 0, 30), narrow.compute(kernel, 0, 30)
    # Before the first attention nothing was rounded yet.
    assert torch.equal(narrow.keys[0][:30], quantize(wide.keys[0])[:30])
    assert torch.equal(narrow.values[0][:30], quantize(wide.values[0])[:30])
    assert 0 < (out - expected).abs().max() < 0.2 * expected.std()


NUMBER_FORMATS = pytest.mark.parametrize(
    ("layout", "kv_dtype"),
    [
        ("plain", torch.float32),
        ("bf16", torch.float32),
        ("int8", torch.float32),
        ("int4_g64_zp", torch.float32),
        ("plain", torch.int8),
    ],
)


def skip_without(layout: WeightLayout, kernel: DecoderKernel) -> None:
    if layout == "bf16" and kernel.variant != "avx512bf16":
        pytest.skip("this variant does not multiply by inputs in bfloat16")


@NUMBER_FORMATS
def test_rows_are_bitwise_independent_of_how_a_context_is_cut(
    kernel: DecoderKernel, layout: WeightLayout, kv_dtype: torch.dtype
) -> None:
    skip_without(layout, kernel)
    shape = Shape(has_biases=True, has_head_norms=True)
    expected = Decoder(shape, 48, layout=layout, kv_dtype=kv_dtype).compute(kernel, 0, 48, window=9)
    for size in (1, 2, 5, 16):
        pieces = Decoder(shape, 48, layout=layout, kv_dtype=kv_dtype)
        parts = [pieces.compute(kernel, at, min(at + size, 48), window=9) for at in range(0, 48, size)]
        assert torch.equal(torch.cat(parts), expected), size


@NUMBER_FORMATS
@pytest.mark.parametrize("kept", [(18,), (18, 3, 3, 11)])
def test_rows_that_are_kept_alone_are_those_of_a_whole_pass(
    kernel: DecoderKernel, layout: WeightLayout, kv_dtype: torch.dtype, kept: tuple[int, ...]
) -> None:
    """Keys and values of the others too, or later tokens would attend to what was never stored."""
    skip_without(layout, kernel)
    shape = Shape(has_biases=True, has_head_norms=True)
    whole, cut = (Decoder(shape, 24, layout=layout, kv_dtype=kv_dtype) for _ in range(2))
    for decoder in (whole, cut):
        decoder.compute(kernel, 0, 5, window=9)
    expected = whole.compute(kernel, 5, 24, window=9)
    assert torch.equal(cut.compute(kernel, 5, 24, window=9, kept=kept), expected[list(kept)])
    assert all(torch.equal(a, b) for a, b in zip(whole.keys + whole.values, cut.keys + cut.values, strict=True))
    assert whole.keys[-1].ne(0).any(2).any(1).all()


def test_threads_do_not_change_a_bit(kernel: DecoderKernel) -> None:
    shape = Shape(hidden=512, head_dim=64, inner=1024)
    expected = Decoder(shape, 40).compute(kernel, 0, 40)
    num_threads = torch.get_num_threads()
    try:
        torch.set_num_threads(3 - min(num_threads, 2))
        assert torch.equal(Decoder(shape, 40).compute(kernel, 0, 40), expected)
    finally:
        torch.set_num_threads(num_threads)


def test_refuses_positions_without_angles_and_parts_that_do_not_fit(kernel: DecoderKernel) -> None:
    decoder = Decoder(Shape(), 8)
    decoder.angles = (decoder.angles[0][:7], decoder.angles[1][:7])
    with pytest.raises(RuntimeError, match="beyond the table of angles"):
        decoder.compute(kernel, 0, 8)
    for kept in (-1, 8):
        with pytest.raises(RuntimeError, match="a kept row is none of x"):
            Decoder(Shape(), 8).compute(kernel, 0, 8, kept=(0, kept))
    decoder = Decoder(Shape(), 8)
    decoder.plain[1] = decoder.plain[1]._replace(up=decoder.plain[1].up[:, 2:])
    with pytest.raises(RuntimeError, match="does not fit"):
        decoder.compute(kernel, 0, 8)
    decoder = Decoder(Shape(), 8)
    decoder.plain[1] = decoder.plain[1]._replace(inner_norm=torch.ones(39))
    with pytest.raises(RuntimeError, match="inner norm"):
        decoder.compute(kernel, 0, 8)


def test_a_variant_refuses_a_layout_that_it_does_not_have(kernel: DecoderKernel) -> None:
    if kernel.variant == "avx512bf16":
        pytest.skip("it has all of them")
    with pytest.raises(RuntimeError, match="unknown format bf16"):
        Decoder(Shape(), 8, layout="bf16").compute(kernel, 0, 8)


def test_has_a_fake_implementation(kernel: DecoderKernel) -> None:
    decoder = Decoder(Shape(), 8)
    decoder.x = decoder.x.to("meta")
    assert decoder.compute(kernel, 0, 8).shape == (8, 40)
