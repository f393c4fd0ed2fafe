// Vectors of the widest registers that this variant may use, by the compiler's own vector types.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

namespace helix {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
constexpr int kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
constexpr int kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kLanes = 4;
constexpr int kRegisters = 32;
#else
constexpr int kLanes = 4;
constexpr int kRegisters = 16;
#endif

template <class T, int Lanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(sizeof(T) * Lanes)));
};

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Words __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef int16_t Shorts __attribute__((vector_size(4 * kLanes)));
typedef int8_t Bytes __attribute__((vector_size(kLanes)));

#define HELIX_INLINE inline __attribute__((always_inline))

template <class T>
HELIX_INLINE T load(const void* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

// The first `count` numbers of a vector, and zeros.
template <class V>
HELIX_INLINE V load_first(const void* from, int64_t count) {
  constexpr int64_t kNumber = sizeof(V) / kLanes;
  if (count >= kLanes) return load<V>(from);
  V value = {};
  std::memcpy(&value, from, count * kNumber);
  return value;
}

HELIX_INLINE Vec broadcast(float value) { return value - Vec{}; }
HELIX_INLINE Ints broadcast(int32_t value) { return value - Ints{}; }

// A result that is rounded before it is used: the compiler may not fuse it with what follows, so that variants with and
// without fused instructions agree bitwise.
HELIX_INLINE Vec rounded(Vec value) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(value));
#elif defined(__SSE2__)
  asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#else
  asm volatile("" : "+m"(value));
#endif
  return value;
}

// Halves are added until one number is left.
template <int Lanes = kLanes>
HELIX_INLINE float sum_lanes(typename VectorOf<float, Lanes>::type values) {
  if constexpr (Lanes == 2) {
    return values[0] + values[1];
  } else {
    using Half = typename VectorOf<float, Lanes / 2>::type;
    Half halves[2];
    std::memcpy(halves, &values, sizeof(values));
    return sum_lanes<Lanes / 2>(halves[0] + halves[1]);
  }
}

// The largest lane; of equal zeros any.
template <int Lanes = kLanes>
HELIX_INLINE float largest_lane(typename VectorOf<float, Lanes>::type values) {
  if constexpr (Lanes == 2) {
    return std::max(values[0], values[1]);
  } else {
    using Half = typename VectorOf<float, Lanes / 2>::type;
    Half halves[2];
    std::memcpy(halves, &values, sizeof(values));
    return largest_lane<Lanes / 2>(halves[0] > halves[1] ? halves[0] : halves[1]);
  }
}

// Lane i becomes number place(i) of those of a and b, side by side.
template <auto place, int... Lane>
HELIX_INLINE Vec shuffle(Vec a, Vec b, std::integer_sequence<int, Lane...>) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, place(Lane)...);
#else
  return __builtin_shuffle(a, b, Ints{place(Lane)...});
#endif
}

// Exchanges lane i of row r with lane r of row i. Squares of Step lanes trade places across the diagonal, then smaller ones
// within them; the last of four rows at a time in pairs of lanes, for which there are instructions everywhere.
template <int Step = kLanes / 2>
HELIX_INLINE void transpose(Vec (&rows)[kLanes]) {
  constexpr std::make_integer_sequence<int, kLanes> lanes;
  constexpr auto first = [](int i) { return i & Step ? kLanes + i - Step : i; };
  constexpr auto second = [](int i) { return i & Step ? kLanes + i : i + Step; };
  if constexpr (Step > 2) {
#pragma GCC unroll 16
    for (int r = 0; r < kLanes; ++r) {
      if (r & Step) continue;
      const Vec upper = rows[r], lower = rows[r + Step];
      rows[r] = shuffle<first>(upper, lower, lanes);
      rows[r + Step] = shuffle<second>(upper, lower, lanes);
    }
    transpose<Step / 2>(rows);
  } else {
    constexpr auto begin = [](int i) { return i / 4 * 4 + i % 4 / 2 + i % 2 * kLanes; };
    constexpr auto end = [](int i) { return i / 4 * 4 + i % 4 / 2 + i % 2 * kLanes + 2; };
#pragma GCC unroll 16
    for (int r = 0; r < kLanes; r += 4) {
      const Vec a = shuffle<begin>(rows[r], rows[r + 1], lanes), b = shuffle<end>(rows[r], rows[r + 1], lanes);
      const Vec c = shuffle<begin>(rows[r + 2], rows[r + 3], lanes), d = shuffle<end>(rows[r + 2], rows[r + 3], lanes);
      rows[r] = shuffle<first>(a, c, lanes), rows[r + 1] = shuffle<second>(a, c, lanes);
      rows[r + 2] = shuffle<first>(b, d, lanes), rows[r + 3] = shuffle<second>(b, d, lanes);
    }
  }
}

// exp(x) for x <= 0, to about 1e-7 of itself; 0 below -87.
HELIX_INLINE Vec exp_of_negative(Vec x) {
  constexpr float kRound = 0x1.8p23f;  // adding it leaves the nearest integer in the low bits
  const Words is_tiny = (Words)(x < -87.0f);
  const Vec power = x * 1.44269504f + kRound;
  const Vec n = power - kRound;
  const Vec r = x - n * 0.693359375f + n * 2.12194440e-4f;  // log 2 in two parts
  Vec y = 1.9875691500e-4f * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = y * r * r + r + 1.0f;
  const Words scale = ((Words)power << 23) + (127u << 23);
  return (Vec)((Words)(y * (Vec)scale) & ~is_tiny);
}

}  // namespace helix
