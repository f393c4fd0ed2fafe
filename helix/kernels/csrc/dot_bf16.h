// Multiplication of bfloat16 by bfloat16: y[rows, n] = bfloat16(x[rows, k]) * w[n, k]^T + bias, summed in float32, for
// weights packed as linear.h says: their words of two steps of k are what the instruction takes.
//
// Every (row, output) is one chain that starts from its bias and runs in the order of pairs: first the product of a pair's
// second step is added, then that of its first, each fused and with denormal numbers taken and given as zero. Neither the
// number of rows nor tile, chunk or thread enters that order, so a row's result is bitwise the same in every call.
#pragma once

#include <immintrin.h>

#include <memory>

#include "vectors.h"

namespace helix {
namespace bfloat16 {

constexpr int kBlock = 16;
// 24 sums are more than the instruction's latency needs, and leave registers for what they multiply.
constexpr int kMaxRows = 6;
constexpr int kMaxBlocks = 4;
constexpr int kWidth = kMaxBlocks * kBlock;
// Of a tile's weights so many pairs stay in cache while all rows pass over them: the first-level cache, in runs that memory
// keeps up with, or for many rows the second, so that their sums are loaded less often.
constexpr int64_t chunk_pairs(int64_t num_tiles) { return num_tiles <= 8 ? 64 : 256; }

// The rows of x, rounded to nearest even, each pair of steps in a word; zero padded.
struct Rows {
  int64_t num_pairs, stride;
  std::unique_ptr<uint32_t[]> words;  // [num_rows, stride]

  // Rows a whole number of pages apart would meet in the same few sets of the first-level cache.
  static constexpr int64_t kPage = 1024, kPadding = kPage / 8 + 16;

  Rows(int64_t num_rows, int64_t num_k)
      : num_pairs((num_k + 1) / 2),
        stride((num_pairs + kPage - 1) / kPage * kPage + kPadding),
        words(std::make_unique_for_overwrite<uint32_t[]>(num_rows * stride)) {}

  void fill(const float* x, int64_t num_k, int64_t begin, int64_t end) {
    const auto first = [](int64_t count) { return static_cast<__mmask16>(count < kLanes ? (1u << count) - 1 : 0xffff); };
    for (int64_t row = begin; row < end; ++row) {
      auto* to = reinterpret_cast<uint16_t*>(words.get() + row * stride);
      for (int64_t k = 0; k < num_k; k += kLanes) {
        const __m512 numbers = _mm512_maskz_loadu_ps(first(num_k - k), x + row * num_k + k);
        _mm256_mask_storeu_epi16(to + k, first(2 * num_pairs - k), (__m256i)_mm512_cvtneps_pbh(numbers));
      }
    }
  }
};

// The compiler orders loads ahead of the sums they feed and spills what does not fit; this holds a sum in its register.
HELIX_INLINE void add_products(__m512& sum, __m512bh x, __m512bh w) {
  sum = _mm512_dpbf16_ps(sum, x, w);
  asm volatile("" : "+v"(sum));
}

struct Problem {
  const Rows& x;
  const uint32_t* w;  // packed
  const float* bias;  // [num_outputs] or null
  float* y;           // [num_rows, num_outputs]
  int64_t num_rows, num_outputs;

  int64_t block_stride() const { return x.num_pairs * kBlock; }
  const uint32_t* weights(int64_t block, int64_t pair) const { return w + block * block_stride() + pair * kBlock; }

  // Adds x * w to sums, [Rows, kWidth], for neighbouring blocks over some pairs, and meanwhile requests as many of two
  // blocks from `ahead` on. Inlined, its sums would not be promoted to registers: half the speed.
  template <int Rows, int Blocks>
  __attribute__((noinline)) void add_tile(int64_t row, int64_t block, int64_t begin, int64_t end, const uint32_t* ahead,
                                          float* to) const {
    const int64_t x_stride = x.stride, w_stride = block_stride();
    const uint32_t *numbers = x.words.get() + row * x_stride, *from = weights(block, 0);
    __m512 sums[Rows][Blocks];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) sums[r][b] = _mm512_loadu_ps(to + r * kWidth + b * kBlock);
    for (int64_t pair = begin; pair < end; ++pair, ahead += kBlock) {
      __builtin_prefetch(ahead, 0, 2);
      __builtin_prefetch(ahead + w_stride, 0, 2);
      __m512bh factors[Blocks];
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) factors[b] = (__m512bh)_mm512_loadu_si512(from + b * w_stride + pair * kBlock);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const auto value = (__m512bh)_mm512_set1_epi32(static_cast<int>(numbers[r * x_stride + pair]));
#pragma GCC unroll 16
        for (int b = 0; b < Blocks; ++b) add_products(sums[r][b], value, factors[b]);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) _mm512_storeu_ps(to + r * kWidth + b * kBlock, sums[r][b]);
  }

  template <int Rows = kMaxRows, int Blocks = kMaxBlocks>
  void add_tile(int rows, int blocks, int64_t row, int64_t block, int64_t begin, int64_t end, const uint32_t* ahead,
                float* to) const {
    if constexpr (Rows > 1)
      if (rows < Rows) return add_tile<Rows - 1, Blocks>(rows, blocks, row, block, begin, end, ahead, to);
    if constexpr (Blocks > 1)
      if (blocks < Blocks) return add_tile<Rows, Blocks - 1>(rows, blocks, row, block, begin, end, ahead, to);
    add_tile<Rows, Blocks>(row, block, begin, end, ahead, to);
  }

  // Blocks [begin, end), kMaxBlocks at most: a chunk of their weights stays in cache while all rows pass over it. Of
  // several tiles of rows the first two request the next chunk, of the blocks that follow after the last.
  void multiply_blocks(int64_t begin, int64_t end) const {
    const int64_t first = begin * kBlock, num_valid = std::min(end * kBlock, num_outputs) - first;
    const auto sums = std::make_unique<float[]>(num_rows * kWidth);
    if (bias)
      for (int64_t row = 0; row < num_rows; ++row) std::copy_n(bias + first, num_valid, &sums[row * kWidth]);
    const int64_t num_tiles = (num_rows + kMaxRows - 1) / kMaxRows;
    const int64_t chunk = num_tiles == 1 ? x.num_pairs : chunk_pairs(num_tiles);
    for (int64_t pair = 0; pair < x.num_pairs; pair += chunk) {
      const int64_t next = pair + chunk;
      const uint32_t* ahead = next < x.num_pairs ? weights(begin, next) : weights(end, 0);
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t row = tile * num_rows / num_tiles, next_row = (tile + 1) * num_rows / num_tiles;
        const bool requests = num_tiles > 1 && tile < 2;
        add_tile<>(static_cast<int>(next_row - row), static_cast<int>(end - begin), row, begin, pair,
                   std::min(next, x.num_pairs), requests ? ahead + 2 * tile * block_stride() : weights(begin, pair),
                   &sums[row * kWidth]);
      }
    }
    for (int64_t row = 0; row < num_rows; ++row)
      std::copy_n(&sums[row * kWidth], num_valid, y + row * num_outputs + first);
  }
};

}  // namespace bfloat16
}  // namespace helix
