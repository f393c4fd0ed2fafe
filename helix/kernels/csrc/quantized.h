// Tiles of rows by packed weights of 8 or 4 bits.
#pragma once

#include "quantized_rows.h"
#include "quantized_vnni.h"

namespace helix {
namespace quantized {

// Weights are requested this many bytes ahead of the arithmetic. One block after another is one run of memory: then the
// processor looks ahead better by itself, as long as one row's arithmetic does not fill what it can have under way.
constexpr int prefetch_bytes([[maybe_unused]] int rows) {
#if defined(__AVX512F__)
  return 1024;
#else
  return rows == 1 ? 0 : 4096;
#endif
}
template <int Rows>
HELIX_INLINE void prefetch([[maybe_unused]] const int32_t* words) {
  constexpr int kBytes = prefetch_bytes(Rows);
  if constexpr (kBytes > 0) __builtin_prefetch(reinterpret_cast<const char*>(words) + kBytes);
}

// The compiler orders loads ahead of the sums they feed, across what is unrolled, and spills what does not fit.
template <class Sum>
HELIX_INLINE void stay_in_order([[maybe_unused]] Sum& sum) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  asm volatile("" : "+x"(sum));
#endif
}

template <class W>
struct Problem {
  const Rows<W>& x;
  const int32_t* w;   // packed
  const float* bias;  // [num_outputs] or null
  float* y;           // [num_rows, num_outputs]
  int64_t num_rows, num_k, num_outputs;

  int64_t num_quads() const { return (num_k + kQuad - 1) / kQuad; }
  int64_t block_stride() const {
    if constexpr (kHasGroups<W>) return x.num_offsets * W::kGroupWords;
    else return (1 + num_quads()) * kBlock;
  }

  // Where a tile's results go; the edge of the outputs has a place of its own.
  struct Place {
    float* y;
    int64_t stride;
    const float* bias;
  };

  // One vector of sums, already times the scales of the weights.
  HELIX_INLINE void store(Vec sums, int64_t row, const Place& to, int64_t r, int place) const {
    sums = rounded(sums * broadcast(x.scales[row + r]));
    if (to.bias) sums += load<Vec>(to.bias + place);
    std::memcpy(to.y + r * to.stride + place, &sums, sizeof(Vec));
  }

#if defined(HELIX_VNNI)
  using Total = std::conditional_t<kHasGroups<W>, Vec, Ints>;

  int64_t num_steps() const { return kHasGroups<W> ? x.num_offsets : num_quads(); }

  // Blocks [begin, end): their weights stay in cache while all rows pass over them.
  void multiply_blocks(int64_t begin, int64_t end) const {
    constexpr int64_t kTiles = kRowsAtOnce / kMaxRows<W>;
    for (int64_t first = 0; first < x.tiles.count(); first += kTiles) {
      const int64_t last = std::min(first + kTiles, x.tiles.count());
      const int blocks = blocks_per_tile<W>(x.tiles.height());
      if (blocks == 4) multiply_blocks<4>(first, last, begin, end);
      else if (blocks == 3) multiply_blocks<3>(first, last, begin, end);
      else multiply_blocks<2>(first, last, begin, end);
    }
  }

  template <int Blocks>
  void multiply_blocks(int64_t first, int64_t last, int64_t begin, int64_t end) const {
    const int64_t row = x.tiles.begin(first);
    const int64_t whole = std::min(end, num_outputs / kBlock);
    int64_t block = begin;
    const auto place = [&] {
      const int64_t output = block * kBlock;
      return Place{y + row * num_outputs + output, num_outputs, bias ? bias + output : nullptr};
    };
    for (; block + Blocks <= whole; block += Blocks) multiply_tiles<Blocks>(first, last, block, place());
    for (; block < whole; ++block) multiply_tiles<1>(first, last, block, place());
    if (block < end) {
      const Place to = place();
      const int64_t num_valid = num_outputs - block * kBlock, num = x.tiles.begin(last) - row;
      float edge[kRowsAtOnce * kBlock], edge_bias[kBlock] = {};
      if (bias) std::copy_n(to.bias, num_valid, edge_bias);
      multiply_tiles<1>(first, last, block, {edge, kBlock, bias ? edge_bias : nullptr});
      for (int64_t r = 0; r < num; ++r) std::copy_n(edge + r * kBlock, num_valid, to.y + r * num_outputs);
    }
  }

