// The operators `linear_int8` and `linear_int4` in the namespace HELIX_NAMESPACE, over torch's stable ABI.
#include "quantized.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <vector>

namespace {

using helix::quantized::Int4;
using helix::quantized::Int8;
using helix::quantized::kBlock;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMaxK = 1 << 17;  // 127 * 127 * k must fit 32 bits
constexpr int64_t kMinWork = 1 << 21;  // multiplications worth a thread: on a busy machine, waiting for one is long
constexpr int64_t kMinQuantized = 1 << 16;  // numbers worth a thread
constexpr int64_t kPanelBytes = 1 << 18;  // of weights that stay in the second-level cache while many rows pass

int64_t panel_size(int64_t num_rows, int64_t block_bytes) {
  using namespace helix::quantized;
  if (num_rows <= kMaxRows) return blocks_per_tile(static_cast<int>(num_rows));
  return std::clamp<int64_t>(kPanelBytes / std::max<int64_t>(block_bytes, 1), 1, 8);
}

template <class W>
Tensor multiply(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  const int64_t dim = x.dim();
  STD_TORCH_CHECK(dim >= 1 && x.scalar_type() == ScalarType::Float && x.is_cpu(), "linear: x must be float32 on the CPU");
  const int64_t num_k = x.size(dim - 1);
  STD_TORCH_CHECK(num_k <= kMaxK, "linear: sums over more than ", kMaxK, " numbers can overflow");
  std::vector<int64_t> sizes;
  int64_t num_rows = 1;
  for (int64_t d = 0; d + 1 < dim; ++d) {
    sizes.push_back(x.size(d));
    num_rows *= x.size(d);
  }
  sizes.push_back(num_outputs);
  helix::quantized::Rows<W> rows(num_rows, num_k);
  helix::quantized::Problem<W> problem{rows, nullptr, nullptr, nullptr, num_rows, num_k, num_outputs};
  const int64_t num_blocks = (num_outputs + kBlock - 1) / kBlock;
  STD_TORCH_CHECK(packed.dim() == 3 && packed.is_cpu() && packed.is_contiguous() &&
                      packed.scalar_type() == ScalarType::Int && packed.size(0) == num_blocks &&
                      packed.size(1) * packed.size(2) == problem.block_stride(),
                  "linear: packed weight does not fit x of width ", num_k, " and ", num_outputs, " outputs");
  if (bias.has_value()) {
    STD_TORCH_CHECK(bias->dim() == 1 && bias->size(0) == num_outputs && bias->scalar_type() == ScalarType::Float &&
                        bias->is_cpu() && bias->is_contiguous(),
                    "linear: bias must be float32, contiguous, one number per output");
    problem.bias = static_cast<const float*>(bias->const_data_ptr());
  }
  const Tensor plain = x.is_contiguous() ? x : torch::stable::contiguous(x);
  Tensor y = torch::stable::new_empty(x, sizes);
  problem.w = static_cast<const int32_t*>(packed.const_data_ptr());
  problem.y = static_cast<float*>(y.mutable_data_ptr());
  const auto* numbers = static_cast<const float*>(plain.const_data_ptr());
  torch::stable::parallel_for(0, num_rows, std::max<int64_t>(1, kMinQuantized / std::max<int64_t>(num_k, 1)),
                              [&](int64_t begin, int64_t end) { rows.fill(numbers, num_k, begin, end); });
  const int64_t panel = panel_size(num_rows, problem.block_stride() * 4);
  const int64_t panel_work = panel * kBlock * std::max<int64_t>(num_k * num_rows, 1);
  torch::stable::parallel_for(
      0, (num_blocks + panel - 1) / panel, std::max<int64_t>(1, kMinWork / panel_work), [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) problem.multiply_blocks(p * panel, std::min((p + 1) * panel, num_blocks));
      });
  return y;
}

Tensor linear_int8(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  return multiply<Int8>(x, packed, bias, num_outputs);
}

Tensor linear_int4(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  return multiply<Int4>(x, packed, bias, num_outputs);
}

}  // namespace

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def("linear_int8(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
  m.def("linear_int4(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) {
  m.impl("linear_int8", TORCH_BOX(&linear_int8));
  m.impl("linear_int4", TORCH_BOX(&linear_int4));
}
