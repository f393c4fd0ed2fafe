// Attention of packed query rows to keys and values that lie in slots of a paged pool.
//
// A context is cut into chunks of kContextChunk positions. Every (row, head) computes each chunk alone and in one fixed
// order: scores, their largest, exponentials and their sum, then the weighted values; the chunks are merged in their
// order. Neither the other rows of a batch nor the threads nor how a context was computed enters, so a verified row has
// bitwise the attention that plain decoding would have had.
//
// Chunks are shared among threads (Flash-Decoding), and rows of one request stream each key and value once together. Heads
// whose keys lie side by side take turns after a run of keys, so that memory is read as it lies.
#pragma once

#include <memory>
#include <type_traits>

#include "attention_tiles.h"

namespace helix {

constexpr int64_t kContextChunk = 256;
constexpr int64_t kRunBytes = 1 << 17;  // of keys or values that stay in the second-level cache while all heads and queries pass

// Rows and heads are strided; the numbers of one head lie side by side.
struct Heads {
  const float* data;
  int64_t row_stride, head_stride;
  const float* at(int64_t row, int64_t head) const { return data + row * row_stride + head * head_stride; }
};

// Rows of one request that follow one another, and the chunks of its context that they see.
struct RowGroup {
  int64_t row, num_rows, first_chunk, end_chunk;
};

// The keys of a chunk that a row sees.
struct Span {
  int64_t begin, end;
};

// KV heads that lie side by side.
struct HeadRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Memory for numbers, aligned as vectors are, in which nothing is set.
class Floats {
 public:
  explicit Floats(int64_t size) : vectors_(new Vec[(size + kLanes - 1) / kLanes]) {}
  float* get() const { return reinterpret_cast<float*>(vectors_.get()); }

 private:
  std::unique_ptr<Vec[]> vectors_;
};

// Memory of one thread for one group, a range of heads and one chunk.
template <class Format>
struct ChunkScratch {
  ChunkScratch(int64_t num_rows, int64_t num_queries, int64_t key_dim, int64_t value_dim)
      : spans(new Span[num_queries]),
        queries(new const float*[num_queries]),
        scores(num_queries * kContextChunk),
        packed(kPanelKeys * key_dim),
        wide(Format::kIsWide ? 0 : kContextChunk * value_dim) {}

  std::unique_ptr<Span[]> spans;  // [num_rows, share]
  std::unique_ptr<const float*[]> queries;  // [num_heads of the range, num_rows, share]
  Floats scores;  // [the same, kContextChunk]
  Floats packed;  // a panel of keys, [key_dim, kPanelKeys]
  Floats wide;  // a run of values
  const typename Format::Number *keys[kContextChunk], *values[kContextChunk];  // of the range's first head
};

// What some chunks contribute to one query: whole vectors of `values`, and one that holds what belongs to them.
struct Partial {
  float* values;
  int64_t padded_dim;

  static int64_t padded(int64_t dim) { return (dim + kLanes - 1) / kLanes * kLanes; }
  static int64_t size(int64_t dim) { return padded(dim) + kLanes; }
  float& largest() const { return values[padded_dim]; }
  float& total() const { return values[padded_dim + 1]; }  // of exp(score - largest); 0: nothing was seen

  // Adds a later chunk to this.
  void merge(const Partial& later) const {
    if (later.total() == 0.0f) return;
    if (total() == 0.0f) return (void)std::copy_n(later.values, padded_dim + 2, values);
    const float most = std::max(largest(), later.largest());
    const Vec own = exp_of_negative(broadcast(largest() - most));
    const Vec other = exp_of_negative(broadcast(later.largest() - most));
    for (int64_t d = 0; d < padded_dim; d += kLanes) {
      const Vec sum = rounded(load<Vec>(values + d) * own) + load<Vec>(later.values + d) * other;
      std::memcpy(values + d, &sum, sizeof(Vec));
    }
    total() = (rounded(broadcast(total()) * own) + broadcast(later.total()) * other)[0];
    largest() = most;
  }
};

// Partials of some KV heads, [num_heads, num_queries].
struct Partials {
  float* data;
  int64_t head_stride, stride, padded_dim;
  Partial at(int64_t head, int64_t query) const { return {data + head * head_stride + query * stride, padded_dim}; }
};

template <class Format>
struct PagedAttention {
  using Number = typename Format::Number;
  using Scratch = ChunkScratch<Format>;
  Heads query;  // [num_rows, num_heads, key_dim]
  const Number* keys;  // [num_slots, num_kv_heads, width of key_dim]
  const Number* values;  // [num_slots, num_kv_heads, width of value_dim]
  const int64_t* positions;  // [num_rows]
  const int64_t* owners;  // [num_rows]: which block table is a row's
  const int64_t* block_tables;  // [num_requests, table_len]
  float* out;  // [num_rows, num_heads, value_dim]
  int64_t num_heads, num_kv_heads, key_dim, value_dim, table_len, block_size;
  int64_t window, chunk;  // 0: the whole context
  float scale;

