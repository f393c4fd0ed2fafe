// The arithmetic of attention on tiles of queries and keys that stay in registers.
//
// A tile is as large as the registers allow, but every (query, key) and every (query, dimension) is one chain of fused
// multiply-adds of its own: which queries or keys share its tile does not change a bit of it.
#pragma once

#include <limits>

#include "kv_formats.h"

namespace helix {

constexpr int kTileQueries = kRegisters == 32 ? 4 : 2;
constexpr int kTileKeys = 4;
constexpr int kTileVectors = 4;  // of values
constexpr int64_t kMaxRunKeys = 16;

typedef float Four __attribute__((vector_size(16)));

#if defined(__clang__)
#define HELIX_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t FourPlaces __attribute__((vector_size(16)));
#define HELIX_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, FourPlaces{__VA_ARGS__})
#endif

// Halves are added until four numbers are left.
template <int Lanes = kLanes>
HELIX_INLINE Four fold(typename VectorOf<float, Lanes>::type values) {
  if constexpr (Lanes == 4) {
    return values;
  } else {
    using Half = typename VectorOf<float, Lanes / 2>::type;
    Half halves[2];
    std::memcpy(halves, &values, sizeof(values));
    return fold<Lanes / 2>(halves[0] + halves[1]);
  }
}

// The sum of the lanes of each of four vectors.
HELIX_INLINE Four sum_each(const Vec (&values)[4]) {
  const Four a = fold(values[0]), b = fold(values[1]), c = fold(values[2]), d = fold(values[3]);
  const Four ab = HELIX_SHUFFLE(a, b, 0, 1, 4, 5) + HELIX_SHUFFLE(a, b, 2, 3, 6, 7);
  const Four cd = HELIX_SHUFFLE(c, d, 0, 1, 4, 5) + HELIX_SHUFFLE(c, d, 2, 3, 6, 7);
  return HELIX_SHUFFLE(ab, cd, 0, 2, 4, 6) + HELIX_SHUFFLE(ab, cd, 1, 3, 5, 7);
}

// Fewer than kLanes numbers, and zeros.
HELIX_INLINE Vec load_edge(const float* from, int64_t size) {
  Vec value = {};
  std::memcpy(&value, from, size * sizeof(float));
  return value;
}

// Brings numbers into the first-level cache by reading them in order: requests ahead of the arithmetic do not make the
// processor read on, and reach a third of the speed.
template <class Number>
HELIX_INLINE void touch(const Number* from, int64_t size) {
  for (int64_t d = 0; d < size; d += 64 / sizeof(Number)) {
    const auto word = load<uint8_t>(from + d);
    asm volatile("" : : "r"(word));
  }
}

// scores[q * stride + k] = queries[q] * keys[k] * scale
template <int Queries>
HELIX_INLINE void score_tile(const float* const* queries, const float* const* keys, int64_t dim, float scale,
                             float* scores, int64_t stride) {
  Vec sums[Queries][kTileKeys] = {};
  const auto add_products = [&](const auto& load_at) {
    Vec own[Queries];
#pragma GCC unroll 8
    for (int q = 0; q < Queries; ++q) own[q] = load_at(queries[q]);
#pragma GCC unroll 8
    for (int k = 0; k < kTileKeys; ++k) {
      const Vec key = rounded(load_at(keys[k]));  // in a register: as a memory operand it would be loaded by every query
#pragma GCC unroll 8
      for (int q = 0; q < Queries; ++q) sums[q][k] += own[q] * key;
    }
  };
  int64_t d = 0;
  for (; d + kLanes <= dim; d += kLanes) add_products([d](const float* from) { return load<Vec>(from + d); });
  if (d < dim) add_products([d, dim](const float* from) { return load_edge(from + d, dim - d); });
#pragma GCC unroll 8
  for (int q = 0; q < Queries; ++q) {
    const Four totals = sum_each(sums[q]) * scale;
    std::memcpy(scores + q * stride, &totals, sizeof(Four));
  }
}

// Scores of all queries with keys [begin, end), in whole tiles: up to 3 numbers on each side of them are overwritten.
// Each key is `offset` numbers behind its pointer. `wide` has room for a tile of keys.
template <class Format>
void score_keys(const float* const* queries, int64_t num_queries, const typename Format::Number* const* keys,
                int64_t offset, int64_t begin, int64_t end, int64_t dim, float scale, float* wide, float* scores,
                int64_t stride) {
  for (int64_t j = begin / kTileKeys * kTileKeys; j < end; j += kTileKeys) {
    const float* tile[kTileKeys];
    for (int64_t k = 0; k < kTileKeys; ++k)
      tile[k] = Format::widen(keys[std::clamp(j + k, begin, end - 1)] + offset, dim, wide + k * dim);
    int64_t q = 0;
    for (; q + kTileQueries <= num_queries; q += kTileQueries)
      score_tile<kTileQueries>(queries + q, tile, dim, scale, scores + q * stride + j, stride);
    for (; q < num_queries; ++q) score_tile<1>(queries + q, tile, dim, scale, scores + q * stride + j, stride);
  }
}

// Replaces scores [begin, end) by exp(score - largest) and returns their sum. What lies beside them in the vectors that
// they touch is overwritten.
inline float exponentiate(float* scores, int64_t begin, int64_t end, float& largest) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const int64_t first = begin / kLanes * kLanes, last = (end + kLanes - 1) / kLanes * kLanes;
  std::fill(scores + first, scores + begin, kNone);
  std::fill(scores + end, scores + last, kNone);
  Vec most = load<Vec>(scores + first);
  for (int64_t j = first + kLanes; j < last; j += kLanes) {
    const Vec score = load<Vec>(scores + j);
    most = score > most ? score : most;
  }
  float lanes[kLanes];
  std::memcpy(lanes, &most, sizeof(Vec));
  largest = *std::max_element(lanes, lanes + kLanes);
  Vec sums = {};
  for (int64_t j = first; j < last; j += kLanes) {
    const Vec weight = exp_of_negative(load<Vec>(scores + j) - largest);
    sums += weight;
    std::memcpy(scores + j, &weight, sizeof(Vec));
  }
  return sum_lanes(sums);
}

