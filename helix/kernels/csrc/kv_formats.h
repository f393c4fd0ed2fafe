// How a pool keeps keys and values: a vector for each slot and KV head, in one of the formats below.
//
// A vector is quantised when it is written, by itself, and never again: whoever reads it later, in whatever pass, reads the
// same numbers, and so does the pass that wrote it. What is read is widened, and from there on all formats are computed
// alike.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "quantized.h"

namespace helix {

// As they were computed.
struct Float32KV {
  using Number = float;
  static constexpr bool kIsWide = true;

  // Numbers that a vector of `size` takes in the pool.
  static constexpr int64_t width(int64_t size) { return size; }

  static void store(const float* from, int64_t size, Number* to) { std::copy_n(from, size, to); }

  // Returns a vector in float32, which may have been written to `to`.
  static HELIX_INLINE const float* widen(const Number* from, int64_t, float*) { return from; }

  // Numbers [d, d + count) of a vector of `size`, and zeros.
  static HELIX_INLINE Vec widen(const Number* from, int64_t, int64_t d, int64_t count) {
    return load_first<Vec>(from + d, count);
  }
};

// Whole numbers in [-127, 127], and behind them the scale by which they count: a float32 in four bytes, aligned to nothing.
struct Int8KV {
  using Number = int8_t;
  static constexpr bool kIsWide = false;

  static constexpr int64_t width(int64_t size) { return size + sizeof(float); }

  static void store(const float* from, int64_t size, Number* to) {
    const float scale = quantized::quantize_row(from, size, size, to);
    std::memcpy(to + size, &scale, sizeof(scale));
  }

  static HELIX_INLINE const float* widen(const Number* from, int64_t size, float* to) {
    const float scale = load<float>(from + size);
    int64_t d = 0;
    for (; d + kLanes <= size; d += kLanes) {
      const Vec numbers = widen(from, size, d, kLanes);
      std::memcpy(to + d, &numbers, sizeof(Vec));
    }
    for (; d < size; ++d) to[d] = from[d] * scale;
    return to;
  }

  // Numbers [d, d + count) of a vector of `size`, and zeros.
  static HELIX_INLINE Vec widen(const Number* from, int64_t size, int64_t d, int64_t count) {
    return __builtin_convertvector(widened(load_first<Bytes>(from + d, count)), Vec) * load<float>(from + size);
  }

 private:
  // The compiler would do it number by number.
  static HELIX_INLINE Ints widened(Bytes numbers) {
#if defined(__AVX512F__)
    return (Ints)_mm512_cvtepi8_epi32((__m128i)numbers);
#elif defined(__AVX2__)
    return (Ints)_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&numbers)));
#else
    return __builtin_convertvector(numbers, Ints);
#endif
  }
};

}  // namespace helix
