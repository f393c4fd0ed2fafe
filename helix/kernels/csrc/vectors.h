// Vectors of the widest registers that this variant may use, by the compiler's own vector types.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

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