  int64_t share() const { return num_heads / num_kv_heads; }

  int64_t first_position(int64_t row) const {
    const int64_t position = positions[row];
    int64_t first = 0;
    if (window) first = std::max(first, position - window + 1);
    if (chunk) first = std::max(first, position / chunk * chunk);
    return first;
  }

  int64_t num_keys(int64_t row) const { return positions[row] + 1 - first_position(row); }

  // One chunk of the context for the query heads that share each KV head of a range, row by row.
  void attend(const RowGroup& group, HeadRange heads, int64_t number, Scratch& scratch, const Partials& partials) const {
    const Span all = find_spans(group, number * kContextChunk, scratch);
    find_slots(group, heads.begin, number * kContextChunk, all, scratch);
    const int64_t num_queries = group.num_rows * share();
    for (int64_t head = heads.begin, i = 0; head < heads.end; ++head)
      for (int64_t row = group.row; row < group.row + group.num_rows; ++row)
        for (int64_t s = 0; s < share(); ++s) scratch.queries[i++] = query.at(row, head * share() + s);
    in_runs(scratch.keys, Format::width(key_dim), heads, all, [&](int64_t h, int64_t offset, Span run) {
      score_keys<Format>(scratch.queries.get() + h * num_queries, num_queries, scratch.keys, offset, run.begin, run.end,
                         key_dim, scale, scratch.packed.get(), scores_of(scratch, h, num_queries), kContextChunk);
    });
    for (int64_t h = 0; h < heads.size(); ++h)
      weigh_scores(scores_of(scratch, h, num_queries), num_queries, scratch.spans.get(), partials, h);
    in_runs(scratch.values, Format::width(value_dim), heads, all, [&](int64_t h, int64_t offset, Span run) {
      weigh_values(scratch, offset, scores_of(scratch, h, num_queries), num_queries, run, partials.at(h, 0).values,
                   partials.stride);
    });
  }

  void finish(const Partial& partial, int64_t row, int64_t head) const {
    float* to = out + (row * num_heads + head) * value_dim;
    const float scale = 1.0f / partial.total();
    for (int64_t d = 0; d < value_dim; ++d) to[d] = partial.values[d] * scale;
  }

 private:
  // The keys that each row sees, and those that any does.
  Span find_spans(const RowGroup& group, int64_t start, Scratch& scratch) const {
    Span all{kContextChunk, 0};
    for (int64_t r = 0; r < group.num_rows; ++r) {
      const int64_t row = group.row + r;
      const Span span{std::clamp<int64_t>(first_position(row) - start, 0, kContextChunk),
                      std::clamp<int64_t>(positions[row] + 1 - start, 0, kContextChunk)};
      std::fill_n(scratch.spans.get() + r * share(), share(), span);
      if (span.begin < span.end) all = {std::min(all.begin, span.begin), std::max(all.end, span.end)};
    }
    return all;
  }

