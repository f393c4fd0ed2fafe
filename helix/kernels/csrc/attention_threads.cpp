// How one call of attention is divided into parts, and the parts shared among threads.
#include <atomic>
#include <utility>
#include <vector>

#include "attention.h"
#include "threads.h"

namespace {

using helix::ChunkScratch;
using helix::HeadRange;
using helix::PagedAttention;
using helix::Partial;
using helix::Partials;
using helix::RowGroup;

constexpr int64_t kMinWork = 1 << 19;  // multiplications worth a thread
constexpr int64_t kMaxQueries = 192;  // of a group: their scores of one chunk stay in the second-level cache
constexpr int64_t kMaxScores = 256;  // queries whose scores of one chunk leave room in the second-level cache
constexpr int64_t kSlotBytes = 1 << 13;  // of one slot that is read at once
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

// How one call divides its work.
struct Plan {
  std::vector<RowGroup> groups;
  RowGroup largest{};  // most rows of any group, last chunk of all
  int64_t num_threads = 1;
  HeadRange heads{0, 1};  // the first of the ranges that pass through a chunk together
  bool is_apart = false;  // each chunk by itself
};

template <class Format>
Plan make_plan(const PagedAttention<Format>& attention, int64_t num_rows) {
  Plan plan{group_rows(attention, num_rows)};
  int64_t num_keys = 0, num_chunks = 0, most_chunks = 0;
  for (const RowGroup& group : plan.groups) {
    plan.largest.num_rows = std::max(plan.largest.num_rows, group.num_rows);
    plan.largest.end_chunk = std::max(plan.largest.end_chunk, group.end_chunk);
    most_chunks = std::max(most_chunks, group.end_chunk - group.first_chunk);
    num_chunks += group.end_chunk - group.first_chunk;
  }
  for (int64_t row = 0; row < num_rows; ++row) num_keys += attention.num_keys(row);
  const int64_t work = num_keys * attention.num_heads * (attention.key_dim + attention.value_dim);
  plan.num_threads = std::clamp<int64_t>(work / kMinWork, 1, helix::max_threads());
  const int64_t num_partials = num_rows * attention.num_heads * plan.largest.end_chunk;
  plan.is_apart = most_chunks > 1 && num_partials * Partial::size(attention.value_dim) <= kMaxPartials;
  const int64_t num_parts = plan.is_apart ? num_chunks : plan.groups.size();
  if (num_parts >= 2 * plan.num_threads) {
    const int64_t slot = Format::width(attention.key_dim) * sizeof(typename Format::Number);
    const int64_t most = std::min(kSlotBytes / slot, kMaxScores / (plan.largest.num_rows * attention.share()));
    plan.heads.end = std::clamp<int64_t>(most, 1, attention.num_kv_heads);
  }
  return plan;
}

// Calls work(range of heads, i, scratch) for each range and i in [0, num_parts), which threads take one by one.
template <class Format, class Work>
void share_items(const PagedAttention<Format>& attention, const Plan& plan, int64_t num_parts, const Work& work) {
  std::atomic<int64_t> next = 0;
  const int64_t together = plan.heads.end, num_ranges = (attention.num_kv_heads + together - 1) / together;
  const int64_t num_items = num_ranges * num_parts;
  helix::share(std::min(plan.num_threads, num_items), [&] {
    ChunkScratch<Format> scratch(plan.largest.num_rows, together * plan.largest.num_rows * attention.share(),
                                 attention.key_dim, attention.value_dim);
    for (int64_t item; (item = next.fetch_add(1, std::memory_order_relaxed)) < num_items;) {
      const int64_t begin = item / num_parts * together;
      work(HeadRange{begin, std::min(begin + together, attention.num_kv_heads)}, item % num_parts, scratch);
    }
  });
}

// Each group passes through its chunks.
template <class Format>
void attend_in_turn(const PagedAttention<Format>& attention, const Plan& plan) {
  const int64_t share = attention.share(), size = Partial::size(attention.value_dim);
  share_items(attention, plan, plan.groups.size(), [&](HeadRange heads, int64_t g, ChunkScratch<Format>& scratch) {
    const RowGroup& group = plan.groups[plan.groups.size() - 1 - g];  // the longest contexts first: none is waited for
    const int64_t num_queries = group.num_rows * share, total = heads.size() * num_queries * size;
    const helix::Floats memory(2 * total);
    const Partials own{memory.get(), num_queries * size, size, Partial::padded(attention.value_dim)};
    Partials later = own;
    later.data += total;
    attention.attend(group, heads, group.first_chunk, scratch, own);
    for (int64_t chunk = group.first_chunk + 1; chunk < group.end_chunk; ++chunk) {
      attention.attend(group, heads, chunk, scratch, later);
      for (int64_t h = 0; h < heads.size(); ++h)
        for (int64_t q = 0; q < num_queries; ++q) own.at(h, q).merge(later.at(h, q));
    }
    for (int64_t h = 0; h < heads.size(); ++h)
      for (int64_t q = 0; q < num_queries; ++q)
        attention.finish(own.at(h, q), group.row + q / share, (heads.begin + h) * share + q % share);
  });
}

// Each chunk of each group is computed by itself, and merged when all are there.
template <class Format>
void attend_apart(const PagedAttention<Format>& attention, const Plan& plan, int64_t num_rows) {
  const int64_t share = attention.share(), size = Partial::size(attention.value_dim), num_chunks = plan.largest.end_chunk;
  const helix::Floats memory(num_rows * attention.num_heads * num_chunks * size);
  // [num_kv_heads, num_rows, share, num_chunks, size]
  const auto partials = [&](int64_t kv_head, int64_t row, int64_t chunk) {
    return Partials{memory.get() + ((kv_head * num_rows + row) * share * num_chunks + chunk) * size,
                    num_rows * share * num_chunks * size, num_chunks * size, Partial::padded(attention.value_dim)};
  };
  std::vector<std::pair<const RowGroup*, int64_t>> parts;
  for (const RowGroup& group : plan.groups)
    for (int64_t chunk = group.first_chunk; chunk < group.end_chunk; ++chunk) parts.emplace_back(&group, chunk);
  share_items(attention, plan, parts.size(), [&](HeadRange heads, int64_t i, ChunkScratch<Format>& scratch) {
    const auto [group, chunk] = parts[i];
    attention.attend(*group, heads, chunk, scratch, partials(heads.begin, group->row, chunk));
  });
  for (const RowGroup& group : plan.groups)
    for (int64_t kv_head = 0; kv_head < attention.num_kv_heads; ++kv_head)
      for (int64_t q = 0; q < group.num_rows * share; ++q) {
        const Partial whole = partials(kv_head, group.row, group.first_chunk).at(0, q);
        for (int64_t chunk = group.first_chunk + 1; chunk < group.end_chunk; ++chunk)
          whole.merge(partials(kv_head, group.row, chunk).at(0, q));
        attention.finish(whole, group.row + q / share, kv_head * share + q % share);
      }
}

}  // namespace

template <class Format>
void helix::attend_rows(const PagedAttention<Format>& attention, int64_t num_rows) {
  if (!num_rows) return;
  const Plan plan = make_plan(attention, num_rows);
  if (plan.is_apart) attend_apart(attention, plan, num_rows);
  else attend_in_turn(attention, plan);
}

template void helix::attend_rows(const PagedAttention<Float32KV>& attention, int64_t num_rows);
template void helix::attend_rows(const PagedAttention<Int8KV>& attention, int64_t num_rows);
