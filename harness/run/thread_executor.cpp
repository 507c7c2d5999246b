#include "harness/run/thread_executor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include "harness/core/check.h"
#include "harness/run/worker.h"

namespace riven {

class ThreadExecutor::Impl {
 public:
  explicit Impl(ThreadExecutorOptions options) : context_(std::make_shared<WorkerContext>()) {
    RIVEN_CHECK(options.clients < ThreadSet::kCapacity, "a run has more client threads than are supported");
    context_->options = std::move(options);
    context_->origin_ns = monotonic_now_ns();
    workers_.resize(context_->options.clients + 1);
  }

  int64_t now_ns() const { return monotonic_now_ns() - context_->origin_ns; }

  void dispatch(Thread thread, const Op& op, int64_t deadline_ns) {
    if (thread == context_->options.clients && nemesis_is_stuck()) {
      return complete_at_once(thread, OpType::info,
                              "the nemesis has not come back from an earlier operation");
    }
    if (!workers_[thread]) {
      try {
        workers_[thread] = std::make_unique<Worker>(context_, thread);
      } catch (const std::system_error& error) {
        return complete_at_once(thread, OpType::fail, std::string("no thread: ") + error.what());
      }
    }
    workers_[thread]->hand_over(op, deadline_ns);
  }

  void collect(std::vector<Completion>& out) {
    for (Completion& done : at_once_) out.push_back(std::move(done));
    at_once_.clear();
    context_->board.drain([&](Thread thread) { out.push_back(workers_[thread]->take_result()); });
  }

  void wait_until(int64_t until_ns) {
    if (at_once_.empty()) context_->board.wait_until(context_->origin_ns + until_ns);
  }

  bool abandon(Thread thread) {
    for (const Completion& done : at_once_) {
      if (done.thread == thread) return false;
    }
    if (!workers_[thread]->abandon()) return false;
    reap();
    if (thread == context_->options.clients) stuck_nemesis_ = workers_[thread].get();
    abandoned_.push_back(std::move(workers_[thread]));
    return true;
  }

  size_t finish() {
    for (std::unique_ptr<Worker>& worker : workers_) {
      if (!worker) continue;
      // One that still runs an operation is not asked: its client may never return.
      if (!worker->abandon()) worker->quit();
      abandoned_.push_back(std::move(worker));
    }
    const int64_t until_ns = monotonic_now_ns() + context_->options.join_ns;
    reap();
    for (int64_t pause_us = 20; !abandoned_.empty() && monotonic_now_ns() < until_ns;
         pause_us = std::min<int64_t>(pause_us * 2, 5'000)) {
      std::this_thread::sleep_for(std::chrono::microseconds(pause_us));
      reap();
    }
    return abandoned_.size();
  }

 private:
  /// Joins the abandoned workers that have ended.
  void reap() {
    std::erase_if(abandoned_, [&](const std::unique_ptr<Worker>& worker) {
      if (!worker->ended()) return false;
      if (worker.get() == stuck_nemesis_) stuck_nemesis_ = nullptr;
      worker->join();
      return true;
    });
  }

  void complete_at_once(Thread thread, OpType type, std::string_view why) {
    Completion done;
    done.thread = thread;
    done.type = type;
    done.error = Value(why);
    at_once_.push_back(std::move(done));
  }

  bool nemesis_is_stuck() const { return stuck_nemesis_ != nullptr && !stuck_nemesis_->ended(); }

  std::shared_ptr<WorkerContext> context_;
  std::vector<std::unique_ptr<Worker>> workers_;  // by thread; null: not started
  std::vector<std::unique_ptr<Worker>> abandoned_;
  const Worker* stuck_nemesis_ = nullptr;
  std::vector<Completion> at_once_;
};

ThreadExecutor::ThreadExecutor(ThreadExecutorOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
ThreadExecutor::~ThreadExecutor() { impl_->finish(); }
int64_t ThreadExecutor::now_ns() { return impl_->now_ns(); }
void ThreadExecutor::dispatch(Thread thread, const Op& op, int64_t deadline_ns) {
  impl_->dispatch(thread, op, deadline_ns);
}
void ThreadExecutor::collect(std::vector<Completion>& out) { impl_->collect(out); }
void ThreadExecutor::wait_until(int64_t until_ns) { impl_->wait_until(until_ns); }
bool ThreadExecutor::abandon(Thread thread) { return impl_->abandon(thread); }
size_t ThreadExecutor::finish() { return impl_->finish(); }

}  // namespace riven
