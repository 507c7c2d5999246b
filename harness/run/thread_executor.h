// Real clients on real threads, with the machine's monotonic clock.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "harness/api/client.h"
#include "harness/core/result.h"
#include "harness/run/executor.h"

namespace riven {

/// Makes the client for `process` on `thread`, connected to the node of this index. Called on the thread's
/// own worker, so by several workers at once. An error, a null pointer or an exception: the operation is
/// recorded as `fail` (certainly not sent) and the next one tries again.
using ClientFactory =
    std::function<Result<std::unique_ptr<Client>>(Thread thread, size_t node, Process process)>;

/// Carries out a nemesis operation and returns its completion's value. An error or an exception: recorded as
/// `info` with that as the error; the run goes on.
using NemesisHandler = std::function<Result<Value>(const Op& op)>;

struct ThreadExecutorOptions {
  size_t clients = 1;  ///< as in SchedulerOptions
  size_t nodes = 1;    ///< client thread t works with node t % nodes
  ClientFactory connect;
  NemesisHandler nemesis;  ///< may be empty: nemesis operations are then `info` with an error
  /// How long the destructor waits for workers: those that are idle end at once.
  int64_t join_ns = 2'000'000'000;
};

/// One worker thread for each client thread and one for the nemesis, started on demand. A client serves one
/// process: after `unknown`, an exception or a new process number a fresh one is made. A worker whose
/// operation was abandoned is left alone: its client's cancel() was called, its answer is ignored, and a new
/// worker takes its place. The nemesis is different, since two of its operations must never run at once:
/// while an abandoned one has not returned, further ones complete at once as `info`.
///
/// The destructor (and finish()) ends the workers. One that is still stuck in a client then is detached:
/// `connect`, `nemesis` and all that its client uses must then outlive it (leak them, or leave the process by
/// _exit).
class ThreadExecutor final : public Executor {
 public:
  explicit ThreadExecutor(ThreadExecutorOptions options);
  ~ThreadExecutor() override;
  ThreadExecutor(const ThreadExecutor&) = delete;
  ThreadExecutor& operator=(const ThreadExecutor&) = delete;

  int64_t now_ns() override;
  void dispatch(Thread thread, const Op& op, int64_t deadline_ns) override;
  void collect(std::vector<Completion>& out) override;
  void wait_until(int64_t until_ns) override;
  bool abandon(Thread thread) override;

  /// Closes all clients and joins the workers, waiting at most join_ns; returns how many were left behind.
  /// Idempotent; nothing may be dispatched afterwards.
  size_t finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace riven