  // All rows of tiles [first, last) by as many blocks as one tile has.
  template <int Blocks>
  void multiply_tiles(int64_t first, int64_t last, int64_t block, const Place& to) const {
    alignas(Vec) Total totals[kRowsAtOnce * Blocks];
    const int64_t row = x.tiles.begin(first), num = x.tiles.begin(last) - row;
    if constexpr (kHasGroups<W>) std::fill_n(totals, num * Blocks, Vec{});
    else
      for (int64_t r = 0; r < num; ++r) std::fill_n(totals + r * Blocks, Blocks, broadcast(x.offsets[row + r]));
    const int64_t num_steps = this->num_steps();
    const int64_t in_chunk = kHasGroups<W> ? kChunkQuads<W> * kQuad / W::kGroup : kChunkQuads<W>;
    const int64_t chunk = last - first == 1 ? num_steps : in_chunk;
    for (int64_t begin = 0; begin < num_steps; begin += chunk) {
      const int64_t end = std::min(begin + chunk, num_steps);
      for (int64_t tile = first; tile < last; ++tile) {
        const int64_t from = x.tiles.begin(tile);
        add_steps<Blocks>(static_cast<int>(x.tiles.begin(tile + 1) - from), from, block, begin, end,
                          totals + (from - row) * Blocks);
      }
    }
    for (int64_t r = 0; r < num; ++r)
      for (int b = 0; b < Blocks; ++b) {
        const Total total = totals[r * Blocks + b];
        if constexpr (kHasGroups<W>) store(total, row, to, r, b * kBlock);
        else
          store(__builtin_convertvector(total, Vec) * load<Vec>(w + (block + b) * block_stride()), row, to, r, b * kBlock);
      }
  }

  template <int Rows, int Blocks>
  void add_steps(int64_t row, int64_t block, int64_t begin, int64_t end, Total* totals) const {
    const Operands<W> from{w + block * block_stride(), block_stride(), num_steps(),
                           x.numbers.get() + row * x.padded_k, x.offsets.get() + row * x.num_offsets,
                           x.has_sums() ? x.sums.get() + row * x.num_offsets : nullptr};
    if constexpr (kHasGroups<W>) add_groups<W, Rows, Blocks>(from, begin, end, totals);
    else add_quads<W, Rows, Blocks>(from, begin, end, totals);
  }

  template <int Blocks, int Rows = kMaxRows<W>>
  void add_steps(int rows, int64_t row, int64_t block, int64_t begin, int64_t end, Total* totals) const {
    if (rows == Rows) return add_steps<Rows, Blocks>(row, block, begin, end, totals);
    if constexpr (Rows > 1) add_steps<Blocks, Rows - 1>(rows, row, block, begin, end, totals);
  }
#else
  template <int Rows, int Blocks>
  void multiply_tile(int64_t row, int64_t block, const Place& to) const {
    if constexpr (kHasGroups<W>) multiply_int4<Rows, Blocks>(row, block, to);
    else multiply_int8<Rows, Blocks>(row, block, to);
  }

