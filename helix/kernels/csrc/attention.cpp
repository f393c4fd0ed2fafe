// The operator `attend` in the namespace HELIX_NAMESPACE, over torch's stable ABI.
#include "attention.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

void check_floats(const Tensor& tensor, const char* name) {
  STD_TORCH_CHECK(tensor.dim() == 3 && tensor.scalar_type() == ScalarType::Float && tensor.is_cpu(), "attend: ", name,
                  " must be float32 on the CPU, with three dimensions");
}

void check_numbers(const Tensor& tensor, const char* name) {
  STD_TORCH_CHECK(tensor.scalar_type() == ScalarType::Long && tensor.is_cpu() && tensor.is_contiguous(), "attend: ", name,
                  " must be int64 on the CPU and contiguous");
}

Tensor with_whole_heads(const Tensor& tensor) {
  return tensor.stride(2) == 1 ? tensor : torch::stable::contiguous(tensor);
}

void check_pool(const Tensor& pool, int64_t num_kv_heads, int64_t width, const char* name) {
  STD_TORCH_CHECK(pool.dim() == 3 && pool.is_cpu() && pool.is_contiguous(), "attend: ", name,
                  " must be on the CPU and contiguous, with three dimensions");
  STD_TORCH_CHECK(pool.size(1) == num_kv_heads && pool.size(2) == width, "attend: shapes do not fit");
}

// Stores [num_heads, num_rows, size] in slots of [num_slots, num_heads, width of size].
template <class Format>
void write(const Tensor& source, const Tensor& slots, Tensor& pool) {
  const int64_t num_heads = source.size(0), num_rows = source.size(1), size = source.size(2);
  const auto* numbers = static_cast<const int64_t*>(slots.const_data_ptr());
  const auto* from = static_cast<const float*>(source.const_data_ptr());
  auto* to = static_cast<typename Format::Number*>(pool.mutable_data_ptr());
  for (int64_t row = 0; row < num_rows; ++row)
    for (int64_t head = 0; head < num_heads; ++head)
      Format::store(from + head * source.stride(0) + row * source.stride(1), size,
                    to + (numbers[row] * num_heads + head) * Format::width(size));
}

template <class Format>
Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, Tensor& keys, Tensor& values,
              const Tensor& slots, const Tensor& positions, const Tensor& owners, const Tensor& block_tables,
              int64_t block_size, int64_t window, int64_t chunk, double scale) {
  using Number = typename Format::Number;
  check_floats(query, "query");
  check_floats(key, "key");
  check_floats(value, "value");
  check_numbers(slots, "slots");
  check_numbers(positions, "positions");
  check_numbers(owners, "owners");
  check_numbers(block_tables, "block_tables");
  const int64_t num_heads = query.size(0), num_rows = query.size(1), num_kv_heads = key.size(0);
  check_pool(keys, num_kv_heads, Format::width(key.size(2)), "keys");
  check_pool(values, num_kv_heads, Format::width(value.size(2)), "values");
  STD_TORCH_CHECK(key.size(1) == num_rows && value.size(1) == num_rows && value.size(0) == num_kv_heads &&
                      num_heads % num_kv_heads == 0 && key.size(2) == query.size(2) && slots.numel() == num_rows && positions.numel() == num_rows && owners.numel() == num_rows &&
                      block_tables.dim() == 2 && block_size > 0,
                  "attend: shapes do not fit");
  write<Format>(with_whole_heads(key), slots, keys);
  write<Format>(with_whole_heads(value), slots, values);
  const Tensor heads = with_whole_heads(query);
  Tensor out = torch::stable::new_empty(query, {num_rows, num_heads, value.size(2)});
  const helix::PagedAttention<Format> attention{
      {static_cast<const float*>(heads.const_data_ptr()), heads.stride(1), heads.stride(0)},
      static_cast<const Number*>(keys.const_data_ptr()),
      static_cast<const Number*>(values.const_data_ptr()),
      static_cast<const int64_t*>(positions.const_data_ptr()),
      static_cast<const int64_t*>(owners.const_data_ptr()),
      static_cast<const int64_t*>(block_tables.const_data_ptr()),
      static_cast<float*>(out.mutable_data_ptr()),
      num_heads,
      num_kv_heads,
      query.size(2),
      value.size(2),
      block_tables.size(1),
      block_size,
      window,
      chunk,
      static_cast<float>(scale),
  };
  helix::attend_rows(attention, num_rows);
  return out;
}

Tensor attend_to_pool(const Tensor& query, const Tensor& key, const Tensor& value, Tensor keys, Tensor values,
                      const Tensor& slots, const Tensor& positions, const Tensor& owners, const Tensor& block_tables,
                      int64_t block_size, int64_t window, int64_t chunk, double scale) {
  const ScalarType type = keys.scalar_type();
  STD_TORCH_CHECK(values.scalar_type() == type && (type == ScalarType::Float || type == ScalarType::Char),
                  "attend: keys and values must be both float32 or both int8");
  const auto attend_in = type == ScalarType::Float ? attend<helix::Float32KV> : attend<helix::Int8KV>;
  return attend_in(query, key, value, keys, values, slots, positions, owners, block_tables, block_size, window, chunk,
                   scale);
}

}  // namespace

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) {
  m.def(
      "attend(Tensor query, Tensor key, Tensor value, Tensor(a!) keys, Tensor(b!) values, Tensor slots, "
      "Tensor positions, Tensor owners, Tensor block_tables, int block_size, int window, int chunk, float scale) -> "
      "Tensor");
}

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CPU, m) { m.impl("attend", TORCH_BOX(&attend_to_pool)); }
