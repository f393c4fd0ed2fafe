// Skinny matrix multiplication: y[rows, n] = x[rows, k] * w[n, k]^T + bias, for weights packed once.
//
// Layout of packed weights, [blocks, pairs, 32 numbers], zero padded; a block is 16 outputs, a pair two steps of k:
//   bfloat16           output 0 at k, output 0 at k + 1, output 1 at k, ...: one 32-bit word holds both steps
//   float16, float32   16 outputs at k, then 16 outputs at k + 1
//
// Every (row, output) starts from its bias and adds one partial sum per chunk of k; a partial sum is one chain of fused
// multiply-adds in the order of k. Neither the number of rows nor the tile, thread or vector width enters that order,
// so a row's result is bitwise the same in every call and on every variant that fuses.
#pragma once

#if defined(__AVX2__) || defined(__F16C__)
#include <immintrin.h>
#endif

#include "vectors.h"

namespace helix {

constexpr int kBlock = 16;
constexpr int kPair = 2 * kBlock;
constexpr int64_t kChunkPairs = 256;

#if defined(__AVX512F__)
constexpr int kMaxRows = 12;
constexpr int blocks_per_tile(int rows) { return rows <= 6 ? 4 : 2; }
#elif defined(__AVX2__)
constexpr int kMaxRows = 6;
constexpr int blocks_per_tile(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
#elif defined(__aarch64__)
constexpr int kMaxRows = 6;
constexpr int blocks_per_tile(int rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }
#else
constexpr int kMaxRows = 3;
constexpr int blocks_per_tile(int rows) { return rows == 1 ? 2 : 1; }
#endif
constexpr int64_t tiles_of(int64_t num_rows) { return (num_rows + kMaxRows - 1) / kMaxRows; }
constexpr int kVectors = kBlock / kLanes;
// A tile's sums leave few registers for anything else.
constexpr bool is_tight(int rows, int blocks) { return rows * blocks * kVectors >= (kRegisters * 5) / 8; }

// The compiler orders loads ahead of the sums they feed and spills what does not fit; this holds a sum in its register.
HELIX_INLINE void stay_in_register([[maybe_unused]] Vec& sum) {
#if defined(__AVX512F__)
  asm volatile("" : "+v"(sum));
#elif defined(__SSE2__)
  asm volatile("" : "+x"(sum));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(sum));
#endif
}

// sum += x * w, fused. With 16 registers the compiler's own choice, which may write over x or w, leads to copies and
// spills; this writes over the sum. A single row has registers to spare.
template <int Rows, int Blocks>
HELIX_INLINE void multiply_add(Vec& sum, Vec x, Vec w) {
#if defined(__FMA__) && !defined(__AVX512F__)
  if constexpr (Rows > 1) {
    asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(x), "x"(w));
    return;
  }
#endif
  sum += x * w;
  if constexpr (is_tight(Rows, Blocks)) stay_in_register(sum);
}

struct Bfloat16 {
  using Number = uint16_t;
  static HELIX_INLINE void load_first(const Number* from, Vec (&first)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) first[v] = (Vec)(load<Words>(from + 2 * kLanes * v) << 16);
  }
  static HELIX_INLINE void load_second(const Number* from, Vec (&second)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) second[v] = (Vec)(load<Words>(from + 2 * kLanes * v) & 0xffff0000u);
  }
};

// Weights are held in registers: as memory operands they would be loaded again for every row.
struct Float32 {
  using Number = float;
  static HELIX_INLINE void load_first(const Number* from, Vec (&first)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) stay_in_register(first[v] = load<Vec>(from + kLanes * v));
  }
  static HELIX_INLINE void load_second(const Number* from, Vec (&second)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) stay_in_register(second[v] = load<Vec>(from + kBlock + kLanes * v));
  }
};

struct Float16 {
  using Number = uint16_t;
  static HELIX_INLINE Vec widen(const Number* from) {
#if defined(__AVX512F__)
    return (Vec)_mm512_cvtph_ps(load<__m256i>(from));
#elif defined(__AVX2__)
    return (Vec)_mm256_cvtph_ps(load<__m128i>(from));
#elif defined(__aarch64__)
    typedef __fp16 Fp16 __attribute__((vector_size(2 * kLanes)));
    return __builtin_convertvector(load<Fp16>(from), Vec);
#else
    // Exponent and mantissa move into place; the multiplication corrects the bias and normalises subnormals.
    const Words words = __builtin_convertvector(load<Halves>(from), Words);
    const Vec magnitude = (Vec)((words & 0x7fffu) << 13) * 0x1p112f;
    return (Vec)((Words)magnitude | (words & 0x8000u) << 16);
#endif
  }
  static HELIX_INLINE void load_first(const Number* from, Vec (&first)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) first[v] = widen(from + kLanes * v);
  }
  static HELIX_INLINE void load_second(const Number* from, Vec (&second)[kVectors]) {
    for (int v = 0; v < kVectors; ++v) second[v] = widen(from + kBlock + kLanes * v);
  }
};

