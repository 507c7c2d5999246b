// The one thread of the agent that traces: the kernel takes ptrace requests only from who began.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace riven::agent {

/// Runs jobs one after the other; between them it lets threads go that were stopped late (StoppedProcess).
class TracingThread {
 public:
  /// The process' own, made at the first use.
  static TracingThread& instance();
  ~TracingThread();
  TracingThread(const TracingThread&) = delete;
  TracingThread& operator=(const TracingThread&) = delete;

  /// Runs `job` there and waits for its end. Thread-safe; not to be called from a job.
  void call(const std::function<void()>& job);

 private:
  TracingThread();
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* job_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace riven::agent
