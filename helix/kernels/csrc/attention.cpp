// The operator `attend` in the namespace HELIX_NAMESPACE, over torch's stable ABI and its thread pool.
#include "attention.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>
#include <atomic>
#include <vector>

namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr int64_t kMinWork = 1 << 19;  // multiplications worth a thread

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

namespace {

using helix::ChunkScratch;
using helix::PagedAttention;
using helix::Partial;
using helix::RowGroup;

constexpr int64_t kMaxQueries = 64;  // of a group: their scores of one chunk stay in the second-level cache
constexpr int64_t kMaxPartials = 1 << 20;  // numbers

template <class Format>
std::vector<RowGroup> group_rows(const PagedAttention<Format>& attention, int64_t num_rows) {
  const int64_t most = std::max<int64_t>(1, kMaxQueries / attention.share());
  std::vector<RowGroup> groups;
  for (int64_t row = 0; row < num_rows; ++row) {
    const RowGroup own{row, 1, attention.first_position(row) / helix::kContextChunk,
                       attention.positions[row] / helix::kContextChunk + 1};
    if (groups.empty() || groups.back().num_rows == most ||
        attention.owners[groups.back().row] != attention.owners[row]) {
      groups.push_back(own);
    } else {
      RowGroup& group = groups.back();
      group = {group.row, group.num_rows + 1, std::min(group.first_chunk, own.first_chunk),
               std::max(group.end_chunk, own.end_chunk)};
    }
  }
  return groups;
}

// Calls work(i, scratch) for all items, which threads take one by one.
template <class Format, class Work>
void share_items(const PagedAttention<Format>& attention, int64_t num_items, int64_t num_threads,
                 const RowGroup& largest, const Work& work) {
  std::atomic<int64_t> next = 0;
  torch::stable::parallel_for(0, std::clamp<int64_t>(num_threads, 1, num_items), 1, [&](int64_t, int64_t) {
    ChunkScratch<Format> scratch(largest.num_rows, largest.num_rows * attention.share(), attention.key_dim,
                                 attention.value_dim);
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < num_items;) work(i, scratch);
  });
}

// Each (KV head, group) passes through its chunks.
template <class Format>
void attend_in_turn(const PagedAttention<Format>& attention, const std::vector<RowGroup>& groups, const RowGroup& largest,
                    int64_t num_threads) {
  const int64_t share = attention.share(), size = Partial::size(attention.value_dim), num_groups = groups.size();
  const int64_t num_items = attention.num_kv_heads * num_groups;
  share_items(attention, num_items, num_threads, largest, [&](int64_t i, ChunkScratch<Format>& scratch) {
    const RowGroup& group = groups[i % num_groups];
    const int64_t kv_head = i / num_groups, num_queries = group.num_rows * share;
    const std::unique_ptr<float[]> partials(new float[2 * num_queries * size]);
    const auto partial = [&](int64_t query) {
      return Partial{partials.get() + query * size, Partial::padded(attention.value_dim)};
    };
    attention.attend(group, kv_head, group.first_chunk, scratch, partials.get(), size);
    for (int64_t chunk = group.first_chunk + 1; chunk < group.end_chunk; ++chunk) {
      attention.attend(group, kv_head, chunk, scratch, partials.get() + num_queries * size, size);
      for (int64_t q = 0; q < num_queries; ++q) partial(q).merge(partial(num_queries + q));
    }
    for (int64_t q = 0; q < num_queries; ++q)
      attention.finish(partial(q), group.row + q / share, kv_head * share + q % share);
  });
}

// Each (KV head, group, chunk) is computed by itself, and merged when all are there.
template <class Format>
void attend_apart(const PagedAttention<Format>& attention, const std::vector<RowGroup>& groups, const RowGroup& largest,
                  int64_t num_rows, int64_t num_threads) {
  const int64_t share = attention.share(), size = Partial::size(attention.value_dim), num_chunks = largest.end_chunk;
  const std::unique_ptr<float[]> partials(new float[num_rows * attention.num_heads * num_chunks * size]);
  // [num_kv_heads, num_rows, share, num_chunks, size]
  const auto place = [&](int64_t kv_head, int64_t row, int64_t chunk) {
    return partials.get() + ((kv_head * num_rows + row) * share * num_chunks + chunk) * size;
  };
  std::vector<std::array<int64_t, 3>> items;
  for (int64_t kv_head = 0; kv_head < attention.num_kv_heads; ++kv_head)
    for (size_t g = 0; g < groups.size(); ++g)
      for (int64_t chunk = groups[g].first_chunk; chunk < groups[g].end_chunk; ++chunk)
        items.push_back({kv_head, static_cast<int64_t>(g), chunk});
  share_items(attention, items.size(), num_threads, largest, [&](int64_t i, ChunkScratch<Format>& scratch) {
    const auto [kv_head, g, chunk] = items[i];
    attention.attend(groups[g], kv_head, chunk, scratch, place(kv_head, groups[g].row, chunk), num_chunks * size);
  });
  for (const RowGroup& group : groups)
    for (int64_t kv_head = 0; kv_head < attention.num_kv_heads; ++kv_head)
      for (int64_t q = 0; q < group.num_rows * share; ++q) {
        const auto partial = [&](int64_t chunk) {
          return Partial{place(kv_head, group.row, chunk) + q * num_chunks * size,
                         Partial::padded(attention.value_dim)};
        };
        const Partial whole = partial(group.first_chunk);
        for (int64_t chunk = group.first_chunk + 1; chunk < group.end_chunk; ++chunk) whole.merge(partial(chunk));
        attention.finish(whole, group.row + q / share, kv_head * share + q % share);
      }
}

}  // namespace

template <class Format>
void helix::attend_rows(const PagedAttention<Format>& attention, int64_t num_rows) {
  if (!num_rows) return;
  const std::vector<RowGroup> groups = group_rows(attention, num_rows);
  RowGroup largest{};
  int64_t most_chunks = 0, num_keys = 0;
  for (const RowGroup& group : groups) {
    largest.num_rows = std::max(largest.num_rows, group.num_rows);
    largest.end_chunk = std::max(largest.end_chunk, group.end_chunk);
    most_chunks = std::max(most_chunks, group.end_chunk - group.first_chunk);
  }
  for (int64_t row = 0; row < num_rows; ++row) num_keys += attention.num_keys(row);
  const int64_t num_threads =
      num_keys * attention.num_heads * (attention.key_dim + attention.value_dim) / kMinWork;
  const bool is_long = num_rows * attention.num_heads * largest.end_chunk * Partial::size(attention.value_dim) > kMaxPartials;
  if (most_chunks == 1 || is_long) attend_in_turn(attention, groups, largest, num_threads);
  else attend_apart(attention, groups, largest, num_rows, num_threads);
}

template void helix::attend_rows(const PagedAttention<Float32KV>& attention, int64_t num_rows);
template void helix::attend_rows(const PagedAttention<Int8KV>& attention, int64_t num_rows);

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
