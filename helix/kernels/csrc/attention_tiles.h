// The arithmetic of attention on tiles of queries and keys that stay in registers.
//
// A tile is as large as the registers allow, but every (query, key) and every (query, dimension) is one chain of fused
// multiply-adds of its own, in the order of the dimensions or keys: which queries or keys share its tile, and in which lane,
// does not change a bit of it.
#pragma once

#include <limits>
#include <type_traits>

#include "kv_formats.h"

namespace helix {

constexpr int kTileQueries = 6;
constexpr int kTileVectors = kRegisters == 32 ? 4 : 2;  // of keys or values
constexpr int kVectorsAlone = 4;  // beside a single query: a sum can take its next number only after some steps
constexpr int kPanelKeys = kVectorsAlone * kLanes;  // whose numbers of one dimension lie side by side

// Brings vectors of `size` numbers into the second-level cache by reading them in order, several places at a time: the
// processor finds out anew in every page that it is read in order, and a request ahead makes the page known to it. Requests
// for all that comes do not help: it drops those for which it has no room.
template <class Number>
inline void bring(const Number* const* vectors, int64_t num_vectors, int64_t size) {
  constexpr int kPlaces = 4, kAhead = 8;
  const int64_t part = (num_vectors + kPlaces - 1) / kPlaces, last = num_vectors - 1;
  for (int64_t i = 0; i < part; ++i) {
    const Number* places[kPlaces];
    for (int p = 0; p < kPlaces; ++p) {
      places[p] = vectors[std::min(p * part + i, last)];
      __builtin_prefetch(vectors[std::min(p * part + i + kAhead, last)]);
    }
    for (int64_t d = 0; d < size; d += 64 / sizeof(Number))
      for (int p = 0; p < kPlaces; ++p) asm volatile("" : : "r"(load<uint8_t>(places[p] + d)));
  }
}

// Calls work(std::integral_constant of number), which is in [1, Most].
template <int Most, class Work>
HELIX_INLINE void with_constant(int64_t number, const Work& work) {
  if (number == Most) return work(std::integral_constant<int, Most>());
  if constexpr (Most > 1) with_constant<Most - 1>(number, work);
}

// Calls work(first query, std::integral_constant of how many) for tiles that are as large as each other.
template <int Most = kTileQueries, class Work>
HELIX_INLINE void in_tiles(int64_t num_queries, const Work& work) {
  const int64_t num_tiles = (num_queries + Most - 1) / Most;
  for (int64_t i = 0; i < num_tiles; ++i) {
    const int64_t begin = i * num_queries / num_tiles, end = (i + 1) * num_queries / num_tiles;
    with_constant<Most>(end - begin, [&](auto size) { work(begin, size); });
  }
}

// packed[d * stride + lane] = keys[lane][d]; each key is `offset` numbers behind its pointer.
template <class Format>
HELIX_INLINE void pack_keys(const typename Format::Number* const* keys, int64_t offset, int64_t dim, float* packed,
                            int64_t stride) {
  for (int64_t d = 0; d < dim; d += kLanes) {
    const int64_t count = std::min<int64_t>(kLanes, dim - d);
    Vec rows[kLanes];
#pragma GCC unroll 16
    for (int k = 0; k < kLanes; ++k) rows[k] = Format::widen(keys[k] + offset, dim, d, count);
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i)
      if (i < count) std::memcpy(packed + (d + i) * stride, &rows[i], sizeof(Vec));
  }
}

// scores[q * stride + k] = scale * sum over d, in their order, of queries[q][d] * packed[d * Vectors * kLanes + k]
template <int Queries, int Vectors>
HELIX_INLINE void score_tile(const float* const* queries, const float* packed, int64_t dim, float scale, float* scores,
                             int64_t stride) {
  Vec sums[Queries][Vectors] = {};
#pragma GCC unroll 2
  for (int64_t d = 0; d < dim; ++d) {
    Vec keys[Vectors];
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) keys[v] = load<Vec>(packed + (d * Vectors + v) * kLanes);
#pragma GCC unroll 8
    for (int q = 0; q < Queries; ++q) {
      const Vec number = broadcast(queries[q][d]);
#pragma GCC unroll 8
      for (int v = 0; v < Vectors; ++v) sums[q][v] += number * keys[v];
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < Queries; ++q)
#pragma GCC unroll 8
    for (int v = 0; v < Vectors; ++v) {
      const Vec scaled = sums[q][v] * scale;
      std::memcpy(scores + q * stride + v * kLanes, &scaled, sizeof(Vec));
    }
}