  // Where the first head's keys and values lie.
  void find_slots(const RowGroup& group, int64_t kv_head, int64_t start, Span all, Scratch& scratch) const {
    const int64_t* table = block_tables + owners[group.row] * table_len;
    for (int64_t j = all.begin; j < all.end;) {
      const int64_t block = (start + j) / block_size, end = std::min(all.end, (block + 1) * block_size - start);
      for (int64_t slot = table[block] * block_size + start + j - block * block_size; j < end; ++j, ++slot) {
        scratch.keys[j] = keys + (slot * num_kv_heads + kv_head) * Format::width(key_dim);
        scratch.values[j] = values + (slot * num_kv_heads + kv_head) * Format::width(value_dim);
      }
    }
  }

  static float* scores_of(const Scratch& scratch, int64_t h, int64_t num_queries) {
    return scratch.scores.get() + h * num_queries * kContextChunk;
  }

  // Calls work(number in the range, offset, keys) for a run of keys and each head, then for the next run.
  template <class Work>
  static void in_runs(const Number* const* vectors, int64_t width, HeadRange heads, Span all, const Work& work) {
    const int64_t size = heads.size() * width;
    const int64_t most = std::clamp<int64_t>(kRunBytes / (size * sizeof(Number)) / kLanes * kLanes, kLanes, kContextChunk);
    for (int64_t begin = all.begin, end; begin < all.end; begin = end) {
      end = std::min((begin / most + 1) * most, all.end);
      bring(vectors + begin, end - begin, size);
      for (int64_t h = 0; h < heads.size(); ++h) work(h, h * width, Span{begin, end});
    }
  }

  // Replaces the scores of a head by weights and starts its partials. Some queries find their largest score before any of
  // them goes on, so that none waits for its own.
  static void weigh_scores(float* scores, int64_t num_queries, const Span* spans, const Partials& partials, int64_t h) {
    constexpr int64_t kAtOnce = 8;
    float largest[kAtOnce];
    for (int64_t first = 0; first < num_queries; first += kAtOnce) {
      const int64_t last = std::min(first + kAtOnce, num_queries);
      for (int64_t q = first; q < last; ++q)
        if (spans[q].begin < spans[q].end)
          largest[q - first] = largest_score(scores + q * kContextChunk, spans[q].begin, spans[q].end);
      for (int64_t q = first; q < last; ++q) {
        const Partial partial = partials.at(h, q);
        std::fill_n(partial.values, partial.padded_dim, 0.0f);
        partial.total() = 0.0f;
        if (spans[q].begin >= spans[q].end) continue;
        partial.largest() = largest[q - first];
        partial.total() = exponentiate(scores + q * kContextChunk, spans[q].begin, spans[q].end, largest[q - first]);
      }
    }
  }

  void weigh_values(const Scratch& scratch, int64_t offset, const float* weights, int64_t num_queries, Span keys,
                    float* out, int64_t stride) const {
    const float* values[kContextChunk];
    for (int64_t j = keys.begin; j < keys.end; ++j)
      values[j] = Format::widen(scratch.values[j] + offset, value_dim,
                                scratch.wide.get() + (j - keys.begin) * value_dim);
    const auto span_of = [&](int64_t i) {
      const Span span = scratch.spans[i];
      return Span{std::max(span.begin, keys.begin), std::min(span.end, keys.end)};
    };
    const auto weigh = [&](int64_t i, Span span, auto size) {
      if (span.begin < span.end)
        add_weighted<size()>(weights + i * kContextChunk, kContextChunk, values, span.begin, span.end, value_dim,
                             out + i * stride, stride);
    };
    constexpr std::integral_constant<int, 1> one;
    in_tiles(num_queries, [&](int64_t i, auto size) {
      Span common = span_of(i);
      for (int q = 1; q < size(); ++q)
        common = {std::max(common.begin, span_of(i + q).begin), std::min(common.end, span_of(i + q).end)};
      common.begin = std::min(common.begin, common.end);
      for (int q = 0; q < size(); ++q) weigh(i + q, {span_of(i + q).begin, common.begin}, one);
      weigh(i, common, size);
      for (int q = 0; q < size(); ++q)
        weigh(i + q, {std::max(span_of(i + q).begin, common.end), span_of(i + q).end}, one);
    });
  }
};

// Computes all heads of rows [0, num_rows), shared among the threads.
template <class Format>
void attend_rows(const PagedAttention<Format>& attention, int64_t num_rows);

}  // namespace helix
