// The operators `linear_int8`, `linear_int4_g32` and so on, one for each format, in the namespace HELIX_NAMESPACE, over torch's stable ABI.
#include "quantized.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "products.h"

namespace {

using helix::Product;
using helix::quantized::Int8;
using Int4G32 = helix::quantized::Int4<32, false>;
using Int4G64 = helix::quantized::Int4<64, false>;
using Int4G32ZP = helix::quantized::Int4<32, true>;
using Int4G64ZP = helix::quantized::Int4<64, true>;
using helix::quantized::kBlock;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMaxK = 1 << 17;  // 127 * 127 * k must fit 32 bits
constexpr int64_t kMinWork = 1 << 17;  // multiplications worth a thread
constexpr int64_t kMinQuantized = 1 << 16;  // numbers worth a thread
constexpr int64_t kPanelBytes = 1 << 18;  // of weights that stay in the second-level cache while many rows pass

template <class W>
int64_t panel_size(int64_t num_rows, int64_t block_bytes) {
  using namespace helix::quantized;
#if defined(HELIX_VNNI)
  if (num_rows <= kRowsAtOnce) return blocks_per_tile<W>(Tiles{num_rows, kMaxRows<W>}.height());
  return std::clamp<int64_t>(kPanelBytes / std::max<int64_t>(block_bytes, 1) / 2 * 2, 2, 8);
#else
  if (num_rows <= kMaxRows<W>) return blocks_per_tile<W>(static_cast<int>(num_rows));
  return std::clamp<int64_t>(kPanelBytes / std::max<int64_t>(block_bytes, 1), 1, 8);
#endif
}

template <class W>
void run(const float* x, int64_t num_rows, int64_t num_k, std::span<const Product> products) {
  STD_TORCH_CHECK(num_k <= kMaxK, "linear: sums over more than ", kMaxK, " numbers can overflow");
  using Problem = helix::quantized::Problem<W>;
  helix::quantized::Rows<W> rows(num_rows, num_k);
  std::vector<Problem> problems;
  std::vector<int64_t> num_blocks;
  for (const auto& [packed, bias, num_outputs, y] : products) {
    const auto* words = static_cast<const int32_t*>(packed.const_data_ptr());
    problems.push_back({rows, words, bias, y, num_rows, num_k, num_outputs});
    num_blocks.push_back((num_outputs + kBlock - 1) / kBlock);
    STD_TORCH_CHECK(packed.dim() == 3 && packed.is_cpu() && packed.is_contiguous() &&
                        packed.scalar_type() == ScalarType::Int && packed.size(0) == num_blocks.back() &&
                        packed.size(1) * packed.size(2) == problems.back().block_stride(),
                    "linear: packed weight does not fit x of width ", num_k, " and ", num_outputs, " outputs");
  }
  helix::share_runs(num_rows, kMinQuantized / std::max<int64_t>(num_k, 1),
                    [&](int64_t begin, int64_t end) { rows.fill(x, num_k, begin, end); });
  const int64_t panel = panel_size<W>(num_rows, problems.front().block_stride() * 4);
  const int64_t panel_work = panel * kBlock * std::max<int64_t>(num_k * num_rows, 1);
  helix::multiply_together<Problem>(problems, num_blocks, panel, kMinWork / panel_work);
}

template <class W>
Tensor linear(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  return helix::multiply_alone(&run<W>, x, packed, bias, num_outputs);
}

constexpr std::pair<std::string_view, helix::Multiply*> kFormats[] = {
    {"int8", &run<Int8>},           {"int4_g32", &run<Int4G32>},       {"int4_g64", &run<Int4G64>},
    {"int4_g32_zp", &run<Int4G32ZP>}, {"int4_g64_zp", &run<Int4G64ZP>},
};

}  // namespace

helix::Multiply* helix::quantized_multiply(std::string_view format) {
  for (const auto& [name, multiply] : kFormats)
    if (name == format) return multiply;
  return nullptr;
}

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def("linear_int8(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
  m.def("linear_int4_g32(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
  m.def("linear_int4_g64(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
  m.def("linear_int4_g32_zp(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
  m.def("linear_int4_g64_zp(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) {
  m.impl("linear_int8", TORCH_BOX(&linear<Int8>));
  m.impl("linear_int4_g32", TORCH_BOX(&linear<Int4G32>));
  m.impl("linear_int4_g64", TORCH_BOX(&linear<Int4G64>));
  m.impl("linear_int4_g32_zp", TORCH_BOX(&linear<Int4G32ZP>));
  m.impl("linear_int4_g64_zp", TORCH_BOX(&linear<Int4G64ZP>));
}
