// What a decoder layer does between its multiplications, row by row.
//
// Every row is computed alone and in one fixed order, so its result is bitwise the same whatever rows surround it.
#pragma once

#include <cmath>

#include "vectors.h"

namespace helix {

// y = x / sqrt(mean of x^2 + epsilon) * weight; y may be x.
inline void normalize(const float* x, const float* weight, int64_t size, float epsilon, float* y) {
  constexpr int kChains = 4;
  Vec sums[kChains] = {};
  int64_t d = 0;
  for (; d + kChains * kLanes <= size; d += kChains * kLanes)
    for (int c = 0; c < kChains; ++c) sums[c] += load<Vec>(x + d + c * kLanes) * load<Vec>(x + d + c * kLanes);
  for (; d + kLanes <= size; d += kLanes) sums[0] += load<Vec>(x + d) * load<Vec>(x + d);
  float total = sum_lanes((sums[0] + sums[1]) + (sums[2] + sums[3]));
  for (; d < size; ++d) total += x[d] * x[d];
  const float scale = 1.0f / std::sqrt(total / static_cast<float>(size) + epsilon);
  for (d = 0; d < size; ++d) y[d] = x[d] * scale * weight[d];
}

// Rotates the pairs (d, d + size / 2) of one head by the angles of a position.
inline void rotate(float* head, const float* cos, const float* sin, int64_t size) {
  const int64_t half = size / 2;
  for (int64_t d = 0; d < half; ++d) {
    const float first = head[d], second = head[d + half];
    head[d] = first * cos[d] - second * sin[d];
    head[d + half] = second * cos[d + half] + first * sin[d + half];
  }
}

HELIX_INLINE Vec silu(Vec x) {
  const Words is_negative = (Words)(x < 0.0f);
  const Vec power = exp_of_negative((Vec)((Words)x | 0x80000000u));
  const Vec above = (Vec)(((Words)broadcast(1.0f) & ~is_negative) | ((Words)power & is_negative));
  return x * (above / (1.0f + power));
}

// up = silu(gate) * up. The edge passes through the same instructions.
inline void multiply_gated(const float* gate, float* up, int64_t size) {
  int64_t d = 0;
  for (; d + kLanes <= size; d += kLanes) {
    const Vec y = silu(load<Vec>(gate + d)) * load<Vec>(up + d);
    std::memcpy(up + d, &y, sizeof(Vec));
  }
  if (d < size) {
    float edge[2][kLanes] = {};
    std::copy(gate + d, gate + size, edge[0]);
    std::copy(up + d, up + size, edge[1]);
    const Vec y = silu(load<Vec>(edge[0])) * load<Vec>(edge[1]);
    std::memcpy(up + d, &y, (size - d) * sizeof(float));
  }
}

inline void add(const float* x, float* y, int64_t size) {
  for (int64_t d = 0; d < size; ++d) y[d] += x[d];
}

}  // namespace helix
