// The operator `decode` in the namespace HELIX_NAMESPACE: all layers of a decoder in one call.
#include "decoder.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "attention.h"
#include "products.h"

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMinNumbers = 1 << 17;  // numbers worth a thread where they are read once

// The tensors of one layer, in the order of the operator's list; an empty one is absent.
enum Part {
  kInputNorm, kQuery, kKey, kValue, kQueryBias, kKeyBias, kValueBias, kQueryNorm, kKeyNorm, kOutput, kOutputBias,
  kInnerNorm, kGate, kUp, kDown, kNumParts,
};

const float* floats(const Tensor& tensor) { return static_cast<const float*>(tensor.const_data_ptr()); }

const float* floats_or_null(const Tensor& tensor) { return tensor.numel() ? floats(tensor) : nullptr; }

const int64_t* numbers(const Tensor& tensor) { return static_cast<const int64_t*>(tensor.const_data_ptr()); }

void check_floats(const Tensor& tensor, int64_t size, const char* name) {
  STD_TORCH_CHECK(tensor.scalar_type() == ScalarType::Float && tensor.is_cpu() && tensor.is_contiguous() &&
                      tensor.numel() == size,
                  "decode: ", name, " must be float32 on the CPU, contiguous, with ", size, " numbers");
}

void check_absent_or_floats(const Tensor& tensor, int64_t size, const char* name) {
  if (tensor.numel()) check_floats(tensor, size, name);
}

void check_numbers(const Tensor& tensor, const char* name) {
  STD_TORCH_CHECK(tensor.scalar_type() == ScalarType::Long && tensor.is_cpu() && tensor.is_contiguous(), "decode: ", name,
                  " must be int64 on the CPU and contiguous");
}

helix::Multiply* multiply_of(const std::string& format) {
  if (format == "plain") return helix::multiply_plain;
  helix::Multiply* multiply = format == "bf16" ? helix::bf16_multiply() : helix::quantized_multiply(format);
  STD_TORCH_CHECK(multiply, "decode: unknown format ", format);
  return multiply;
}

// Calls work(row) for all rows, which read and write about `size` numbers each.
template <class Work>
void for_rows(int64_t num_rows, int64_t size, const Work& work) {
  helix::share_runs(num_rows, kMinNumbers / size, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) work(row);
  });
}

struct Sizes {
  int64_t num_rows, hidden, num_heads, num_kv_heads, head_dim, inner;

  int64_t query() const { return num_heads * head_dim; }
  int64_t key() const { return num_kv_heads * head_dim; }
};

// What all layers share.
struct Pass {
  Sizes sizes;
  helix::Multiply* multiply;
  float epsilon, scale;
  const float *cos, *sin;  // [num_positions, head_dim]
  const int64_t *slots, *positions, *owners, *block_tables;
  int64_t table_len, block_size;
  std::unique_ptr<float[]> normed, query, key, value, attended, gate, up;  // scratch, [num_rows, ...]

  void allocate() {
    const auto rows = [&](int64_t size) { return std::make_unique_for_overwrite<float[]>(sizes.num_rows * size); };
    normed = rows(sizes.hidden), query = rows(sizes.query()), key = rows(sizes.key()), value = rows(sizes.key());
    attended = rows(sizes.query()), gate = rows(sizes.inner), up = rows(sizes.inner);
  }

  void normalize_rows(const float* x, const Tensor& weight, float* y) const {
    for_rows(sizes.num_rows, sizes.hidden, [&](int64_t row) {
      helix::normalize(x + row * sizes.hidden, floats(weight), sizes.hidden, epsilon, y + row * sizes.hidden);
    });
  }

  void add_rows(const float* x, float* y) const {
    for_rows(sizes.num_rows, sizes.hidden,
             [&](int64_t row) { helix::add(x + row * sizes.hidden, y + row * sizes.hidden, sizes.hidden); });
  }

