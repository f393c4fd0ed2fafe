// The operator `linear_bf16` in the namespace HELIX_NAMESPACE, over torch's stable ABI, in variants that have the instruction.
#include "products.h"

#if defined(__AVX512BF16__)
#include <torch/csrc/stable/library.h>

#include <optional>

#include "dot_bf16.h"

namespace {

using helix::Product;
using helix::bfloat16::kBlock;
using helix::bfloat16::kMaxBlocks;
using helix::bfloat16::Problem;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMinWork = 1 << 17;  // multiplications worth a thread
constexpr int64_t kMinRounded = 1 << 16;  // numbers worth a thread

void run(const float* x, int64_t num_rows, int64_t num_k, std::span<const Product> products) {
  helix::bfloat16::Rows rows(num_rows, num_k);
  std::vector<Problem> problems;
  std::vector<int64_t> num_blocks;
  for (const auto& [packed, bias, num_outputs, y] : products) {
    num_blocks.push_back((num_outputs + kBlock - 1) / kBlock);
    STD_TORCH_CHECK(packed.dim() == 4 && packed.is_cpu() && packed.is_contiguous() &&
                        packed.scalar_type() == ScalarType::BFloat16 && packed.size(0) == num_blocks.back() &&
                        packed.size(1) == rows.num_pairs && packed.size(2) == kBlock && packed.size(3) == 2,
                    "linear: packed weight is not bfloat16, or does not fit x of width ", num_k, " and ", num_outputs,
                    " outputs");
    const auto* words = static_cast<const uint32_t*>(packed.const_data_ptr());
    problems.push_back({rows, words, bias, y, num_rows, num_outputs});
  }
  helix::share_runs(num_rows, kMinRounded / std::max<int64_t>(num_k, 1),
                    [&](int64_t begin, int64_t end) { rows.fill(x, num_k, begin, end); });
  const int64_t panel_work = kMaxBlocks * kBlock * std::max<int64_t>(num_k * num_rows, 1);
  helix::multiply_together<Problem>(problems, num_blocks, kMaxBlocks, kMinWork / panel_work);
}

Tensor linear(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  return helix::multiply_alone(&run, x, packed, bias, num_outputs);
}

}  // namespace

helix::Multiply* helix::bf16_multiply() { return &run; }

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def("linear_bf16(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) { m.impl("linear_bf16", TORCH_BOX(&linear)); }
#else
helix::Multiply* helix::bf16_multiply() { return nullptr; }
#endif
