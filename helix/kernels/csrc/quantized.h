// Multiplication by weights of 8 or 4 bits: y[rows, n] = x[rows, k] * w[n, k]^T + bias, for few rows.
//
// Every row of x becomes whole numbers in [-127, 127] and one scale, and products are summed in integers, which is exact:
// neither the number of rows nor tile, thread or instruction set can change a bit. What is left to floating point is done in
// one order and never fused, so that all variants agree bitwise:
//   8 bits   the sum over all k, times the output's scale, times the row's scale, plus bias
//   4 bits   the sum over each group of 32 k, times the group's scale, added up in the order of k; then as above
//
// Layout of packed weights, in words of 32 bits; a block is 16 outputs, a quad four steps of k, a byte each in one word:
//   8 bits   [blocks, 1 + quads, 16]: 16 float32 scales, then the quads
//   4 bits   [blocks, groups, 8 + 64]: 16 bfloat16 scales, then 4 times 16 words whose low nibbles are one quad and whose
//            high nibbles are the next; a nibble is 8 more than the number it stands for
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <memory>

#include "vectors.h"

namespace helix {
namespace quantized {

constexpr int kBlock = 16;
constexpr int kVectors = kBlock / kLanes;
constexpr int kQuad = 4;
constexpr int kGroup = 32;
constexpr int kGroupQuads = kGroup / kQuad;
constexpr int kGroupWords = kBlock / 2 + kGroup * kBlock / 8;

// How a quad of a row is kept: as four bytes, or as two pairs of 16-bit numbers, steps 0 and 2, then 1 and 3.
struct NarrowQuads {
  using Number = int8_t;
  static void fill(const int8_t* from, Number* to) { std::copy_n(from, kQuad, to); }
};
struct WideQuads {
  using Number = int16_t;
  static void fill(const int8_t* from, Number* to) {
    to[0] = from[0], to[1] = from[2], to[2] = from[1], to[3] = from[3];
  }
  // Bytes 0 and 2 of each word, and bytes 1 and 3, as signed 16-bit numbers.
  static HELIX_INLINE Shorts even(Shorts bytes) { return (bytes << 8) >> 8; }
  static HELIX_INLINE Shorts odd(Shorts bytes) { return bytes >> 8; }
  static HELIX_INLINE Shorts first(const Number* quad) { return (Shorts)broadcast(load<int32_t>(quad)); }
  static HELIX_INLINE Shorts second(const Number* quad) { return (Shorts)broadcast(load<int32_t>(quad + 2)); }
};

// The two halves of each word, added.
HELIX_INLINE Ints add_halves(Shorts halves) {
#if defined(__AVX512BW__)
  return (Ints)_mm512_madd_epi16((__m512i)halves, _mm512_set1_epi16(1));
#elif defined(__AVX2__)
  return (Ints)_mm256_madd_epi16((__m256i)halves, _mm256_set1_epi16(1));
#else
  return (((Ints)halves << 16) >> 16) + ((Ints)halves >> 16);
#endif
}

// Products of the halves of each word, added; each is a product of bytes and fits 16 bits.
HELIX_INLINE Ints multiply_halves(Shorts a, Shorts b) {
#if defined(__AVX512BW__)
  return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
#elif defined(__AVX2__)
  return (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
#else
  return add_halves(a * b);
#endif
}

// A kind of weight has: Number and fill of the quads it multiplies by, Weights as they are held in registers, and
// offset(), what sums start from to make up for numbers that are stored as more than they mean.
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
struct Int8 : NarrowQuads {
  using Weights = __m512i;
  static int32_t offset(const int8_t* from, int64_t size) {
    int32_t sum = 0;
    for (int64_t i = 0; i < size; ++i) sum += from[i];
    return -128 * sum;
  }
  // The instruction takes one unsigned factor.
  static HELIX_INLINE Weights unpack(const int32_t* from) {
    return _mm512_xor_si512(load<__m512i>(from), _mm512_set1_epi8(-128));
  }
  static HELIX_INLINE Ints add(Ints sum, const Weights& weights, const Number* quad) {
    return (Ints)_mm512_dpbusd_epi32((__m512i)sum, weights, (__m512i)broadcast(load<int32_t>(quad)));
  }
};
#else
struct Int8 : WideQuads {
  struct Weights {
    Shorts even, odd;
  };
  static int32_t offset(const int8_t*, int64_t) { return 0; }
  static HELIX_INLINE Weights unpack(const int32_t* from) {
    const Shorts bytes = load<Shorts>(from);
    return {even(bytes), odd(bytes)};
  }
  static HELIX_INLINE Ints add(Ints sum, const Weights& weights, const Number* quad) {
    sum += multiply_halves(weights.even, first(quad));
    sum += multiply_halves(weights.odd, second(quad));
    return sum;
  }
};
#endif

// Twice the largest magnitude, over a group: 4 * 8 * 15 * 127 would not fit 16 bits, but its halves, which are summed
// apart, and their true values, 4 * 4 * 8 * 127, do; what overflows on the way comes back.
HELIX_INLINE int32_t offset_of_halves(const int8_t* from) {
  int32_t first = 0, second = 0;
  for (int k = 0; k < kGroup; k += kQuad) first += from[k] + from[k + 1], second += from[k + 2] + from[k + 3];
  return static_cast<int32_t>(static_cast<uint32_t>(-8 * first & 0xffff) | static_cast<uint32_t>(-8 * second) << 16);
}

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
struct Int4 : NarrowQuads {
  using Weights = __m512i;
  using Sum = Ints;
  static int32_t offset(const int8_t* from) {
    int32_t sum = 0;
    for (int k = 0; k < kGroup; ++k) sum += from[k];
    return -8 * sum;
  }
  static HELIX_INLINE Weights low(Shorts words) { return (__m512i)(words & 0x0f0f); }
  static HELIX_INLINE Weights high(Shorts words) { return (__m512i)((words >> 4) & 0x0f0f); }
  static HELIX_INLINE Sum add(Sum sum, const Weights& weights, const Number* quad) {
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, weights, (__m512i)broadcast(load<int32_t>(quad)));
  }
  static HELIX_INLINE Ints total(Sum sum) { return sum; }
};
#elif defined(__AVX2__)
struct Int4 : NarrowQuads {
  using Weights = Shorts;
  using Sum = Shorts;
  static int32_t offset(const int8_t* from) { return offset_of_halves(from); }
  static HELIX_INLINE Weights low(Shorts words) { return words & 0x0f0f; }
  static HELIX_INLINE Weights high(Shorts words) { return (words >> 4) & 0x0f0f; }
  static HELIX_INLINE Sum add(Sum sum, const Weights& weights, const Number* quad) {
    const Ints numbers = broadcast(load<int32_t>(quad));
#if defined(__AVX512BW__)
    return sum + (Shorts)_mm512_maddubs_epi16((__m512i)weights, (__m512i)numbers);
#else
    return sum + (Shorts)_mm256_maddubs_epi16((__m256i)weights, (__m256i)numbers);
#endif
  }
  static HELIX_INLINE Ints total(Sum sum) { return add_halves(sum); }
};
#else
struct Int4 : WideQuads {
  struct Weights {
    Shorts even, odd;
  };
  using Sum = Shorts;
  // Halves here are steps 0 and 2, then 1 and 3, so the sums of a word are those of steps 0 and 1, 2 and 3.
  static int32_t offset(const int8_t* from) { return offset_of_halves(from); }
  static HELIX_INLINE Weights low(Shorts words) { return {words & 0x000f, (words >> 8) & 0x000f}; }
  static HELIX_INLINE Weights high(Shorts words) { return {(words >> 4) & 0x000f, (words >> 12) & 0x000f}; }
  static HELIX_INLINE Sum add(Sum sum, const Weights& weights, const Number* quad) {
    return sum + weights.even * first(quad) + weights.odd * second(quad);
  }
  static HELIX_INLINE Ints total(Sum sum) { return add_halves(sum); }
};
#endif

// Writes k numbers of a row as whole numbers in [-127, 127], then zeros up to padded_k, and returns the scale: a number is
// its whole number times the scale. A row that holds an infinity or no number has no number for a scale either.
inline float quantize_row(const float* x, int64_t k, int64_t padded_k, int8_t* to) {
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  constexpr float kSmallest = 0x1p-100f;  // its inverse is finite; smaller rows count as zero
  const auto numbers = [&](int64_t i) {
    if (i + kLanes <= k) return load<Vec>(x + i);
    Vec rest{};
    if (i < k) std::memcpy(&rest, x + i, (k - i) * sizeof(float));
    return rest;
  };
  Vec largest{}, defect{};
  for (int64_t i = 0; i < k; i += kLanes) {
    const Vec value = numbers(i);
    const Vec magnitude = (Vec)((Words)value & 0x7fffffffu);
    largest = magnitude > largest ? magnitude : largest;
    defect += value * 0.0f;
  }
  float most = 0.0f, wrong = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) most = std::max(most, largest[lane]), wrong += defect[lane];
  const Vec inverse = broadcast(most < kSmallest ? 0.0f : 127.0f / most);
  const auto quantized = [&](int64_t i) {
    const Vec shifted = rounded(numbers(i) * inverse) + kRound;
    return __builtin_convertvector((Ints)shifted, Bytes);
  };
  int64_t i = 0;
  for (; i + kLanes <= padded_k; i += kLanes) {
    const Bytes bytes = quantized(i);
    std::memcpy(to + i, &bytes, sizeof(bytes));
  }
  if (i < padded_k) {
    const Bytes bytes = quantized(i);
    std::memcpy(to + i, &bytes, padded_k - i);
  }
  return (most < kSmallest ? 0.0f : most / 127.0f) + wrong;
}

// The rows of x, quantised. padded_k is a whole number of groups.
template <class W>
struct Rows {
  using Number = typename W::Number;
  int64_t padded_k, num_offsets;
  std::unique_ptr<Number[]> numbers;    // [num_rows, padded_k]
  std::unique_ptr<int32_t[]> offsets;   // [num_rows, num_offsets]
  std::unique_ptr<float[]> scales;      // [num_rows]