// out[q] += sum over keys [begin, end) of weights[q][j] * values[j], dimensions [d, d + Vectors * kLanes)
template <int Queries, int Vectors, class Load>
HELIX_INLINE void add_weighted_tile(const float* weights, int64_t stride, const float* const* values, int64_t begin,
                                    int64_t end, const Load& load_at, float* out, int64_t out_stride) {
  Vec sums[Queries][Vectors];
#pragma GCC unroll 8
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) sums[q][v] = load<Vec>(out + q * out_stride + v * kLanes);
  for (int64_t j = begin; j < end; ++j) {
    Vec value[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) value[v] = load_at(values[j] + v * kLanes);
#pragma GCC unroll 8
    for (int q = 0; q < Queries; ++q) {
      const Vec weight = broadcast(weights[q * stride + j]);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sums[q][v] += weight * value[v];
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) std::memcpy(out + q * out_stride + v * kLanes, &sums[q][v], sizeof(Vec));
}

// The same for all dimensions; out is padded to whole vectors.
template <int Queries>
void add_weighted(const float* weights, int64_t stride, const float* const* values, int64_t begin, int64_t end,
                  int64_t dim, float* out, int64_t out_stride) {
  int64_t d = 0;
  const auto load_whole = [&](const float* from) { return load<Vec>(from + d); };
  for (; d + kTileVectors * kLanes <= dim; d += kTileVectors * kLanes)
    add_weighted_tile<Queries, kTileVectors>(weights, stride, values, begin, end, load_whole, out + d, out_stride);
  for (; d + kLanes <= dim; d += kLanes)
    add_weighted_tile<Queries, 1>(weights, stride, values, begin, end, load_whole, out + d, out_stride);
  if (d < dim)
    add_weighted_tile<Queries, 1>(
        weights, stride, values, begin, end, [&](const float* from) { return load_edge(from + d, dim - d); }, out + d,
        out_stride);
}

}  // namespace helix