  void place(float* heads, int64_t num_heads, const Tensor& norm, int64_t position) const {
    for (int64_t head = 0; head < num_heads; ++head) {
      float* at = heads + head * sizes.head_dim;
      if (norm.numel()) helix::normalize(at, floats(norm), sizes.head_dim, epsilon, at);
      helix::rotate(at, cos + position * sizes.head_dim, sin + position * sizes.head_dim, sizes.head_dim);
    }
  }

  // Normalise and rotate queries and keys, and store keys and values in their slots.
  template <class Format>
  void place_rows(const Tensor* part, Tensor& keys, Tensor& values) const {
    auto* to_keys = static_cast<typename Format::Number*>(keys.mutable_data_ptr());
    auto* to_values = static_cast<typename Format::Number*>(values.mutable_data_ptr());
    for_rows(sizes.num_rows, sizes.query() + 2 * sizes.key(), [&](int64_t row) {
      const int64_t position = positions[row], size = sizes.key();
      place(query.get() + row * sizes.query(), sizes.num_heads, part[kQueryNorm], position);
      place(key.get() + row * size, sizes.num_kv_heads, part[kKeyNorm], position);
      for (int64_t head = 0; head < sizes.num_kv_heads; ++head) {
        const int64_t from = row * size + head * sizes.head_dim;
        const int64_t to = (slots[row] * sizes.num_kv_heads + head) * Format::width(sizes.head_dim);
        Format::store(key.get() + from, sizes.head_dim, to_keys + to);
        Format::store(value.get() + from, sizes.head_dim, to_values + to);
      }
    });
  }

  template <class Format>
  void attend(const Tensor& keys, const Tensor& values, int64_t window, int64_t chunk) const {
    using Number = typename Format::Number;
    const auto [num_rows, hidden, num_heads, num_kv_heads, head_dim, inner] = sizes;
    const helix::PagedAttention<Format> attention{
        {query.get(), sizes.query(), head_dim}, static_cast<const Number*>(keys.const_data_ptr()),
        static_cast<const Number*>(values.const_data_ptr()), positions, owners, block_tables, attended.get(), num_heads,
        num_kv_heads, head_dim, head_dim, table_len, block_size, window, chunk, scale};
    helix::attend_rows(attention, num_rows);
  }

  // Stores the keys and values of a layer and computes nothing else of it; only for a pass without heads.
  template <class Format>
  void store(const float* x, const Tensor* part, Tensor& keys, Tensor& values) const {
    normalize_rows(x, part[kInputNorm], normed.get());
    const std::array pair{
        helix::Product{part[kKey], floats_or_null(part[kKeyBias]), sizes.key(), key.get()},
        helix::Product{part[kValue], floats_or_null(part[kValueBias]), sizes.key(), value.get()},
    };
    multiply(normed.get(), sizes.num_rows, sizes.hidden, pair);
    place_rows<Format>(part, keys, values);
  }

  // Computes one layer; x, [num_rows, hidden], is changed.
  template <class Format>
  void run(float* x, const Tensor* part, Tensor& keys, Tensor& values, int64_t window, int64_t chunk) const {
    const auto [num_rows, hidden, num_heads, num_kv_heads, head_dim, inner] = sizes;
    normalize_rows(x, part[kInputNorm], normed.get());
    const std::array qkv{
        helix::Product{part[kQuery], floats_or_null(part[kQueryBias]), sizes.query(), query.get()},
        helix::Product{part[kKey], floats_or_null(part[kKeyBias]), sizes.key(), key.get()},
        helix::Product{part[kValue], floats_or_null(part[kValueBias]), sizes.key(), value.get()},
    };
    multiply(normed.get(), num_rows, hidden, qkv);
    place_rows<Format>(part, keys, values);
    attend<Format>(keys, values, window, chunk);
    const std::array output{helix::Product{part[kOutput], floats_or_null(part[kOutputBias]), hidden, normed.get()}};
    multiply(attended.get(), num_rows, sizes.query(), output);
    add_rows(normed.get(), x);

    normalize_rows(x, part[kInnerNorm], normed.get());
    const std::array pair{helix::Product{part[kGate], nullptr, inner, gate.get()},
                          helix::Product{part[kUp], nullptr, inner, up.get()}};
    multiply(normed.get(), num_rows, hidden, pair);
    for_rows(num_rows, 2 * inner,
             [&](int64_t row) { helix::multiply_gated(gate.get() + row * inner, up.get() + row * inner, inner); });
    const std::array down{helix::Product{part[kDown], nullptr, hidden, normed.get()}};
    multiply(up.get(), num_rows, inner, down);
    add_rows(normed.get(), x);
  }

