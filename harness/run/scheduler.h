// The scheduler: asks the generator, records, hands operations to an executor and records what came of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "harness/core/clock.h"
#include "harness/core/result.h"
#include "harness/generator/generator.h"
#include "harness/run/executor.h"

namespace riven {

/// Where entries go, in order: a journal, or a HistoryBuilder in tests. Called by the scheduler's thread
/// alone. An invocation is appended before its client sees it. An error ends the run cleanly; nothing is
/// appended after it.
class EntrySink {
 public:
  virtual ~EntrySink() = default;
  virtual Status append(const Op& op) = 0;
};

/// How to end a run from outside. Thread-safe and async-signal-safe; heeded within about 20 ms.
class RunControl {
 public:
  /// No new operations; those in flight may complete within SchedulerOptions::drain_ns. At the second call:
  /// abort.
  void stop() noexcept { level_.fetch_add(1, std::memory_order_relaxed); }
  /// Return at once; operations in flight become `info`.
  void abort() noexcept { level_.store(2, std::memory_order_relaxed); }
  bool stopping() const noexcept { return level_.load(std::memory_order_relaxed) >= 1; }
  bool aborting() const noexcept { return level_.load(std::memory_order_relaxed) >= 2; }

 private:
  std::atomic<int> level_{0};
};

struct Progress {
  int64_t elapsed_ns = 0;
  uint64_t ok = 0;  ///< completions of clients
  uint64_t fail = 0;
  uint64_t info = 0;
  uint64_t nemesis = 0;  ///< completions of the nemesis
  size_t in_flight = 0;
};

struct SchedulerOptions {
  uint64_t seed = 0;
  size_t clients = 1;                                  ///< client threads
  int64_t op_timeout_ns = 5 * kNanosPerSecond;         ///< a client's deadline for one operation
  int64_t nemesis_timeout_ns = 120 * kNanosPerSecond;  ///< the nemesis's
  /// How long after its deadline an operation may still come back by itself. Then it is cancelled, recorded
  /// as `info` ("deadline") and its worker is replaced; a late answer is ignored.
  int64_t grace_ns = kNanosPerSecond;
  /// The whole run's last moment since the beginning of run(), whatever the generator says; 0: none.
  int64_t hard_stop_ns = 0;
  /// After stop(), an error or the hard stop: how long operations in flight may still complete.
  int64_t drain_ns = 5 * kNanosPerSecond;
  int64_t progress_interval_ns = 200 * kNanosPerMilli;
  RunControl* control = nullptr;                       ///< borrowed; may be null
  std::function<void(const Progress&)> progress = {};  ///< called by the scheduler's thread; must be quick
  std::function<void(std::string_view)> log = {};      ///< lines of log operations, and of the scheduler
};

struct RunOutcome {
  /// Why it ended. exhausted: the generator was done and every operation came back (or was given up by its
  /// deadline).
  enum class End : uint8_t { exhausted, stopped, aborted, hard_stop, generator_error, sink_error };
  End end = End::exhausted;
  std::string error;  ///< for generator_error, sink_error, hard_stop: one line
  Progress counts;
  int64_t entries = 0;     ///< appended; over all of the scheduler's runs: the next free index
  uint64_t deadlines = 0;  ///< operations that the scheduler gave up
};
std::string_view to_text(RunOutcome::End end);

/// Runs generators, one after another: a run of several phases (load, then final reads after healing) goes on
/// counting processes and entries. Borrows executor and sink; used by one thread at a time.
class Scheduler {
 public:
  Scheduler(SchedulerOptions options, Executor& executor, EntrySink& sink);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Runs `generator` until it is done or the run is ended. Blocks; never longer than the options allow,
  /// whatever clients do. Entries: invocation and completion of every client operation and, as `info` both
  /// (as Jepsen has them), of every nemesis operation. An invocation is stamped before the client gets it, a
  /// completion after it was received: the recorded interval always contains the real one. At the end every
  /// invocation has its completion, unless the sink failed. Entries' times never decrease.
  RunOutcome run(GeneratorPtr generator);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// A run of one phase.
RunOutcome run_scheduler(const SchedulerOptions& options, GeneratorPtr generator, Executor& executor,
                         EntrySink& sink);

}  // namespace riven
