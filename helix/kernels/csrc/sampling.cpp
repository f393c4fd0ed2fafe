// The operators `draw` and `truncate` in the namespace HELIX_NAMESPACE, over torch's stable ABI.
#include "sampling.h"
#include "threads.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <tuple>
#include <vector>

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMinLogits = 1 << 16;  // logits worth a thread
constexpr int64_t kNumStreams = 4;

void check(const Tensor& tensor, ScalarType dtype, int64_t size, const char* name) {
  STD_TORCH_CHECK(tensor.is_cpu() && tensor.scalar_type() == dtype && tensor.is_contiguous() && tensor.dim() == 1 &&
                      tensor.numel() == size,
                  name, " does not fit the logits");
}

void check_rows(const Tensor& logits, const char* name) {
  STD_TORCH_CHECK(logits.is_cpu() && logits.scalar_type() == ScalarType::Float && logits.dim() == 2 &&
                      logits.size(1) > 0 && logits.stride(1) == 1,
                  name, ": logits must be float32 on the CPU, in rows");
}

// What a request asks of each row of logits.
struct Limits {
  const float* temperatures;
  const int64_t* top_k;
  const float *top_p, *min_p;

  Limits(int64_t num_rows, const Tensor& temperature, const Tensor& k, const Tensor& p, const Tensor& min)
      : temperatures(static_cast<const float*>(temperature.const_data_ptr())),
        top_k(static_cast<const int64_t*>(k.const_data_ptr())),
        top_p(static_cast<const float*>(p.const_data_ptr())),
        min_p(static_cast<const float*>(min.const_data_ptr())) {
    check(temperature, ScalarType::Float, num_rows, "temperatures");
    check(k, ScalarType::Long, num_rows, "top_k");
    check(p, ScalarType::Float, num_rows, "top_p");
    check(min, ScalarType::Float, num_rows, "min_p");
  }

  // No temperature above 0 overflows: the largest logit is 0 before it is divided.
  helix::Truncation of(int64_t row) const {
    return {std::max(temperatures[row], std::numeric_limits<float>::min()), top_k[row], top_p[row], min_p[row]};
  }
};

Tensor draw(const Tensor& logits, const Tensor& temperatures, const Tensor& top_k, const Tensor& top_p,
            const Tensor& min_p, const Tensor& seeds, const Tensor& positions, int64_t stream) {
  check_rows(logits, "draw");
  const int64_t num_rows = logits.size(0), vocab_size = logits.size(1), stride = logits.stride(0);
  const Limits limits(num_rows, temperatures, top_k, top_p, min_p);
  check(seeds, ScalarType::Long, num_rows, "seeds");
  check(positions, ScalarType::Long, num_rows, "positions");
  Tensor token_ids = torch::stable::new_empty(seeds, {num_rows});
  const auto* rows = static_cast<const float*>(logits.const_data_ptr());
  const auto* seed = static_cast<const int64_t*>(seeds.const_data_ptr());
  const auto* position = static_cast<const int64_t*>(positions.const_data_ptr());
  auto* to = static_cast<int64_t*>(token_ids.mutable_data_ptr());
  helix::share_runs(
      num_rows, kMinLogits / vocab_size, [&](int64_t begin, int64_t end) {
        std::optional<helix::Truncater> truncater;
        for (int64_t row = begin; row < end; ++row) {
          const helix::NoiseKey key(seed[row], position[row] * kNumStreams + stream);
          const float* from = rows + row * stride;
          const helix::Truncation by = limits.of(row);
          if (by.is_off()) {
            to[row] = helix::draw(from, vocab_size, by.temperature, key);
          } else {
            if (!truncater) truncater.emplace(vocab_size);
            to[row] = helix::draw(truncater->keep(from, by), key);
          }
        }
      });
  return token_ids;
}

// Returns [num_rows, width] logits and tokens; behind the last one of a row minus infinity and 0.
std::tuple<Tensor, Tensor> truncate_rows(const Tensor& logits, const Tensor& temperatures, const Tensor& top_k,
                                         const Tensor& top_p, const Tensor& min_p) {
  check_rows(logits, "truncate");
  const int64_t num_rows = logits.size(0), vocab_size = logits.size(1), stride = logits.stride(0);
  const Limits limits(num_rows, temperatures, top_k, top_p, min_p);
  const auto* rows = static_cast<const float*>(logits.const_data_ptr());
  std::vector<std::vector<helix::Candidate>> kept(num_rows);
  helix::share_runs(
      num_rows, kMinLogits / vocab_size, [&](int64_t begin, int64_t end) {
        helix::Truncater truncater(vocab_size);
        for (int64_t row = begin; row < end; ++row)
          kept[row] = truncater.keep(rows + row * stride, limits.of(row));
      });
  int64_t width = 0;
  for (const auto& row : kept) width = std::max<int64_t>(width, row.size());
  Tensor values = torch::stable::new_empty(logits, {num_rows, width});
  Tensor tokens = torch::stable::new_empty(top_k, {num_rows, width});
  auto* value = static_cast<float*>(values.mutable_data_ptr());
  auto* token = static_cast<int64_t*>(tokens.mutable_data_ptr());
  std::fill_n(value, num_rows * width, -std::numeric_limits<float>::infinity());
  std::fill_n(token, num_rows * width, 0);
  for (int64_t row = 0; row < num_rows; ++row)
    for (size_t i = 0; i < kept[row].size(); ++i) {
      value[row * width + i] = kept[row][i].logit;
      token[row * width + i] = kept[row][i].token;
    }
  return {values, tokens};
}

}  // namespace

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def(
      "draw(Tensor logits, Tensor temperatures, Tensor top_k, Tensor top_p, Tensor min_p, Tensor seeds, "
      "Tensor positions, int stream) -> Tensor");
  m.def(
      "truncate(Tensor logits, Tensor temperatures, Tensor top_k, Tensor top_p, Tensor min_p) -> (Tensor, Tensor)");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) {
  m.impl("draw", TORCH_BOX(&draw));
  m.impl("truncate", TORCH_BOX(&truncate_rows));
}
