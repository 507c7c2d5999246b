#include "nemesis/agent/process/tracing_thread.h"

#include <chrono>

#include "nemesis/agent/process/stopped_process.h"

namespace riven::agent {

namespace {
constexpr std::chrono::milliseconds kParkedPause{1};
}

TracingThread& TracingThread::instance() {
  static TracingThread thread;
  return thread;
}

TracingThread::TracingThread() : thread_([this] { run(); }) {}

TracingThread::~TracingThread() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void TracingThread::call(const std::function<void()>& job) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return job_ == nullptr; });
  job_ = &job;
  changed_.notify_all();
  changed_.wait(lock, [&] { return job_ != &job; });
}

void TracingThread::run() {
  std::unique_lock lock(mutex_);
  const auto due = [this] { return stop_ || job_ != nullptr; };
  bool all_released = true;
  // At the end of the process the kernel lets go whoever is still parked.
  while (!stop_) {
    if (all_released) {
      changed_.wait(lock, due);
    } else {
      changed_.wait_for(lock, kParkedPause, due);
    }
    const std::function<void()>* const job = job_;
    lock.unlock();
    if (job != nullptr) (*job)();
    all_released = release_parked_threads();
    lock.lock();
    if (job != nullptr) job_ = nullptr;
    if (job != nullptr) changed_.notify_all();
  }
}

}  // namespace riven::agent
