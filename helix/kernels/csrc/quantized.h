// Multiplication by weights of 8 or 4 bits: y[rows, n] = x[rows, k] * w[n, k]^T + bias, for few rows.
//
// Every row of x becomes whole numbers in [-127, 127] and one scale, and products are summed in integers, which is exact:
// neither the number of rows nor tile, thread or instruction set can change a bit. What is left to floating point is done in
// one order and never fused, so that all variants agree bitwise:
//   8 bits   the sum over all k, times the output's scale, times the row's scale, plus bias
//   4 bits   the sum over each group of 32 or 64 k, times the group's scale, added up in the order of k; then as above
//
// Layout of packed weights, in words of 32 bits; a block is 16 outputs, a quad four steps of k, a byte each in one word:
//   8 bits   [blocks, 1 + quads, 16]: 16 float32 scales, then the quads
//   4 bits   [blocks, groups, 8 + 2 * group]: 16 bfloat16 scales, then as often as a group has two quads 16 words whose
//            low nibbles are one quad and whose high nibbles are the next; a nibble is 8 more than the number it stands
//            for. With zero points two words follow the scales, a nibble for each output in turn, which is what the
//            nibbles of the group are more than their numbers.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <memory>
#include <numeric>
#include <type_traits>

#include "vectors.h"

