// Threads that share work which is taken piece by piece: torch's, or Helix's own where the calling thread asked for them.
//
// A region of OpenMP, which torch's threads are, ends when all of them have arrived. Where other programs want the cores too,
// a thread may not run for milliseconds, and a pass has a hundred regions and more. Of Helix's own threads one helps if it
// comes while there is work; the caller works too, and waits only for those that have taken some. But torch's threads look
// for work for milliseconds after each region of theirs, on the cores that others need: own threads are for passes of which
// all that takes long is Helix's, while torch computes on the calling thread alone (helix/kernels/threads.py).
#pragma once

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace helix __attribute__((visibility("hidden"))) {

// Own threads for operators called on this thread; 0: they share work among torch's.
int64_t own_threads();

// Calls function(context) on the calling thread and on up to num_helpers others at the same time. A call that comes while
// another one has the helpers does without. What a helper throws is thrown here.
void call_together(int64_t num_helpers, void (*function)(void*), void* context);

// Calls work() on up to num_threads threads, the caller among them; each call takes of the work what it can get.
template <class Work>
void share(int64_t num_threads, Work&& work) {
  using Plain = std::remove_reference_t<Work>;
  if (num_threads <= 1) return work();
  if (!own_threads()) return torch::stable::parallel_for(0, num_threads, 1, [&](int64_t, int64_t) { work(); });
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

inline int64_t max_threads() {
  const int64_t own = own_threads();
  return own ? own : torch::stable::get_num_threads();
}

// As many threads as there are for `size` pieces of which `grain` are worth one.
inline int64_t threads_for(int64_t size, int64_t grain) {
  const int64_t worth = std::max<int64_t>(1, grain);
  return std::min<int64_t>(max_threads(), (size + worth - 1) / worth);
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
