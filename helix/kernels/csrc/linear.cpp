// The operator `linear` in the namespace HELIX_NAMESPACE, over torch's stable ABI.
#include "linear.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "products.h"

namespace {

using helix::Product;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kSkinnyRows = 32;
constexpr int64_t kWidePanel = 8;  // blocks
// Rows a whole number of pages apart meet in the same few sets of the first-level cache; so much more keeps them out of
// one another's way. Numbers of 4 bytes.
constexpr int64_t kPage = 1024, kPadding = kPage / 2 + 16;
constexpr int64_t kMinWork = 1 << 17;  // multiplications worth a thread

// Blocks that pass through all chunks of k together. Few rows: as few as any tile takes whole, so that memory is read in
// long runs. Many rows: as many as stay in the second-level cache, so that x is read seldom, unless threads would be left
// without work.
int64_t panel_size(int64_t num_rows, int64_t num_blocks) {
  if (num_rows <= kSkinnyRows)
    return helix::blocks_per_tile(static_cast<int>(num_rows / std::max<int64_t>(1, helix::tiles_of(num_rows))));
  int64_t panel = kWidePanel;
  while (panel > 2 && num_blocks < 8 * panel * torch::stable::get_num_threads()) panel /= 2;
  return panel;
}

// A copy of x with rows kPadding further apart, if that is worth it.
std::unique_ptr<float[]> padded(const float* x, int64_t num_rows, int64_t num_k) {
  if (num_rows <= 2 || num_rows > kSkinnyRows || num_k % kPage) return nullptr;
  auto to = std::make_unique_for_overwrite<float[]>(num_rows * (num_k + kPadding));
  for (int64_t row = 0; row < num_rows; ++row) std::copy_n(x + row * num_k, num_k, &to[row * (num_k + kPadding)]);
  return to;
}

template <class W>
void run(const float* x, int64_t num_rows, int64_t num_k, std::span<const Product> products) {
  const std::unique_ptr<float[]> copy = padded(x, num_rows, num_k);
  const float* rows = copy ? copy.get() : x;
  const int64_t x_stride = copy ? num_k + kPadding : num_k;
  std::vector<helix::Problem<W>> problems;
  std::vector<int64_t> num_blocks;
  for (const Product& product : products) {
    const auto* numbers = static_cast<const typename W::Number*>(product.packed.const_data_ptr());
    problems.push_back({rows, numbers, product.bias, product.y, num_rows, num_k, product.num_outputs, x_stride});
    num_blocks.push_back(product.packed.size(0));
  }
  const int64_t panel = panel_size(num_rows, std::accumulate(num_blocks.begin(), num_blocks.end(), int64_t{0}));
  const int64_t panel_work = panel * helix::kBlock * num_k * std::max<int64_t>(num_rows, 1);
  helix::multiply_together<helix::Problem<W>>(problems, num_blocks, panel, kMinWork / panel_work);
}

Tensor linear(const Tensor& x, const Tensor& packed, const std::optional<Tensor>& bias, int64_t num_outputs) {
  return helix::multiply_alone(&helix::multiply_plain, x, packed, bias, num_outputs);
}

}  // namespace

void helix::multiply_plain(const float* x, int64_t num_rows, int64_t num_k, std::span<const Product> products) {
  const ScalarType dtype = products.front().packed.scalar_type();
  for (const auto& [packed, bias, num_outputs, y] : products)
    STD_TORCH_CHECK(packed.dim() == 4 && packed.is_cpu() && packed.is_contiguous() && packed.scalar_type() == dtype &&
                        packed.size(2) * packed.size(3) == helix::kPair && packed.size(1) == (num_k + 1) / 2 &&
                        packed.size(0) == (num_outputs + helix::kBlock - 1) / helix::kBlock,
                    "linear: packed weight does not fit x of width ", num_k, " and ", num_outputs, " outputs");
  switch (dtype) {
    case ScalarType::BFloat16:
      return run<Bfloat16>(x, num_rows, num_k, products);
    case ScalarType::Half:
      return run<Float16>(x, num_rows, num_k, products);
    case ScalarType::Float:
      return run<Float32>(x, num_rows, num_k, products);
    default:
      STD_TORCH_CHECK(false, "linear: weights must be bfloat16, float16 or float32");
  }
}

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY(ns, m) STABLE_TORCH_LIBRARY(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY(HELIX_NAMESPACE, m) {
  m.def("linear(Tensor x, Tensor packed, Tensor? bias, int num_outputs) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) { m.impl("linear", TORCH_BOX(&linear)); }