template <class Format, int Vectors>
__attribute__((noinline)) void score_panel(const float* const* queries, int64_t num_queries,
                                           const typename Format::Number* const* keys, int64_t offset, int64_t dim,
                                           float scale, float* packed, float* scores, int64_t stride) {
  for (int v = 0; v < Vectors; ++v)
    pack_keys<Format>(keys + v * kLanes, offset, dim, packed + v * kLanes, Vectors * kLanes);
  in_tiles<Vectors <= kTileVectors ? kTileQueries : 1>(num_queries, [&](int64_t q, auto size) {
    score_tile<size(), Vectors>(queries + q, packed, dim, scale, scores + q * stride, stride);
  });
}

// Scores of all queries with keys [begin, end), in whole vectors: what lies beside them in those is overwritten. Each key is
// `offset` numbers behind its pointer. `packed` has room for a panel.
template <class Format>
void score_keys(const float* const* queries, int64_t num_queries, const typename Format::Number* const* keys,
                int64_t offset, int64_t begin, int64_t end, int64_t dim, float scale, float* packed, float* scores,
                int64_t stride) {
  const int64_t most = num_queries == 1 ? kVectorsAlone : kTileVectors;
  for (int64_t j = begin / kLanes * kLanes; j < end; j += most * kLanes) {
    const int64_t num_vectors = std::min(most, (end - j + kLanes - 1) / kLanes);
    const typename Format::Number* panel[kPanelKeys];
    for (int64_t k = 0; k < num_vectors * kLanes; ++k) panel[k] = keys[std::clamp(j + k, begin, end - 1)];
    with_constant<kVectorsAlone>(num_vectors, [&](auto size) {
      score_panel<Format, size()>(queries, num_queries, panel, offset, dim, scale, packed, scores + j, stride);
    });
  }
}

// The largest of scores [begin, end). What lies beside them in the vectors that they touch becomes minus infinity.
HELIX_INLINE float largest_score(float* scores, int64_t begin, int64_t end) {
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  const int64_t first = begin / kLanes * kLanes, last = (end + kLanes - 1) / kLanes * kLanes;
  for (int64_t j = first; j < begin; ++j) scores[j] = kNone;
  for (int64_t j = end; j < last; ++j) scores[j] = kNone;
  Vec most = broadcast(kNone), other = most;
  int64_t j = first;
  for (; j + 2 * kLanes <= last; j += 2 * kLanes) {
    const Vec score = load<Vec>(scores + j), next = load<Vec>(scores + j + kLanes);
    most = score > most ? score : most;
    other = next > other ? next : other;
  }
  if (j < last) {
    const Vec score = load<Vec>(scores + j);
    most = score > most ? score : most;
  }
  return largest_lane(most > other ? most : other);
}

// Replaces the vectors of scores [begin, end) by exp(score - largest) and returns their sum.
HELIX_INLINE float exponentiate(float* scores, int64_t begin, int64_t end, float largest) {
  Vec sums = {};
  for (int64_t j = begin / kLanes * kLanes; j < end; j += kLanes) {
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
#pragma GCC unroll 2
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
__attribute__((noinline)) void add_weighted(const float* weights, int64_t stride, const float* const* values,
                                            int64_t begin, int64_t end, int64_t dim, float* out, int64_t out_stride) {
  int64_t d = 0;
  const auto load_whole = [&](const float* from) { return load<Vec>(from + d); };
  if constexpr (Queries == 1)
    for (; d + kVectorsAlone * kLanes <= dim; d += kVectorsAlone * kLanes)
      add_weighted_tile<1, kVectorsAlone>(weights, stride, values, begin, end, load_whole, out + d, out_stride);
  for (; d + kTileVectors * kLanes <= dim; d += kTileVectors * kLanes)
    add_weighted_tile<Queries, kTileVectors>(weights, stride, values, begin, end, load_whole, out + d, out_stride);
  for (; d + kLanes <= dim; d += kLanes)
    add_weighted_tile<Queries, 1>(weights, stride, values, begin, end, load_whole, out + d, out_stride);
  if (d < dim)
    add_weighted_tile<Queries, 1>(
        weights, stride, values, begin, end, [&](const float* from) { return load_first<Vec>(from + d, dim - d); },
        out + d, out_stride);
}

}  // namespace helix
