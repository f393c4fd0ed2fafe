// Multiplication by packed weights on bare memory, for operators that do more than multiply.
#pragma once

#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "threads.h"

namespace helix __attribute__((visibility("hidden"))) {

// One packed weight and where x * w^T + bias goes.
struct Product {
  const torch::stable::Tensor& packed;
  const float* bias;  // [num_outputs] or null
  int64_t num_outputs;
  float* y;  // [num_rows, num_outputs]
};

// Multiplies x, [num_rows, num_k], by several weights of one number format, all of them in one pass of the threads. Each
// result is bitwise that of a pass of its own.
using Multiply = void(const float* x, int64_t num_rows, int64_t num_k, std::span<const Product> products);

Multiply multiply_plain;

// For weights in a quantised format, such as int8; null: there is none of that name.
Multiply* quantized_multiply(std::string_view format);

// Calls multiply_blocks(begin, end) of problems for all their blocks, `panel` at a time; `grain` panels are worth a thread.
template <class Problem>
void multiply_together(std::span<const Problem> problems, std::span<const int64_t> num_blocks, int64_t panel,
                       int64_t grain) {
  std::vector<int64_t> first{0};  // panel of each problem, and one beyond the last
  for (const int64_t blocks : num_blocks) first.push_back(first.back() + (blocks + panel - 1) / panel);
  share_runs(first.back(), grain, [&](int64_t begin, int64_t end) {
    for (size_t i = 0; begin < end; ++begin) {
      while (begin >= first[i + 1]) ++i;
      const int64_t block = (begin - first[i]) * panel;
      problems[i].multiply_blocks(block, std::min(block + panel, num_blocks[i]));
    }
  });
}

}  // namespace helix
