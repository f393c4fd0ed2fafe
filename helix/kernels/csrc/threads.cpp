// The operator `set_own_threads` in the namespace HELIX_NAMESPACE, and the threads.
#include "threads.h"

#include <torch/csrc/stable/library.h>

#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

// How long a helper looks for the next call before it sleeps: longer than what lies between two operators of a pass, so
// that few calls must wake it.
constexpr auto kPatience = std::chrono::microseconds(200);
constexpr int kPausesBetweenLooks = 64;
constexpr int kPausesBeforeYield = 2000;

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

class Helpers {
 public:
  void call(int64_t num_helpers, void (*function)(void*), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock) return function(context);
    for (; num_threads_ < num_helpers; ++num_threads_) std::thread([this] { help(); }).detach();
    function_ = function, context_ = context, most_ = static_cast<uint32_t>(num_helpers), error_ = nullptr;
    inside_.store(kOpen, std::memory_order_release);
    num_calls_.fetch_add(1, std::memory_order_release);
    num_calls_.notify_all();
    std::exception_ptr own;
    try {
      function(context);
    } catch (...) {
      own = std::current_exception();
    }
    inside_.fetch_and(~kOpen, std::memory_order_acq_rel);
    for (int pauses = 0; inside_.load(std::memory_order_acquire); ++pauses)
      if (pauses < kPausesBeforeYield) pause();
      else std::this_thread::yield();
    if (own) std::rethrow_exception(own);
    if (error_) std::rethrow_exception(error_);
  }

 private:
  static constexpr uint32_t kOpen = 1u << 31;

  void help() {
    for (uint32_t seen = 0;;) {
      seen = wait_for_call(seen);
      if (!enter()) continue;
      try {
        function_(context_);
      } catch (...) {
        const std::lock_guard lock(error_lock_);
        error_ = std::current_exception();
      }
      inside_.fetch_sub(1, std::memory_order_release);
    }
  }

  // The number of the last call, once it is not `seen` any more.
  uint32_t wait_for_call(uint32_t seen) {
    const auto until = Clock::now() + kPatience;
    do {
      for (int i = 0; i < kPausesBetweenLooks; ++i) {
        if (const uint32_t now = num_calls_.load(std::memory_order_acquire); now != seen) return now;
        pause();
      }
    } while (Clock::now() < until);
    num_calls_.wait(seen, std::memory_order_acquire);
    return num_calls_.load(std::memory_order_acquire);
  }

  bool enter() {
    for (uint32_t inside = inside_.load(std::memory_order_acquire); inside & kOpen && (inside & ~kOpen) < most_;)
      if (inside_.compare_exchange_weak(inside, inside + 1, std::memory_order_acq_rel)) return true;
    return false;
  }

  std::mutex busy_, error_lock_;
  int64_t num_threads_ = 0;
  std::exception_ptr error_;
  // What a call is about; a helper reads it between entering and leaving.
  void (*function_)(void*) = nullptr;
  void* context_ = nullptr;
  std::atomic<uint32_t> most_{0};
  alignas(64) std::atomic<uint32_t> inside_{0};  // helpers that take part, and kOpen while more may come
  alignas(64) std::atomic<uint32_t> num_calls_{0};
};

thread_local int64_t own_threads_of_caller = 0;

// Returns what was set before.
int64_t set_own_threads(int64_t num_threads) {
  return std::exchange(own_threads_of_caller, std::max<int64_t>(num_threads, 0));
}

}  // namespace

int64_t helix::own_threads() { return own_threads_of_caller; }

void helix::call_together(int64_t num_helpers, void (*function)(void*), void* context) {
  static auto* helpers = new Helpers;  // never destroyed: its threads outlive whatever ends the process
  helpers->call(num_helpers, function, context);
}

// Indirection: the registration macros stringify their argument.
#define HELIX_LIBRARY_FRAGMENT(ns, m) STABLE_TORCH_LIBRARY_FRAGMENT(ns, m)
#define HELIX_LIBRARY_IMPL(ns, key, m) STABLE_TORCH_LIBRARY_IMPL(ns, key, m)

HELIX_LIBRARY_FRAGMENT(HELIX_NAMESPACE, m) { m.def("set_own_threads(int num_threads) -> int"); }

HELIX_LIBRARY_IMPL(HELIX_NAMESPACE, CompositeExplicitAutograd, m) { m.impl("set_own_threads", TORCH_BOX(&set_own_threads)); }