  void check(const Tensor* part, const Tensor& keys, const Tensor& values, ScalarType type, int64_t width) const {
    check_floats(part[kInputNorm], sizes.hidden, "input norm");
    check_absent_or_floats(part[kQueryBias], sizes.query(), "query bias");
    check_absent_or_floats(part[kKeyBias], sizes.key(), "key bias");
    check_absent_or_floats(part[kValueBias], sizes.key(), "value bias");
    check_absent_or_floats(part[kQueryNorm], sizes.head_dim, "query norm");
    check_absent_or_floats(part[kKeyNorm], sizes.head_dim, "key norm");
    check_absent_or_floats(part[kOutputBias], sizes.hidden, "output bias");
    check_floats(part[kInnerNorm], sizes.hidden, "inner norm");
    for (const Tensor* pool : {&keys, &values})
      STD_TORCH_CHECK(pool->dim() == 3 && pool->scalar_type() == type && pool->is_cpu() && pool->is_contiguous() &&
                          pool->size(1) == sizes.num_kv_heads && pool->size(2) == width,
                      "decode: pools must be float32 or int8 on the CPU and contiguous, all of one shape");
  }
};

// Some rows of a pass: what they are and where they stand.
struct KeptRows {
  std::vector<float> x;
  std::vector<int64_t> slots, positions, owners;

  KeptRows(const Pass& pass, const float* rows, const Tensor& kept) {
    for (int64_t i = 0; i < kept.numel(); ++i) {
      const int64_t row = numbers(kept)[i];
      x.insert(x.end(), rows + row * pass.sizes.hidden, rows + (row + 1) * pass.sizes.hidden);
      slots.push_back(pass.slots[row]), positions.push_back(pass.positions[row]), owners.push_back(pass.owners[row]);
    }
  }
};

// Computes one layer of `kept` rows of a pass, and stores the keys and values of all; y is [num_kept, hidden].
template <class Format>
void run_kept(Pass& pass, const float* x, const Tensor& kept, const Tensor* part, Tensor& keys, Tensor& values,
              int64_t window, int64_t chunk, float* y) {
  Sizes sizes = pass.sizes;
  pass.sizes.num_heads = 0;
  pass.store<Format>(x, part, keys, values);
  const KeptRows rows(pass, x, kept);
  std::copy(rows.x.begin(), rows.x.end(), y);
  sizes.num_rows = kept.numel();
  Pass last{sizes,
            pass.multiply,
            pass.epsilon,
            pass.scale,
            pass.cos,
            pass.sin,
            rows.slots.data(),
            rows.positions.data(),
            rows.owners.data(),
            pass.block_tables,
            pass.table_len,
            pass.block_size};
  last.allocate();
  last.run<Format>(y, part, keys, values, window, chunk);
}

