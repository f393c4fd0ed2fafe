// Draws a token from softmax(logits / temperature) with noise that is a function of key and token alone.
//
// The draw is a race: token i arrives at -log(1 - u_i) / exp(l_i), with u_i its noise and l_i its logit, and the first
// one wins. No arrival is before u_i / exp(l_i), which tells of nearly all tokens, without a logarithm, that they lose.
#pragma once

#include <cmath>
#include <limits>

#include "vectors.h"

namespace helix {

constexpr uint32_t kFirstMultiplier = 0x21F0AAADu, kSecondMultiplier = 0x735A2D97u;

inline uint32_t mix(uint32_t word) {
  word = (word ^ word >> 16) * kFirstMultiplier;
  word = (word ^ word >> 15) * kSecondMultiplier;
  return word ^ word >> 15;
}

// What a row's noise has in common, as `sampling.noise` computes it.
struct NoiseKey {
  uint32_t first, second;

  NoiseKey(int64_t seed, int64_t draw) : first(word(seed, draw, 0x9E3779B9u)), second(word(seed, draw, 0x7F4A7C15u)) {}

  static uint32_t word(int64_t seed, int64_t draw, uint32_t salt) {
    uint32_t key = mix(salt ^ static_cast<uint32_t>(seed));
    key = mix((key + salt) ^ static_cast<uint32_t>(static_cast<uint64_t>(seed) >> 32));
    return mix((key + salt) ^ static_cast<uint32_t>(draw));
  }

  // Noise in (0, 1) of kLanes tokens.
  HELIX_INLINE Vec uniform(Words tokens) const {
    Words words = tokens ^ first;
    words = (words ^ words >> 16) * kFirstMultiplier ^ second;
    words = (words ^ words >> 15) * kSecondMultiplier;
    words ^= words >> 15;
    const Vec noise = rounded(__builtin_convertvector(words, Vec) + 0.5f) * 0x1p-32f;
    constexpr float kLargest = 1 - 0x1p-24f;
    return noise < kLargest ? noise : broadcast(kLargest);
  }
};

// Return the winner; the first one among equals, and 0 where no token can be drawn.
inline int64_t draw(const float* logits, int64_t size, float temperature, const NoiseKey& key) {
  const float largest = *std::max_element(logits, logits + size);
  constexpr float kMargin = 1 + 1e-5f;  // more than the float arithmetic of the bound can be off
  float bound = 1e30f;
  double best = std::numeric_limits<double>::infinity();
  int64_t winner = 0;
  Words tokens;
  for (int lane = 0; lane < kLanes; ++lane) tokens[lane] = lane;
  for (int64_t start = 0; start < size; start += kLanes, tokens += kLanes) {
    Vec values = broadcast(-std::numeric_limits<float>::infinity());
    if (start + kLanes <= size) values = load<Vec>(logits + start);
    else std::memcpy(&values, logits + start, (size - start) * sizeof(float));
    const Vec scaled = (values - largest) / temperature;
    const Vec noise = key.uniform(tokens);
    const Ints may_win = noise < exp_of_negative(scaled) * bound;
    int32_t any = 0;
    for (int lane = 0; lane < kLanes; ++lane) any |= may_win[lane];
    if (!any) continue;
    for (int lane = 0; lane < kLanes; ++lane) {
      if (!may_win[lane]) continue;
      const double arrival = -std::log1p(-static_cast<double>(noise[lane])) * std::exp(-static_cast<double>(scaled[lane]));
      if (arrival < best) best = arrival, winner = start + lane, bound = static_cast<float>(best) * kMargin;
    }
  }
  return winner;
}

}  // namespace helix
