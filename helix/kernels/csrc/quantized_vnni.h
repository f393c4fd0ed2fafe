// Tiles of quantised weights for the instructions that multiply bytes and add in 32 bits, on registers of 16 lanes.
//
// A tile is some rows and some blocks of weights, whose sums are in registers over a chunk of k. Where there are more rows
// than one tile has, all their tiles pass over a chunk while its weights are in the first-level cache, so that weights come
// from memory once and arithmetic goes on meanwhile.
#pragma once

#include "quantized_rows.h"

#if defined(HELIX_VNNI)

namespace helix {
namespace quantized {

// Of k, in quads. At 4 bits so many have half the bytes, and a tile's end costs more.
template <class W>
constexpr int kChunkQuads = kHasGroups<W> ? 128 : 64;

// Weights are requested so far ahead of the arithmetic; beyond the end of a block there follows that of the next tile.
constexpr int ahead_bytes(int blocks) { return 8192 / blocks; }

// What tiles are multiplied from; a step is a quad of 8 bits, or a group of 4.
template <class W>
struct Operands {
  const int32_t* words;  // of the first block
  int64_t block_stride, num_steps;
  const int8_t* numbers;  // of the tile's rows, quads side by side
  const int32_t *offsets, *sums;  // likewise, by group
};

// Adds products of steps [begin, end) to totals, [Rows, Blocks].
template <class W, int Rows, int Blocks>
__attribute__((noinline)) void add_quads(const Operands<W>& from, int64_t begin, int64_t end, Ints* totals) {
  constexpr int kAhead = ahead_bytes(Blocks) / 64;
  const int64_t stride = from.block_stride;
  const int32_t* words = from.words + (1 + begin) * kBlock;
  const int8_t* numbers = from.numbers + begin * Rows * kQuad;
  Ints sums[Rows][Blocks];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) sums[r][b] = totals[r * Blocks + b];
  const int64_t last = std::clamp(from.num_steps - kAhead, begin, end);  // whose request is within the block
  int64_t quad = begin, ahead = kAhead * kBlock;
#pragma GCC unroll 1
  for (const int64_t until : {last, end}) {
#pragma GCC unroll 1
    for (; quad < until; ++quad) {
      typename W::Weights weights[Blocks];
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) {
        __builtin_prefetch(words + ahead + b * stride);
        weights[b] = W::unpack(words + b * stride);
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int b = 0; b < Blocks; ++b) sums[r][b] = W::add(sums[r][b], weights[b], numbers + r * kQuad);
      words += kBlock, numbers += Rows * kQuad;
    }
    ahead += (Blocks - 1) * stride;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) totals[r * Blocks + b] = sums[r][b];
}

// The same for groups, each of which is summed in integers first.
template <class W, int Rows, int Blocks>
__attribute__((noinline)) void add_groups(const Operands<W>& from, int64_t begin, int64_t end, Vec* totals) {
  constexpr int kPairs = W::kGroup / kQuad / 2, kAhead = ahead_bytes(Blocks) / 4 / W::kGroupWords;
  const int64_t stride = from.block_stride;
  const int32_t* words = from.words + begin * W::kGroupWords;
  const int8_t* numbers = from.numbers + begin * Rows * W::kGroup;
  Vec sums[Rows][Blocks];
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) sums[r][b] = totals[r * Blocks + b];
#pragma GCC unroll 1
  for (int64_t group = begin; group < end; ++group) {
    const int32_t* offsets = from.offsets + group * Rows;
    const int32_t* x_sums = from.sums + group * Rows;
    const int32_t* ahead = words + kAhead * W::kGroupWords;
    if (group + kAhead >= from.num_steps) ahead += (Blocks - 1) * stride;
    Ints parts[Rows][Blocks];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) parts[r][b] = broadcast(offsets[r]);
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) {
      __builtin_prefetch(ahead + b * stride);
      if constexpr (W::kHasZeroPoints) {
        const Ints surplus = W::surplus(words + b * stride, 0);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) parts[r][b] = W::add_small(parts[r][b], surplus, x_sums[r]);
      }
    }
    const int32_t* pairs = words + W::kPairsAt;
    ahead += W::kPairsAt;
#pragma GCC unroll 2
    for (int i = 0; i < kPairs; ++i) {
      typename W::Weights weights[Blocks];
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) {
        __builtin_prefetch(ahead + b * stride);
        weights[b] = W::low(load<Shorts>(pairs + b * stride));
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int b = 0; b < Blocks; ++b) parts[r][b] = W::add(parts[r][b], weights[b], numbers + r * kQuad);
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) weights[b] = W::high(load<Shorts>(pairs + b * stride));
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
        for (int b = 0; b < Blocks; ++b) parts[r][b] = W::add(parts[r][b], weights[b], numbers + (Rows + r) * kQuad);
      pairs += kBlock, ahead += kBlock, numbers += 2 * Rows * kQuad;
    }
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) {
      const Vec scales = W::scales(words + b * stride, 0);
      const Vec excess = scales * W::kExcess;
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) sums[r][b] += W::scaled(parts[r][b], scales, excess);
    }
    words += W::kGroupWords;
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) totals[r * Blocks + b] = sums[r][b];
}

}  // namespace quantized
}  // namespace helix
#endif
