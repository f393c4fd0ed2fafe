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
#if defined(__AVX512VNNI__) && defined(__AVX512BW__)
#define HELIX_VNNI 1
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
#if defined(HELIX_VNNI)
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

#if defined(HELIX_VNNI)
struct Nibbles : NarrowQuads {
  using Weights = __m512i;
  using Sum = Ints;
  // A sum starts from the bits of this float, so that its own are those of a float which is so much more than it.
  static constexpr float kExcess = 0x1.8p23f;
  static constexpr int32_t kExcessBits = 0x4b400000;
  static int32_t offset(const int8_t* from, int64_t size) {
    int32_t sum = 0;
    for (int64_t k = 0; k < size; ++k) sum += from[k];
    return kExcessBits - 8 * sum;
  }
  static HELIX_INLINE Weights low(Shorts words) { return (__m512i)(words & 0x0f0f); }
  static HELIX_INLINE Weights high(Shorts words) { return (__m512i)((words >> 4) & 0x0f0f); }
  static HELIX_INLINE Sum add(Sum sum, const Weights& weights, const Number* quad) {
    return (Sum)_mm512_dpbusd_epi32((__m512i)sum, weights, (__m512i)broadcast(load<int32_t>(quad)));
  }
  // Adds the product with a number that fits 16 bits.
  static HELIX_INLINE Sum add_small(Sum sum, Ints small, int32_t number) {
    return (Sum)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)(small & 0xffff), (__m512i)broadcast(number));
  }
  // The sum times the scale, rounded once: `excess`, which is exact for scales below 2^104, is what it has too much.
  static HELIX_INLINE Vec scaled(Sum sum, Vec scales, Vec excess) {
    return rounded((Vec)_mm512_fmsub_ps((__m512)sum, (__m512)scales, (__m512)excess));
  }
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
#if defined(HELIX_VNNI)
    return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(load<__m256i>(group)), 16);
#endif
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

// a where it is larger, and b otherwise, as where a is no number.
HELIX_INLINE Vec larger(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}

// The lowest byte of each word; compilers take the vector apart for that.
HELIX_INLINE Bytes low_bytes(Ints words) {
#if defined(__AVX512F__)
  return (Bytes)_mm512_cvtepi32_epi8((__m512i)words);
#else
  return __builtin_convertvector(words, Bytes);
#endif
}

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
    largest = larger(magnitude, largest);
    defect += value * 0.0f;
  }
  float most = 0.0f, wrong = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) most = std::max(most, largest[lane]), wrong += defect[lane];
  const Vec inverse = broadcast(most < kSmallest ? 0.0f : 127.0f / most);
  const auto quantized = [&](int64_t i) {
    const Vec shifted = rounded(numbers(i) * inverse) + kRound;
    return low_bytes((Ints)shifted);
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

// Most rows of a tile, whose sums take most registers, and pairs of quads between two tests for the end of a group.
#if defined(HELIX_VNNI)
template <class W>
constexpr int kMaxRows = kHasGroups<W> ? 7 : 12;
template <class W>
constexpr int blocks_per_tile(int rows) {
  // Sums of groups take as many registers again.
  if (kHasGroups<W>) return rows <= 3 ? 4 : rows <= 4 ? 3 : 2;
  return rows <= 6 ? 4 : rows <= 8 ? 3 : 2;
}
constexpr int kRowsAtOnce = 84;  // as many whole tiles pass over a chunk of k together
#elif defined(__AVX512F__)
template <class W>
constexpr int kMaxRows = 8;
template <class W>
constexpr int blocks_per_tile(int rows) { return rows <= 6 ? 4 : 2; }
constexpr int pairs_at_once(int) { return 1; }
#elif defined(__AVX2__)
template <class W>
constexpr int kMaxRows = kHasGroups<W> ? 6 : 4;
template <class W>
constexpr int blocks_per_tile(int) { return 1; }
constexpr int pairs_at_once(int rows) { return rows == 1 ? 8 : 4; }
#else
template <class W>
constexpr int kMaxRows = 2;
template <class W>
constexpr int blocks_per_tile(int) { return 1; }
constexpr int pairs_at_once(int) { return 1; }
#endif

// Rows in tiles of heights as equal as can be.
struct Tiles {
  int64_t num_rows, most_rows;
  int64_t count() const { return (num_rows + most_rows - 1) / most_rows; }
  int64_t begin(int64_t tile) const { return tile * num_rows / count(); }
  int64_t of(int64_t row) const { return ((row + 1) * count() - 1) / num_rows; }
  int height() const { return static_cast<int>((num_rows + count() - 1) / std::max<int64_t>(count(), 1)); }
};

// The rows of x, quantised. padded_k is a whole number of groups. For VNNI the rows of a tile are interleaved, quad by quad
// and group by group: one register points to all of them.
template <class W>
struct Rows {
  using Number = typename W::Number;
  Tiles tiles;
  int64_t padded_k, num_offsets;
  std::unique_ptr<Number[]> numbers;    // [num_rows, padded_k]
  std::unique_ptr<int32_t[]> offsets;   // [num_rows, num_offsets]
  std::unique_ptr<int32_t[]> sums;      // [num_rows, num_offsets] of numbers, for weights with zero points
  std::unique_ptr<float[]> scales;      // [num_rows]

  Rows(int64_t num_rows, int64_t k)
      : tiles{num_rows, kMaxRows<W>},
        padded_k((k + W::kGroup - 1) / W::kGroup * W::kGroup),
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
      int64_t first = row, stride = 1, place = 0;
#if defined(HELIX_VNNI)
      const int64_t tile = tiles.of(row);
      first = tiles.begin(tile), stride = tiles.begin(tile + 1) - first, place = row - first;
#endif
      Number* to = numbers.get() + first * padded_k + place * kQuad;
      for (int64_t i = 0; i < padded_k; i += kQuad) W::fill(bytes.get() + i, to + i * stride);
      const int64_t size = kHasGroups<W> ? W::kGroup : padded_k;
      for (int64_t group = 0; group < num_offsets; ++group) {
        const int8_t* from = bytes.get() + group * size;
        const int64_t at = first * num_offsets + place + group * stride;
        offsets[at] = W::offset(from, size);
        if constexpr (has_sums()) sums[at] = std::accumulate(from, from + size, int32_t{0});
      }
    }
  }
};

}  // namespace quantized
}  // namespace helix