namespace helix {
namespace quantized {

constexpr int kBlock = 16;
constexpr int kVectors = kBlock / kLanes;
constexpr int kQuad = 4;

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

// Products of numbers that fit 16 bits.
HELIX_INLINE Ints multiply_small(Ints a, Ints b) {
#if defined(__AVX2__)
  return multiply_halves((Shorts)(a & 0xffff), (Shorts)b);
#else
  return a * b;
#endif
}

// A kind of weight has: Number and fill of the quads it multiplies by, Weights as they are held in registers, kGroup,
// whose multiple rows are padded to, and offset(), what sums start from to make up for numbers that are stored as more
// than they mean.
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
struct Int8 : NarrowQuads {
  using Weights = __m512i;
  static constexpr int kGroup = kQuad;
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
  static constexpr int kGroup = kQuad;
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

// The halves of a word are summed apart, in 16 bits: over 64 numbers, 32 * 8 * 127 in magnitude at most, they fit; what
// overflows on the way, since nibbles are 8 more than their numbers, comes back.
inline int32_t offset_of_halves(const int8_t* from, int64_t size) {
  int32_t first = 0, second = 0;
  for (int64_t k = 0; k < size; k += kQuad) first += from[k] + from[k + 1], second += from[k + 2] + from[k + 3];
  return static_cast<int32_t>(static_cast<uint32_t>(-8 * first & 0xffff) | static_cast<uint32_t>(-8 * second) << 16);
}

#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
struct Nibbles : NarrowQuads {
  using Weights = __m512i;
  using Sum = Ints;
  static int32_t offset(const int8_t* from, int64_t size) {
    int32_t sum = 0;
    for (int64_t k = 0; k < size; ++k) sum += from[k];
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
struct Nibbles : NarrowQuads {
  using Weights = Shorts;
  using Sum = Shorts;
  static int32_t offset(const int8_t* from, int64_t size) { return offset_of_halves(from, size); }
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
struct Nibbles : WideQuads {
  struct Weights {
    Shorts even, odd;
  };
  using Sum = Shorts;
  // Halves here are steps 0 and 2, then 1 and 3, so the sums of a word are those of steps 0 and 1, 2 and 3.
  static int32_t offset(const int8_t* from, int64_t size) { return offset_of_halves(from, size); }
  static HELIX_INLINE Weights low(Shorts words) { return {words & 0x000f, (words >> 8) & 0x000f}; }
  static HELIX_INLINE Weights high(Shorts words) { return {(words >> 4) & 0x000f, (words >> 12) & 0x000f}; }
  static HELIX_INLINE Sum add(Sum sum, const Weights& weights, const Number* quad) {
    return sum + weights.even * first(quad) + weights.odd * second(quad);
  }
  static HELIX_INLINE Ints total(Sum sum) { return add_halves(sum); }
};
#endif

// Weights of 4 bits whose groups have a scale, or a scale and a zero point.
template <int Group, bool HasZeroPoints>
struct Int4 : Nibbles {
  static constexpr int kGroup = Group;
  static constexpr bool kHasZeroPoints = HasZeroPoints;
  static constexpr int kZeroPointsAt = kBlock / 2;
  static constexpr int kPairsAt = kZeroPointsAt + (kHasZeroPoints ? kBlock / 8 : 0);
  static constexpr int kGroupWords = kPairsAt + kGroup * kBlock / 8;
  static_assert(kGroup % (2 * kQuad) == 0 && kGroup <= 64);

  static HELIX_INLINE Vec scales(const int32_t* group, int v) {
    const Halves halves = load<Halves>(reinterpret_cast<const uint16_t*>(group) + v * kLanes);
    return (Vec)(__builtin_convertvector(halves, Words) << 16);
  }
  // What the numbers of a group are more than their nibbles less 8.
  static HELIX_INLINE Ints surplus(const int32_t* group, int v) {
    Words words = (Words)broadcast(group[kZeroPointsAt + v * kLanes / 8]), shifts;
#pragma GCC unroll 16
    for (int lane = 0; lane < kLanes; ++lane) shifts[lane] = 4 * ((v * kLanes + lane) % 8);
    if constexpr (kLanes == kBlock) {
      const Words more = (Words)broadcast(group[kZeroPointsAt + 1]);
      constexpr int kHalf = kLanes / 2;
#pragma GCC unroll 16
      for (int lane = kHalf; lane < kLanes; ++lane) words[lane] = more[lane];
    }
    return 8 - (Ints)(words >> shifts & 15);
  }
};
template <class W>
constexpr bool kHasGroups = std::is_base_of_v<Nibbles, W>;

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
  std::unique_ptr<int32_t[]> sums;      // [num_rows, num_offsets] of numbers, for weights with zero points
  std::unique_ptr<float[]> scales;      // [num_rows]

  Rows(int64_t num_rows, int64_t k)
      : padded_k((k + W::kGroup - 1) / W::kGroup * W::kGroup),
        num_offsets(kHasGroups<W> ? padded_k / W::kGroup : 1),
        numbers(new Number[num_rows * padded_k]),
        offsets(new int32_t[num_rows * num_offsets]),
        sums(has_sums() ? new int32_t[num_rows * num_offsets] : nullptr),
        scales(new float[num_rows]) {}

  static constexpr bool has_sums() {
    if constexpr (kHasGroups<W>) return W::kHasZeroPoints;
    else return false;
  }

  void fill(const float* x, int64_t k, int64_t begin, int64_t end) {
    const std::unique_ptr<int8_t[]> bytes(new int8_t[padded_k]);
    for (int64_t row = begin; row < end; ++row) {
      scales[row] = quantize_row(x + row * k, k, padded_k, bytes.get());
      Number* to = numbers.get() + row * padded_k;
      for (int64_t i = 0; i < padded_k; i += kQuad) W::fill(bytes.get() + i, to + i);
      const int64_t size = kHasGroups<W> ? W::kGroup : padded_k;
      for (int64_t group = 0; group < num_offsets; ++group) {
        const int8_t* from = bytes.get() + group * size;
        offsets[row * num_offsets + group] = W::offset(from, size);
        if constexpr (has_sums()) sums[row * num_offsets + group] = std::accumulate(from, from + size, int32_t{0});
      }
    }
  }
};

// Most rows of a tile, whose sums take most registers, and pairs of quads between two tests for the end of a group.
#if defined(__AVX512F__)
template <class W>
constexpr int kMaxRows = 8;
constexpr int blocks_per_tile(int rows) { return rows <= 6 ? 4 : 2; }
constexpr int pairs_at_once(int) { return 1; }
#elif defined(__AVX2__)
template <class W>
constexpr int kMaxRows = kHasGroups<W> ? 6 : 4;
constexpr int blocks_per_tile(int) { return 1; }
constexpr int pairs_at_once(int rows) { return rows == 1 ? 8 : 4; }
#else
template <class W>
constexpr int kMaxRows = 2;
constexpr int blocks_per_tile(int) { return 1; }
constexpr int pairs_at_once(int) { return 1; }
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
  HELIX_INLINE void store(Vec sums, int64_t row, const Place& to, int r, int place) const {
    sums = rounded(sums * broadcast(x.scales[row + r]));
    if (to.bias) sums += load<Vec>(to.bias + place);
    std::memcpy(to.y + r * to.stride + place, &sums, sizeof(Vec));
  }

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
    const int64_t num_tiles = (num_rows + kMaxRows<W> - 1) / kMaxRows<W>;
    for (int64_t tile = 0; tile < num_tiles; ++tile) {
      const int64_t row = tile * num_rows / num_tiles, next = (tile + 1) * num_rows / num_tiles;
      multiply_rows<>(static_cast<int>(next - row), row, begin, end);
    }
  }
};

}  // namespace quantized
}  // namespace helix