  template <int Rows, int Blocks>
  void multiply_int8(int64_t row, int64_t block, const Place& to) const {
    const int64_t x_stride = x.padded_k, w_stride = block_stride(), quads = num_quads();
    const int32_t* words = w + block * w_stride;
    const typename W::Number* numbers = x.numbers.get() + row * x_stride;
    Ints sums[Rows][Blocks][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b)
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[r][b][v] = broadcast(x.offsets[row + r]);
    for (int64_t quad = 0; quad < quads; ++quad) {
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) {
        const int32_t* from = words + b * w_stride + (1 + quad) * kBlock;
        prefetch<Rows>(from);
        typename W::Weights weights[kVectors];
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) weights[v] = W::unpack(from + v * kLanes);
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v)
            sums[r][b][v] = W::add(sums[r][b][v], weights[v], numbers + r * x_stride + quad * kQuad);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b)
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
          const Vec scales = load<Vec>(words + b * w_stride + v * kLanes);
          store(__builtin_convertvector(sums[r][b][v], Vec) * scales, row, to, r, b * kBlock + v * kLanes);
        }
  }

  // Adds products of one quad of each row and its weights.
  template <int Rows, class Sum, class Weights>
  static HELIX_INLINE void add_quad(Sum (&parts)[Rows][kVectors], const typename W::Number* quad,
                                    int64_t x_stride, const Weights& weights_of) {
    typename W::Weights weights[kVectors];
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; ++v) weights[v] = weights_of(v);
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        parts[r][v] = W::add(parts[r][v], weights[v], quad + r * x_stride);
        stay_in_order(parts[r][v]);
      }
  }

  // Inlined, its sums would not be promoted to registers: half the speed.
  template <int Rows, int Blocks>
  __attribute__((noinline)) void multiply_int4(int64_t row, int64_t block, const Place& to) const {
    const int64_t x_stride = x.padded_k, w_stride = block_stride();
    const int32_t* words = w + block * w_stride;
    const typename W::Number* numbers = x.numbers.get() + row * x_stride;
    Vec sums[Rows][Blocks][kVectors] = {};
    for (int64_t group = 0; group < x.num_offsets; ++group) {
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) {
        const int32_t* from = words + b * w_stride + group * W::kGroupWords;
        const typename W::Number* quads = numbers + group * W::kGroup;
        typename W::Sum parts[Rows][kVectors];
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v)
            parts[r][v] = (typename W::Sum)broadcast(x.offsets[(row + r) * x.num_offsets + group]);
        constexpr int kPairs = W::kGroup / kQuad / 2, kAtOnce = std::min(kPairs, pairs_at_once(Rows));
        static_assert(kPairs % kAtOnce == 0);
#pragma GCC unroll 1
        for (int begin = 0; begin < kPairs; begin += kAtOnce) {
#pragma GCC unroll 16
          for (int i = 0; i < kAtOnce; ++i) {
            const int32_t* pairs = from + W::kPairsAt + (begin + i) * kBlock;
            const typename W::Number* quad = quads + 2 * (begin + i) * kQuad;
            prefetch<Rows>(pairs);
            add_quad<Rows>(parts, quad, x_stride, [&](int v) { return W::low(load<Shorts>(pairs + v * kLanes)); });
            add_quad<Rows>(parts, quad + kQuad, x_stride,
                           [&](int v) { return W::high(load<Shorts>(pairs + v * kLanes)); });
          }
        }
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
          const Vec scales = W::scales(from, v);
          Ints surplus;
          if constexpr (W::kHasZeroPoints) surplus = W::surplus(from, v);
#pragma GCC unroll 16
          for (int r = 0; r < Rows; ++r) {
            Ints total = W::total(parts[r][v]);
            if constexpr (W::kHasZeroPoints)
              total += multiply_small(surplus, broadcast(x.sums[(row + r) * x.num_offsets + group]));
            sums[r][b][v] += rounded(__builtin_convertvector(total, Vec) * scales);
          }
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b)
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) store(sums[r][b][v], row, to, r, b * kBlock + v * kLanes);
  }

  template <int Rows = kMaxRows<W>>
  void multiply_rows(int rows, int64_t row, int64_t begin, int64_t end) const {
    if constexpr (Rows > 1)
      if (rows < Rows) return multiply_rows<Rows - 1>(rows, row, begin, end);
    constexpr int kBlocks = blocks_per_tile<W>(Rows);
    const int64_t whole = std::min(end, num_outputs / kBlock);
    int64_t block = begin;
    const auto place = [&] {
      const int64_t output = block * kBlock;
      return Place{y + row * num_outputs + output, num_outputs, bias ? bias + output : nullptr};
    };
    for (; block + kBlocks <= whole; block += kBlocks) multiply_tile<Rows, kBlocks>(row, block, place());
    for (; block < whole; ++block) multiply_tile<Rows, 1>(row, block, place());
    if (block < end) {
      const Place to = place();
      const int64_t num_valid = num_outputs - block * kBlock;
      float edge[Rows * kBlock], edge_bias[kBlock] = {};
      if (bias) std::copy_n(to.bias, num_valid, edge_bias);
      multiply_tile<Rows, 1>(row, block, {edge, kBlock, bias ? edge_bias : nullptr});
      for (int r = 0; r < Rows; ++r) std::copy_n(edge + r * kBlock, num_valid, to.y + r * num_outputs);
    }
  }

  // Blocks [begin, end): their weights stay in cache while all rows pass over them.
  void multiply_blocks(int64_t begin, int64_t end) const {
    for (int64_t tile = 0; tile < x.tiles.count(); ++tile) {
      const int64_t row = x.tiles.begin(tile), next = x.tiles.begin(tile + 1);
      multiply_rows<>(static_cast<int>(next - row), row, begin, end);
    }
  }
#endif
};

}  // namespace quantized
}  // namespace helix
