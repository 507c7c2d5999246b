#include "nemesis/agent/process/cpu_fault.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <sstream>
#include <thread>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {
namespace {

constexpr int64_t kMillion = 1'000'000;
constexpr int64_t kNanosPerMicro = 1000;
constexpr int64_t kLongestRestNs = 10 * kNanosPerSecond;
constexpr int64_t kLongestPeriodUs = 10 * kMillion, kShortestPeriodUs = 10'000;

std::vector<ProcessId> ids_of(const std::vector<ProcessInfo>& processes) {
  std::vector<ProcessId> ids;
  for (const ProcessInfo& process : processes) ids.push_back(process.id);
  return ids;
}

/// proc(5), /proc/pid/stat: utime and stime are the 14th and 15th fields, in clock ticks.
int64_t cpu_us(pid_t pid) {
  const std::string text = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
  const size_t close = text.rfind(')');
  if (close == std::string::npos) return 0;
  std::istringstream fields(text.substr(close + 1));
  std::string skipped;
  constexpr int kFirstField = 3, kUserField = 14;
  for (int field = kFirstField; field < kUserField; ++field) fields >> skipped;
  int64_t user = 0, system = 0;
  fields >> user >> system;
  return fields ? (user + system) * kMillion / sysconf(_SC_CLK_TCK) : 0;
}

int64_t cpu_us(const std::vector<ProcessInfo>& trees) {
  int64_t sum = 0;
  for (const ProcessInfo& process : trees) sum += cpu_us(process.id.pid);
  return sum;
}

class Throttle final : public Fault {
 public:
  Throttle(std::vector<std::string> names, std::vector<ProcessId> known, int64_t run_ns, int64_t period_ns)
      : names_(std::move(names)), known_(std::move(known)), run_ns_(run_ns), period_ns_(period_ns) {}
  ~Throttle() override { Throttle::retire(); }

  Json undo_record() const override { return {{"processes", names_}}; }

  Result<Json> apply() override {
    began_ns_ = monotonic_now_ns();
    cpu_before_us_ = cpu_us(process_trees(names_));
    thread_ = std::thread([this] { turns(); });
    return Json{{"processes", known_.size()}};
  }

  Json observe() override {
    const int64_t now_ns = monotonic_now_ns();
    const int64_t since_ns = stands_since_ns_.load();
    const int64_t stopped_ns = stopped_ns_.load() + (since_ns > 0 ? now_ns - since_ns : 0);
    return {{"share_per_million", run_ns_ * kMillion / period_ns_},
            {"periods", periods_.load()},
            {"stopped_us", stopped_ns / kNanosPerMicro},
            {"elapsed_us", (now_ns - began_ns_) / kNanosPerMicro},
            {"cpu_us", cpu_us(process_trees(names_)) - cpu_before_us_}};
  }

  void retire() override {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      over_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

 private:
  /// Whether the fault is still in force then.
  bool wait_until(int64_t at_ns) {
    std::unique_lock<std::mutex> lock(mutex_);
    const auto left = std::chrono::nanoseconds(at_ns - monotonic_now_ns());
    return !wake_.wait_for(lock, left, [this] { return over_; });
  }

  void turns() {
    for (int64_t begin_ns = monotonic_now_ns(); wait_until(begin_ns + run_ns_);) {
      int64_t stopped_at_ns = 0, ran_ns = 0;
      {
        const std::lock_guard<std::mutex> lock(stop_turns().mutex);
        known_ = ids_of(freeze(names_, known_).trees);
        stopped_at_ns = monotonic_now_ns();
        ran_ns = stopped_at_ns - begin_ns;
        stands_since_ns_ = stopped_at_ns;
      }
      // If this thread wakes late on a busy machine, the pause is extended in proportion.
      const double rest = static_cast<double>(ran_ns) * static_cast<double>(period_ns_ - run_ns_) /
                          static_cast<double>(run_ns_);
      const int64_t rest_ns = static_cast<int64_t>(std::min(rest, static_cast<double>(kLongestRestNs)));
      const bool goes_on = wait_until(stopped_at_ns + rest_ns);
      {
        const std::lock_guard<std::mutex> lock(stop_turns().mutex);
        if (stop_turns().pauses == 0) (void)thaw(names_);
        stands_since_ns_ = 0;
        stopped_ns_ += monotonic_now_ns() - stopped_at_ns;
      }
      if (!goes_on) return;
      ++periods_;
      begin_ns = monotonic_now_ns();
    }
  }

  std::vector<std::string> names_;
  std::vector<ProcessId> known_;
  const int64_t run_ns_, period_ns_;
  int64_t began_ns_ = 0, cpu_before_us_ = 0;
  std::atomic<int64_t> periods_{0}, stopped_ns_{0};
  std::atomic<int64_t> stands_since_ns_{0};  // 0: it runs
  std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  std::thread thread_;
};

Result<std::unique_ptr<Fault>> make(const Context&, const std::string&, const Json& params) {
  const std::vector<std::string> names = texts_of(params, "processes");
  const int64_t share = integer_of(params, "share_per_million");
  const int64_t period_us = integer_of(params, "period_us", 100'000);
  if (names.empty()) return Error{"no names of processes were given"};
  if (share < 1 || share >= kMillion) return Error{"the share must be above 0 and below 1"};
  if (period_us < kShortestPeriodUs || period_us > kLongestPeriodUs)
    return Error{"the period must be 10 ms to 10 s"};
  const std::vector<ProcessInfo> trees = process_trees(names);
  if (trees.empty()) return Error{"no process called " + names.front() + " runs"};
  const int64_t period_ns = period_us * kNanosPerMicro;
  return std::unique_ptr<Fault>(
      std::make_unique<Throttle>(names, ids_of(trees), period_ns / kMillion * share, period_ns));
}

/// Continues what is stopped, unless a pause holds it.
Result<Json> undo(const Context&, const Json& record) {
  const std::lock_guard<std::mutex> lock(stop_turns().mutex);
  if (stop_turns().pauses == 0) (void)thaw(texts_of(record, "processes"));
  return Json();
}

Status probe(const Context& context) {
  if (Status can = can_signal_processes(context); !can) return can;
  return self_test_on_dummy(cpu_kind(), context,
                            {{"share_per_million", kMillion / 2}, {"period_us", kShortestPeriodUs}}, 'T');
}

}  // namespace

FaultKind cpu_kind() { return {"cpu", make, undo, nullptr, probe}; }

}  // namespace riven::agent