// How far ahead of the arithmetic weights are requested, in pairs: `near` from the second-level cache into the first, and
// `far` from memory into the second. Few rows wait for memory whatever is requested; far requests only get in their way.
#if defined(__AVX512F__)
// Many rows leave memory the time to bring all of the next chunk.
constexpr bool requests_next_chunk(int rows) { return rows > 6; }
constexpr int prefetch_near(int rows) { return requests_next_chunk(rows) ? 8 : 24; }
constexpr int prefetch_far(int) { return 0; }
#else
constexpr bool requests_next_chunk(int) { return false; }
constexpr int prefetch_near(int) { return 8; }
constexpr int prefetch_far(int rows) { return rows > 1 ? 128 : 0; }
#endif

template <class W, int Rows>
HELIX_INLINE void prefetch_ahead(const typename W::Number* pair, int64_t next_chunk) {
  constexpr int kNear = prefetch_near(Rows), kFar = prefetch_far(Rows), kLine = 64 / sizeof(typename W::Number);
  for (int place = 0; place < kPair; place += kLine) {
    __builtin_prefetch(pair + kNear * kPair + place, 0, 3);
    if constexpr (kFar) __builtin_prefetch(pair + kFar * kPair + place, 0, 2);
    if constexpr (requests_next_chunk(Rows)) __builtin_prefetch(pair + next_chunk + place, 0, 2);
  }
}

// y += x * w for Rows rows and Blocks neighbouring blocks over one chunk of k; the next one lies `next_chunk` numbers
// ahead. Within its caller the compiler would keep the caller's numbers in registers and spill sums.
template <class W, int Rows, int Blocks>
__attribute__((noinline)) void multiply_tile(const float* x, int64_t x_stride, const typename W::Number* w,
                                             int64_t block_stride, int64_t next_chunk, int64_t num_k, float* y,
                                             int64_t y_stride) {
  constexpr bool kTight = is_tight(Rows, Blocks);
  Vec sums[Rows][Blocks][kVectors] = {};
  const int64_t num_pairs = num_k / 2;
  // Blocks whose weights are held at the same time, so that a broadcast serves all of them.
  constexpr int kHeld = kVectors == 1 ? Blocks : 1;
  for (int64_t pair = 0; pair < num_pairs; ++pair) {
#pragma GCC unroll 16
    for (int begin = 0; begin < Blocks; begin += kHeld) {
      const typename W::Number* from = w + begin * block_stride + pair * kPair;
      // Without this the compiler keeps the broadcasts of one block for the next and spills sums.
      if constexpr (kTight && kHeld < Blocks) asm volatile("" : "+r"(x));
      Vec first[kHeld][kVectors], second[kHeld][kVectors];
#pragma GCC unroll 16
      for (int b = 0; b < kHeld; ++b) {
        prefetch_ahead<W, Rows>(from + b * block_stride, next_chunk);
        W::load_first(from + b * block_stride, first[b]);
      }
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const Vec value = broadcast(x[r * x_stride + 2 * pair]);
#pragma GCC unroll 16
        for (int b = 0; b < kHeld; ++b) {
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) multiply_add<Rows, Blocks>(sums[r][begin + b][v], value, first[b][v]);
        }
      }
      // Without this the compiler keeps the loaded words beside `first` and runs out of registers.
      if constexpr (kTight) asm volatile("" : "+r"(from));
#pragma GCC unroll 16
      for (int b = 0; b < kHeld; ++b) W::load_second(from + b * block_stride, second[b]);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const Vec value = broadcast(x[r * x_stride + 2 * pair + 1]);
#pragma GCC unroll 16
        for (int b = 0; b < kHeld; ++b) {
#pragma GCC unroll 16
          for (int v = 0; v < kVectors; ++v) multiply_add<Rows, Blocks>(sums[r][begin + b][v], value, second[b][v]);
        }
      }
    }
  }
  if (num_k % 2) {
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) {
      Vec first[kVectors];
      W::load_first(w + b * block_stride + num_pairs * kPair, first);
#pragma GCC unroll 16
      for (int r = 0; r < Rows; ++r) {
        const Vec value = broadcast(x[r * x_stride + num_k - 1]);
#pragma GCC unroll 16
        for (int v = 0; v < kVectors; ++v) sums[r][b][v] += value * first[v];
      }
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 16
    for (int b = 0; b < Blocks; ++b) {
#pragma GCC unroll 16
      for (int v = 0; v < kVectors; ++v) {
        float* to = y + r * y_stride + b * kBlock + v * kLanes;
        const Vec total = load<Vec>(to) + sums[r][b][v];
        std::memcpy(to, &total, sizeof(Vec));
      }
    }
  }
}