Tensor decode(const Tensor& x, std::vector<Tensor> parts, const Tensor& last_norm, std::vector<Tensor> keys,
              std::vector<Tensor> values, const Tensor& cos, const Tensor& sin, const Tensor& slots,
              const Tensor& positions, const Tensor& owners, const Tensor& block_tables, const Tensor& kept,
              int64_t block_size, std::vector<int64_t> windows, std::vector<int64_t> chunks, int64_t num_heads,
              int64_t inner, std::string format, double scale, double epsilon) {
  const size_t num_layers = keys.size();
  STD_TORCH_CHECK(num_layers > 0 && values.size() == num_layers && windows.size() == num_layers &&
                      chunks.size() == num_layers && parts.size() == num_layers * kNumParts && x.dim() == 2 &&
                      keys[0].dim() == 3 && cos.dim() == 2 && block_tables.dim() == 2 && block_size > 0,
                  "decode: shapes do not fit");
  const Sizes sizes{x.size(0), x.size(1), num_heads, keys[0].size(1), cos.size(1), inner};
  check_floats(x, sizes.num_rows * sizes.hidden, "x");
  check_numbers(slots, "slots");
  check_numbers(positions, "positions");
  check_numbers(owners, "owners");
  check_numbers(block_tables, "block_tables");
  check_numbers(kept, "kept");
  STD_TORCH_CHECK(num_heads % sizes.num_kv_heads == 0 && sizes.head_dim % 2 == 0 && slots.numel() == sizes.num_rows &&
                      positions.numel() == sizes.num_rows && owners.numel() == sizes.num_rows,
                  "decode: shapes do not fit");
  for (int64_t row = 0; row < sizes.num_rows; ++row)
    STD_TORCH_CHECK(numbers(positions)[row] < cos.size(0), "decode: a position is beyond the table of angles");
  for (int64_t i = 0; i < kept.numel(); ++i)
    STD_TORCH_CHECK(0 <= numbers(kept)[i] && numbers(kept)[i] < sizes.num_rows, "decode: a kept row is none of x");
  check_floats(cos, cos.size(0) * sizes.head_dim, "cos");
  check_floats(sin, cos.size(0) * sizes.head_dim, "sin");
  check_absent_or_floats(last_norm, sizes.hidden, "last norm");
  Pass pass{sizes,
            multiply_of(format),
            static_cast<float>(epsilon),
            static_cast<float>(scale),
            floats(cos),
            floats(sin),
            numbers(slots),
            numbers(positions),
            numbers(owners),
            numbers(block_tables),
            block_tables.size(1),
            block_size};
  const bool is_int8 = keys[0].scalar_type() == ScalarType::Char;
  const int64_t width = is_int8 ? helix::Int8KV::width(sizes.head_dim) : helix::Float32KV::width(sizes.head_dim);
  for (size_t i = 0; i < num_layers; ++i)
    pass.check(&parts[i * kNumParts], keys[i], values[i], is_int8 ? ScalarType::Char : ScalarType::Float, width);
  pass.allocate();
  Tensor y = torch::stable::new_empty(x, {sizes.num_rows, sizes.hidden});
  auto* rows = static_cast<float*>(y.mutable_data_ptr());
  std::copy_n(floats(x), x.numel(), rows);
  const auto run = [&]<class Format>(std::type_identity<Format>) {
    const size_t last = num_layers - 1;
    for (size_t i = 0; i < last; ++i)
      pass.run<Format>(rows, &parts[i * kNumParts], keys[i], values[i], windows[i], chunks[i]);
    const Tensor* part = &parts[last * kNumParts];
    if (!kept.numel()) {
      pass.run<Format>(rows, part, keys[last], values[last], windows[last], chunks[last]);
      if (last_norm.numel()) pass.normalize_rows(rows, last_norm, rows);
      return y;
    }
    Tensor some = torch::stable::new_empty(x, {kept.numel(), sizes.hidden});
    auto* some_rows = static_cast<float*>(some.mutable_data_ptr());
    run_kept<Format>(pass, rows, kept, part, keys[last], values[last], windows[last], chunks[last], some_rows);
    pass.sizes.num_rows = kept.numel();
    if (last_norm.numel()) pass.normalize_rows(some_rows, last_norm, some_rows);
    return some;
  };
  return is_int8 ? run(std::type_identity<helix::Int8KV>{}) : run(std::type_identity<helix::Float32KV>{});
}

}  // namespace

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def(
      "decode(Tensor x, Tensor[] parts, Tensor last_norm, Tensor(a!)[] keys, Tensor(b!)[] values, Tensor cos, "
      "Tensor sin, Tensor slots, Tensor positions, Tensor owners, Tensor block_tables, Tensor kept, int block_size, "
      "int[] windows, int[] chunks, int num_heads, int inner, str format, float scale, float epsilon) -> Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) { m.impl("decode", TORCH_BOX(&decode)); }