  Rows(int64_t num_rows, int64_t k)
      : padded_k((k + kGroup - 1) / kGroup * kGroup),
        num_offsets(std::is_same_v<W, Int8> ? 1 : padded_k / kGroup),
        numbers(new Number[num_rows * padded_k]),
        offsets(new int32_t[num_rows * num_offsets]),
        scales(new float[num_rows]) {}

  void fill(const float* x, int64_t k, int64_t begin, int64_t end) {
    const std::unique_ptr<int8_t[]> bytes(new int8_t[padded_k]);
    for (int64_t row = begin; row < end; ++row) {
      scales[row] = quantize_row(x + row * k, k, padded_k, bytes.get());
      Number* to = numbers.get() + row * padded_k;
      for (int64_t i = 0; i < padded_k; i += kQuad) W::fill(bytes.get() + i, to + i);
      int32_t* own = offsets.get() + row * num_offsets;
      if constexpr (std::is_same_v<W, Int8>) own[0] = W::offset(bytes.get(), padded_k);
      else for (int64_t g = 0; g < num_offsets; ++g) own[g] = W::offset(bytes.get() + g * kGroup);
    }
  }
};

#if defined(__AVX512F__)
constexpr int kMaxRows = 8;
constexpr int blocks_per_tile(int rows) { return rows <= 6 ? 4 : 2; }
#elif defined(__AVX2__)
constexpr int kMaxRows = 4;
constexpr int blocks_per_tile(int) { return 1; }
#else
constexpr int kMaxRows = 2;
constexpr int blocks_per_tile(int) { return 1; }
#endif

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

template <class W>
struct Problem {
  const Rows<W>& x;
  const int32_t* w;   // packed
  const float* bias;  // [num_outputs] or null
  float* y;           // [num_rows, num_outputs]
  int64_t num_rows, num_k, num_outputs;

