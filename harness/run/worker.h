// The thread behind a client thread of a run: a mailbox for one operation, and the board where workers put up
// that they are done. Part of the thread executor.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "harness/run/futex.h"
#include "harness/run/thread_executor.h"

namespace riven {

/// Spinning while work comes quickly, sleeping when it does not: at low rates nothing burns, at high rates
/// nobody pays for a system call an operation.
class SpinWait {
 public:
  explicit SpinWait(int64_t limit_ns) : limit_ns_(limit_ns) {}
  /// Spins (giving way to others) until ready() or the spin is over; true: it is ready.
  template <typename Ready>
  bool spin(Ready&& ready) {
    since_ns_ = monotonic_now_ns();
    if (last_wait_ns_ > limit_ns_) return false;
    for (int i = 0; i < 16; ++i) {
      if (ready()) return done();
    }
    while (monotonic_now_ns() - since_ns_ < limit_ns_) {
      std::this_thread::yield();
      if (ready()) return done();
    }
    return false;
  }
  /// What was waited for has come, after sleeping.
  void woke() { done(); }

 private:
  bool done() {
    last_wait_ns_ = monotonic_now_ns() - since_ns_;
    return true;
  }
  int64_t limit_ns_;
  int64_t last_wait_ns_ = 0;
  int64_t since_ns_ = 0;
};

/// One bit a thread: "my operation is completed". Any number of workers put up, one scheduler takes down.
class CompletionBoard {
 public:
  /// Called by a worker. Everything that it wrote before is visible to who takes the bit down.
  void set(Thread thread);
  /// Calls fn(Thread) for each bit that is up, and takes it down.
  template <typename Fn>
  void drain(Fn&& fn) {
    for (size_t w = 0; w < words_.size(); ++w) {
      if (words_[w].load(std::memory_order_relaxed) == 0) continue;
      for (uint64_t word = words_[w].exchange(0, std::memory_order_acquire); word != 0; word &= word - 1) {
        fn(static_cast<Thread>(w * 64 + static_cast<size_t>(std::countr_zero(word))));
      }
    }
  }
  /// Returns when a bit is up, or at `until_ns` on CLOCK_MONOTONIC.
  void wait_until(int64_t until_ns);

 private:
  bool any() const {
    for (const auto& word : words_) {
      if (word.load(std::memory_order_seq_cst) != 0) return true;
    }
    return false;
  }
  alignas(64) std::array<std::atomic<uint64_t>, ThreadSet::kCapacity / 64> words_{};
  alignas(64) std::atomic<uint32_t> asleep_{0};
  SpinWait spin_{30'000};
};

/// What the workers of one executor share; outlives the executor while a stuck worker does.
struct WorkerContext {
  ThreadExecutorOptions options;
  int64_t origin_ns = 0;  // CLOCK_MONOTONIC at time 0
  CompletionBoard board;
};

/// One worker thread and its mailbox. Methods are the scheduler thread's.
class Worker {
 public:
  Worker(std::shared_ptr<WorkerContext> context, Thread thread);
  /// Detaches a thread that is still running.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void hand_over(const Op& op, int64_t deadline_ns);
  /// The result that the board announced. Demands that it did.
  Completion take_result();
  /// Takes the operation away from the worker, which ends when the client lets it. False: it has just
  /// completed.
  bool abandon();
  /// Tells an idle worker to end.
  void quit();
  bool ended() const;
  /// Demands ended().
  void join() { thread_.join(); }

 private:
  struct Mailbox;
  static void work(const std::shared_ptr<WorkerContext>& context, const std::shared_ptr<Mailbox>& box);
  std::shared_ptr<Mailbox> box_;
  std::thread thread_;
};

}  // namespace riven
