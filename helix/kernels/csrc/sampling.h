// Draws a token from softmax(logits / temperature) with noise that is a function of key and token alone, and finds the
// tokens that top-k, top-p and min-p keep.
//
// The draw is a race: token i arrives at -log(1 - u_i) / exp(l_i), with u_i its noise and l_i its logit, and the first
// one wins. No arrival is before u_i / exp(l_i), which tells of nearly all tokens, without a logarithm, that they lose.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

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

  // When a token arrives in the race.
  double arrival(float noise, float logit) const {
    return -std::log1p(-static_cast<double>(noise)) * std::exp(-static_cast<double>(logit));
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
      const double arrival = key.arrival(noise[lane], scaled[lane]);
      if (arrival < best) best = arrival, winner = start + lane, bound = static_cast<float>(best) * kMargin;
    }
  }
  return winner;
}

// Return a logit just below a row's nucleus: the likeliest tokens that have `share` of the probability together are
// above, and as a rule few others. Logits are 0 at most. `weights` is scratch for one number per logit; `normalizer`
// becomes the logarithm of the sum of exp(logit).
inline float nucleus_floor(const float* logits, int64_t size, float share, float* weights, float& normalizer) {
  // Blocks are summed in float, their sums in double: no sum is off by more than 1e-6 of itself.
  constexpr int64_t kBlockSize = 4096;
  const auto sum_above = [&](float floor) {
    double total = 0;
    for (int64_t start = 0; start < size; start += kBlockSize) {
      const int64_t end = std::min(start + kBlockSize, size);
      Vec sums = {};
      int64_t i = start;
      for (; i + kLanes <= end; i += kLanes) {
        const Words is_above = (Words)(load<Vec>(logits + i) >= floor);
        sums += (Vec)((Words)load<Vec>(weights + i) & is_above);
      }
      total += sum_lanes(sums);
      for (; i < end; ++i) total += logits[i] >= floor ? weights[i] : 0.0f;
    }
    return total;
  };
  for (int64_t i = 0; i < size; i += kLanes) {
    Vec values = broadcast(-std::numeric_limits<float>::infinity());
    const size_t num_bytes = std::min<int64_t>(kLanes, size - i) * sizeof(float);
    std::memcpy(&values, logits + i, num_bytes);
    const Vec powers = exp_of_negative(values);
    std::memcpy(weights + i, &powers, num_bytes);
  }
  const double total = sum_above(-std::numeric_limits<float>::infinity());
  normalizer = static_cast<float>(std::log(total));
  // All tokens below `low` have less than half of 1 - share together; from there it climbs while enough is above.
  float low = std::log((1 - share) / (2 * static_cast<float>(size))) + normalizer, high = 0;
  constexpr int kNumSteps = 10;
  constexpr double kSumError = 1e-5;
  for (int step = 0; step < kNumSteps; ++step) {
    const float middle = (low + high) / 2;
    (sum_above(middle) > (share + kSumError) * total ? low : high) = middle;
  }
  constexpr float kLogitError = 1e-4f;
  return low - kLogitError;
}

struct Candidate {
  float logit;
  int64_t token;
  bool operator<(const Candidate& other) const {
    return logit != other.logit ? logit > other.logit : token < other.token;
  }
};

// Return the k-th largest of more than k numbers.
inline float kth_largest(const float* numbers, int64_t size, int64_t k, std::vector<float>& heap) {
  heap.assign(numbers, numbers + k);
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (int64_t i = k; i < size; ++i) {
    if (!(numbers[i] > heap.front())) continue;
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    heap.back() = numbers[i];
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  }
  return heap.front();
}

// Return the winner among some tokens; the lowest one among equals.
inline int64_t draw(const std::vector<Candidate>& candidates, const NoiseKey& key) {
  double best = std::numeric_limits<double>::infinity();
  int64_t winner = candidates.front().token;
  for (const auto& [logit, token] : candidates) {
    const double arrival = key.arrival(key.uniform((Words)broadcast(static_cast<int32_t>(token)))[0], logit);
    if (arrival < best || (arrival == best && token < winner)) best = arrival, winner = token;
  }
  return winner;
}

struct Truncation {
  float temperature;
  int64_t top_k;       // 0: off
  float top_p, min_p;  // 1 and 0: off

  bool is_off() const { return top_k <= 0 && top_p >= 1 && min_p <= 0; }
};

// Keeps the top_k best tokens, of their distribution the top_p nucleus, and of those what min_p allows.
class Truncater {
 public:
  explicit Truncater(int64_t size) : size_(size), scaled_(size), weights_(size) {}

  // Return what is left of a row, best first and the lowest token first among equals; never empty.
  std::vector<Candidate> keep(const float* logits, const Truncation& by) {
    const float largest = *std::max_element(logits, logits + size_);
    for (int64_t i = 0; i < size_; ++i) scaled_[i] = (logits[i] - largest) / by.temperature;
    const bool has_top_k = by.top_k > 0 && by.top_k < size_;
    const float least = std::max(std::log(by.min_p), std::numeric_limits<float>::lowest());
    float floor = least, normalizer = 0;
    // The nucleus is one of the top_k, whatever min_p leaves of them; without top_k it is one of all tokens.
    if (has_top_k)
      floor = std::max(kth_largest(scaled_.data(), size_, by.top_k, heap_), std::numeric_limits<float>::lowest());
    else if (by.top_p < 1)
      floor = std::max(floor, nucleus_floor(scaled_.data(), size_, by.top_p, weights_.data(), normalizer));
    std::vector<Candidate> kept;
    for (int64_t i = 0; i < size_; ++i)
      if (scaled_[i] >= floor) kept.push_back({scaled_[i], i});
    std::sort(kept.begin(), kept.end());
    if (has_top_k && static_cast<int64_t>(kept.size()) > by.top_k) kept.resize(by.top_k);
    if (by.top_p < 1) {
      double total = 0, better = 0;
      if (has_top_k) for (const Candidate& one : kept) total += std::exp(static_cast<double>(one.logit));
      else total = std::exp(static_cast<double>(normalizer));
      // Compared in float: there 0.6 of five equal tokens are three of them, as anybody would say.
      const float share = by.top_p * static_cast<float>(total);
      size_t num_kept = 0;
      while (num_kept < kept.size() && static_cast<float>(better) < share)
        better += std::exp(static_cast<double>(kept[num_kept++].logit));
      kept.resize(num_kept);
    }
    while (!kept.empty() && kept.back().logit < least) kept.pop_back();
    if (kept.empty()) kept.push_back({0, std::max_element(logits, logits + size_) - logits});
    return kept;
  }

 private:
  int64_t size_;
  std::vector<float> scaled_, weights_, heap_;
};

}  // namespace helix