  int64_t num_quads() const { return (num_k + kQuad - 1) / kQuad; }
  int64_t block_stride() const {
    if constexpr (std::is_same_v<W, Int8>) return (1 + num_quads()) * kBlock;
    else return x.num_offsets * kGroupWords;
  }

  // Where a tile's results go; the edge of the outputs has a place of its own.
  struct Place {
    float* y;
    int64_t stride;
    const float* bias;
  };

  // One vector of sums, already times the scales of the weights.
  HELIX_INLINE void store(Vec sums, int64_t row, const Place& to, int r, int place) const {
    sums = rounded(sums * broadcast(x.scales[row + r]));
    if (to.bias) sums += load<Vec>(to.bias + place);
    std::memcpy(to.y + r * to.stride + place, &sums, sizeof(Vec));
  }

  template <int Rows, int Blocks>
  void multiply_tile(int64_t row, int64_t block, const Place& to) const {
    if constexpr (std::is_same_v<W, Int8>) multiply_int8<Rows, Blocks>(row, block, to);
    else multiply_int4<Rows, Blocks>(row, block, to);
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

  template <int Rows, int Blocks>
  void multiply_int4(int64_t row, int64_t block, const Place& to) const {
    const int64_t x_stride = x.padded_k, w_stride = block_stride();
    const int32_t* words = w + block * w_stride;
    const typename W::Number* numbers = x.numbers.get() + row * x_stride;
    Vec sums[Rows][Blocks][kVectors] = {};
    for (int64_t group = 0; group < x.num_offsets; ++group) {
#pragma GCC unroll 16
      for (int b = 0; b < Blocks; ++b) {
        const int32_t* from = words + b * w_stride + group * kGroupWords;
        const typename W::Number* quads = numbers + group * kGroup;
        typename W::Sum parts[Rows][kVectors];
#pragma GCC unroll 16
        for (int r = 0; r < Rows; ++r)
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v)
            parts[r][v] = (typename W::Sum)broadcast(x.offsets[(row + r) * x.num_offsets + group]);
#pragma GCC unroll 1
        for (int i = 0; i < kGroupQuads / 2; ++i) {
          const int32_t* pairs = from + kBlock / 2 + i * kBlock;
          prefetch<Rows>(pairs);
          typename W::Weights low[kVectors], high[kVectors];
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) {
            const Shorts pair = load<Shorts>(pairs + v * kLanes);
            low[v] = W::low(pair), high[v] = W::high(pair);
          }
#pragma GCC unroll 16
          for (int r = 0; r < Rows; ++r) {
            const typename W::Number* quad = quads + r * x_stride + 2 * i * kQuad;
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v) parts[r][v] = W::add(parts[r][v], low[v], quad);
#pragma GCC unroll 16
            for (int v = 0; v < kVectors; ++v) parts[r][v] = W::add(parts[r][v], high[v], quad + kQuad);
          }
        }
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) {
          const Halves halves = load<Halves>(reinterpret_cast<const uint16_t*>(from) + v * kLanes);
          const Vec scales = (Vec)(__builtin_convertvector(halves, Words) << 16);
#pragma GCC unroll 16
          for (int r = 0; r < Rows; ++r)
            sums[r][b][v] += rounded(__builtin_convertvector(W::total(parts[r][v]), Vec) * scales);
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

  template <int Rows = kMaxRows>
  void multiply_rows(int rows, int64_t row, int64_t begin, int64_t end) const {
    if constexpr (Rows > 1)
      if (rows < Rows) return multiply_rows<Rows - 1>(rows, row, begin, end);
    constexpr int kBlocks = blocks_per_tile(Rows);
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
    const int64_t num_tiles = (num_rows + kMaxRows - 1) / kMaxRows;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t row = tile * num_rows / num_tiles, next = (tile + 1) * num_rows / num_tiles;
      multiply_rows<>(static_cast<int>(next - row), row, begin, end);
    }
  }
};

}  // namespace quantized
}  // namespace helix
