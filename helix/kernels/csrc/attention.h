// Attention of packed query rows to keys and values that lie in slots of a paged pool.
//
// Every (row, head) is computed alone and in one fixed order over its context: scores, their largest, exponentials and
// their sum, then the weighted values. Neither the other rows of a batch nor how a context was computed enters, so a
// verified row has bitwise the attention that plain decoding would have had.
#pragma once

#include <limits>
#include <vector>

#include "vectors.h"

namespace helix {

// Rows and heads are strided; the numbers of one head lie side by side.
struct Heads {
  const float* data;
  int64_t row_stride, head_stride;
  const float* at(int64_t row, int64_t head) const { return data + row * row_stride + head * head_stride; }
};

HELIX_INLINE float dot(const float* a, const float* b, int64_t size) {
  Vec sums = {};
  int64_t d = 0;
  for (; d + kLanes <= size; d += kLanes) sums += load<Vec>(a + d) * load<Vec>(b + d);
  float total = sum_lanes(sums);
  for (; d < size; ++d) total += a[d] * b[d];
  return total;
}

// out = sum of weights[j] * values(j), up to Width vectors of d at a time.
template <int Width, class Values>
HELIX_INLINE void add_weighted(const float* weights, int64_t num_keys, const Values& values, int64_t d, float scale,
                               float* out) {
  Vec sums[Width] = {};
  for (int64_t j = 0; j < num_keys; ++j) {
    const float* from = values(j) + d;
    const Vec weight = broadcast(weights[j]);
#pragma GCC unroll 8
    for (int v = 0; v < Width; ++v) sums[v] += weight * load<Vec>(from + v * kLanes);
  }
#pragma GCC unroll 8
  for (int v = 0; v < Width; ++v) {
    const Vec total = sums[v] * scale;
    std::memcpy(out + d + v * kLanes, &total, sizeof(Vec));
  }
}

struct PagedAttention {
  Heads query;  // [num_rows, num_heads, key_dim]
  const float* keys;  // [num_slots, num_kv_heads, key_dim]
  const float* values;  // [num_slots, num_kv_heads, value_dim]
  const int64_t* positions;  // [num_rows]
  const int64_t* owners;  // [num_rows]: which block table is a row's
  const int64_t* block_tables;  // [num_requests, table_len]
  float* out;  // [num_rows, num_heads, value_dim]
  int64_t num_heads, num_kv_heads, key_dim, value_dim, table_len, block_size;
  int64_t window, chunk;  // 0: the whole context
  float scale;

  int64_t share() const { return num_heads / num_kv_heads; }

  int64_t first_position(int64_t row) const {
    const int64_t position = positions[row];
    int64_t first = 0;
    if (window) first = std::max(first, position - window + 1);
    if (chunk) first = std::max(first, position / chunk * chunk);
    return first;
  }

  // The query heads of one row that share a KV head. `slots` and `scores` are scratch.
  void attend(int64_t row, int64_t kv_head, std::vector<int64_t>& slots, std::vector<float>& scores) const {
    const int64_t first = first_position(row), num_keys = positions[row] + 1 - first;
    const int64_t padded = (num_keys + kLanes - 1) / kLanes * kLanes;
    const int64_t* table = block_tables + owners[row] * table_len;
    slots.resize(num_keys);
    for (int64_t j = 0; j < num_keys; ++j)
      slots[j] = table[(first + j) / block_size] * block_size + (first + j) % block_size;
    scores.resize(share() * padded);

    const int64_t head = kv_head * share();
    for (int64_t j = 0; j < num_keys; ++j) {
      const float* key = keys + (slots[j] * num_kv_heads + kv_head) * key_dim;
      for (int64_t h = 0; h < share(); ++h) scores[h * padded + j] = dot(query.at(row, head + h), key, key_dim) * scale;
    }
    for (int64_t h = 0; h < share(); ++h) {
      float* weights = scores.data() + h * padded;
      std::fill(weights + num_keys, weights + padded, -std::numeric_limits<float>::infinity());
      const float total = exponentiate(weights, padded);
      weigh_values(weights, slots, kv_head, 1.0f / total, out + (row * num_heads + head + h) * value_dim);
    }
  }

  void weigh_values(const float* weights, const std::vector<int64_t>& slots, int64_t kv_head, float scale,
                    float* to) const {
    const int64_t num_keys = slots.size();
    const auto value = [&](int64_t j) { return values + (slots[j] * num_kv_heads + kv_head) * value_dim; };
    int64_t d = 0;
    for (; d + 8 * kLanes <= value_dim; d += 8 * kLanes) add_weighted<8>(weights, num_keys, value, d, scale, to);
    for (; d + 4 * kLanes <= value_dim; d += 4 * kLanes) add_weighted<4>(weights, num_keys, value, d, scale, to);
    for (; d + kLanes <= value_dim; d += kLanes) add_weighted<1>(weights, num_keys, value, d, scale, to);
    for (; d < value_dim; ++d) {
      float total = 0;
      for (int64_t j = 0; j < num_keys; ++j) total += weights[j] * value(j)[d];
      to[d] = total * scale;
    }
  }

  // Replace scores by exp(score - largest) and return their sum. `size` is a multiple of kLanes.
  static float exponentiate(float* scores, int64_t size) {
    const float largest = *std::max_element(scores, scores + size);
    Vec sums = {};
    for (int64_t j = 0; j < size; j += kLanes) {
      const Vec weight = exp_of_negative(load<Vec>(scores + j) - largest);
      sums += weight;
      std::memcpy(scores + j, &weight, sizeof(Vec));
    }
    return sum_lanes(sums);
  }
};

// Computes all heads of rows [0, num_rows), shared among the threads.
void attend_rows(const PagedAttention& attention, int64_t num_rows);

}  // namespace helix