// Steps [k, k + num_k); the weights of the steps that follow lie `next` numbers behind theirs.
struct Chunk {
  int64_t k, num_k, next;
};

template <class W>
struct Problem {
  const float* x;  // [num_rows, num_k], rows x_stride apart
  const typename W::Number* w;  // packed
  const float* bias;  // [num_outputs] or null
  float* y;  // [num_rows, num_outputs]
  int64_t num_rows, num_k, num_outputs, x_stride;

  int64_t block_stride() const { return (num_k + 1) / 2 * kPair; }

  // One tile row over blocks [begin, end) and one chunk of k.
  template <int Rows>
  void multiply_rows(int64_t row, int64_t begin, int64_t end, const Chunk& chunk) const {
    constexpr int kBlocks = blocks_per_tile(Rows);
    const int64_t num_whole = num_outputs / kBlock;
    int64_t block = begin;
    for (; block + kBlocks <= std::min(end, num_whole); block += kBlocks)
      multiply_one<Rows, kBlocks>(row, block, chunk, y + row * num_outputs + block * kBlock, num_outputs);
    for (; block < std::min(end, num_whole); ++block)
      multiply_one<Rows, 1>(row, block, chunk, y + row * num_outputs + block * kBlock, num_outputs);
    if (block < end) {
      const int64_t num_valid = num_outputs - block * kBlock;
      float edge[Rows * kBlock] = {};
      float* to = y + row * num_outputs + block * kBlock;
      for (int r = 0; r < Rows; ++r) std::copy_n(to + r * num_outputs, num_valid, edge + r * kBlock);
      multiply_one<Rows, 1>(row, block, chunk, edge, kBlock);
      for (int r = 0; r < Rows; ++r) std::copy_n(edge + r * kBlock, num_valid, to + r * num_outputs);
    }
  }

  template <int Rows, int Blocks>
  void multiply_one(int64_t row, int64_t block, const Chunk& chunk, float* to, int64_t to_stride) const {
    multiply_tile<W, Rows, Blocks>(x + row * x_stride + chunk.k, x_stride,
                                   w + block * block_stride() + chunk.k / 2 * kPair, block_stride(), chunk.next,
                                   chunk.num_k, to, to_stride);
  }

  template <int Rows = kMaxRows>
  void multiply_rows(int rows, int64_t row, int64_t begin, int64_t end, const Chunk& chunk) const {
    if (rows == Rows) return multiply_rows<Rows>(row, begin, end, chunk);
    if constexpr (Rows > 1) multiply_rows<Rows - 1>(rows, row, begin, end, chunk);
  }

  // Blocks [begin, end): a chunk of their weights stays in cache while all rows pass over it.
  void multiply_blocks(int64_t begin, int64_t end) const {
    const int64_t first = begin * kBlock, last = std::min(end * kBlock, num_outputs);
    for (int64_t row = 0; row < num_rows; ++row) {
      float* to = y + row * num_outputs;
      if (bias) std::copy(bias + first, bias + last, to + first);
      else std::fill(to + first, to + last, 0.0f);
    }
    const int64_t num_tiles = tiles_of(num_rows);
    const int64_t panel = (end - begin) * block_stride();
    for (int64_t k = 0; k < num_k; k += 2 * kChunkPairs) {
      const int64_t left = num_k - k;
      Chunk chunk{k, std::min(2 * kChunkPairs, left), kChunkPairs * kPair};
      if (num_k < 4 * kChunkPairs) chunk.next = panel;  // so short that the next chunk may be far smaller than this
      else if (left <= 2 * kChunkPairs) chunk.next = panel - k / 2 * kPair;
      for (int64_t tile = 0; tile < num_tiles; ++tile) {
        const int64_t row = tile * num_rows / num_tiles, next = (tile + 1) * num_rows / num_tiles;
        multiply_rows<>(static_cast<int>(next - row), row, begin, end, chunk);
      }
    }
  }
};

}  // namespace helix
