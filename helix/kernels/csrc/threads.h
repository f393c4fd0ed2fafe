// Threads that help the caller with work that is taken piece by piece.
//
// A region of OpenMP ends when all of its threads have arrived. Where other programs want the cores too, a thread may not run
// for milliseconds, and a pass has a hundred regions and more. Here a helper takes part if it comes while there is work; the
// caller works too, and waits only for helpers that have taken some.
#pragma once

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace helix __attribute__((visibility("hidden"))) {

// Calls function(context) on the calling thread and on up to num_helpers others at the same time. A call that comes while
// another one has the helpers does without. What a helper throws is thrown here.
void call_together(int64_t num_helpers, void (*function)(void*), void* context);

// Calls work() on up to num_threads threads, the caller among them; each call takes of the work what it can get.
template <class Work>
void share(int64_t num_threads, Work&& work) {
  using Plain = std::remove_reference_t<Work>;
  if (num_threads <= 1) return work();
  call_together(num_threads - 1, [](void* context) { (*static_cast<Plain*>(context))(); }, &work);
}

// Hands out the numbers up to `end` in runs: each the thread's share of half of what is left. Long runs are read at full
// speed, and short ones at the end leave no thread waiting for one whose core is slower or shared with another program.
class Runs {
 public:
  Runs(int64_t end, int64_t num_threads) : end_(end), num_threads_(std::max<int64_t>(1, num_threads)) {}

  // Takes the run [begin, end); false: nothing is left.
  bool take(int64_t& begin, int64_t& end) {
    begin = next_.load(std::memory_order_relaxed);
    do {
      if (begin >= end_) return false;
      end = begin + std::max<int64_t>(1, (end_ - begin) / (2 * num_threads_));
    } while (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed));
    return true;
  }

 private:
  std::atomic<int64_t> next_{0};
  const int64_t end_, num_threads_;
};

// As many threads as there are for `size` pieces of which `grain` are worth one.
inline int64_t threads_for(int64_t size, int64_t grain) {
  const int64_t worth = std::max<int64_t>(1, grain);
  return std::min<int64_t>(torch::stable::get_num_threads(), (size + worth - 1) / worth);
}

// Calls work(begin, end) for runs of [0, size), of which `grain` numbers are worth a thread.
template <class Work>
void share_runs(int64_t size, int64_t grain, const Work& work) {
  const int64_t num_threads = threads_for(size, grain);
  if (num_threads <= 1) {
    if (size > 0) work(int64_t{0}, size);
    return;
  }
  Runs runs(size, num_threads);
  share(num_threads, [&] {
    for (int64_t begin, end; runs.take(begin, end);) work(begin, end);
  });
}

}  // namespace helix
