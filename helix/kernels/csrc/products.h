// Multiplication by packed weights on bare memory, for operators that do more than multiply.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <optional>
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

// For bfloat16 weights, by x rounded to bfloat16; null: this variant has no instruction for it.
Multiply* bf16_multiply();

// What an operator of one weight does: x is [..., num_k] of any strides; returns [..., num_outputs].
inline torch::stable::Tensor multiply_alone(Multiply* multiply, const torch::stable::Tensor& x,
                                            const torch::stable::Tensor& packed,
                                            const std::optional<torch::stable::Tensor>& bias, int64_t num_outputs) {
  using torch::headeronly::ScalarType;
  const int64_t dim = x.dim();
  STD_TORCH_CHECK(dim >= 1 && x.scalar_type() == ScalarType::Float && x.is_cpu(), "linear: x must be float32 on the CPU");
  const float* bias_data = nullptr;
  if (bias.has_value()) {
    STD_TORCH_CHECK(bias->dim() == 1 && bias->size(0) == num_outputs && bias->scalar_type() == ScalarType::Float &&
                        bias->is_cpu() && bias->is_contiguous(),
                    "linear: bias must be float32, contiguous, one number per output");
    bias_data = static_cast<const float*>(bias->const_data_ptr());
  }
  std::vector<int64_t> sizes;
  int64_t num_rows = 1;
  for (int64_t d = 0; d + 1 < dim; ++d) {
    sizes.push_back(x.size(d));
    num_rows *= x.size(d);
  }
  sizes.push_back(num_outputs);
  const torch::stable::Tensor rows = x.is_contiguous() ? x : torch::stable::contiguous(x);
  torch::stable::Tensor y = torch::stable::new_empty(x, sizes);
  const Product product{packed, bias_data, num_outputs, static_cast<float*>(y.mutable_data_ptr())};
  multiply(static_cast<const float*>(rows.const_data_ptr()), num_rows, x.size(dim - 1), {&product, 1});
  return y;
}

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
