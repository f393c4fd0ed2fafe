// The operator `draw` in the namespace HELIX_NAMESPACE, over torch's stable ABI and its thread pool.
#include "sampling.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMinLogits = 1 << 16;  // logits worth a thread
constexpr int64_t kNumStreams = 4;

void check(const Tensor& tensor, ScalarType dtype, int64_t size, const char* name) {
  STD_TORCH_CHECK(tensor.is_cpu() && tensor.scalar_type() == dtype && tensor.is_contiguous() && tensor.dim() == 1 &&
                      tensor.numel() == size,
                  "draw: ", name, " does not fit the logits");
}

Tensor draw(const Tensor& logits, const Tensor& temperatures, const Tensor& seeds, const Tensor& positions,
            int64_t stream) {
  STD_TORCH_CHECK(logits.is_cpu() && logits.scalar_type() == ScalarType::Float && logits.dim() == 2 &&
                      logits.size(1) > 0 && logits.stride(1) == 1,
                  "draw: logits must be float32 on the CPU, in rows");
  const int64_t num_rows = logits.size(0), vocab_size = logits.size(1), stride = logits.stride(0);
  check(temperatures, ScalarType::Float, num_rows, "temperatures");
  check(seeds, ScalarType::Long, num_rows, "seeds");
  check(positions, ScalarType::Long, num_rows, "positions");
  Tensor token_ids = torch::stable::new_empty(seeds, {num_rows});
  const auto* rows = static_cast<const float*>(logits.const_data_ptr());
  const auto* temperature = static_cast<const float*>(temperatures.const_data_ptr());
  const auto* seed = static_cast<const int64_t*>(seeds.const_data_ptr());
  const auto* position = static_cast<const int64_t*>(positions.const_data_ptr());
  auto* to = static_cast<int64_t*>(token_ids.mutable_data_ptr());
  torch::stable::parallel_for(
      0, num_rows, std::max<int64_t>(1, kMinLogits / vocab_size), [&](int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const helix::NoiseKey key(seed[row], position[row] * kNumStreams + stream);
          to[row] = helix::draw(rows + row * stride, vocab_size,
                                std::max(temperature[row], std::numeric_limits<float>::min()), key);
        }
      });
  return token_ids;
}

}  // namespace

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def("draw(Tensor logits, Tensor temperatures, Tensor seeds, Tensor positions, int stream) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) { m.impl("draw", TORCH_BOX(&draw)); }
