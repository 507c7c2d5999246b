#include "nemesis/agent/clock/clock_keeper.h"

#include <dirent.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness/core/clock.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/process/tracing_thread.h"

namespace riven::agent {
namespace {

constexpr useconds_t kTickUs = 2'000;
constexpr int64_t kRareLookNs = 100 * kNanosPerMilli;
constexpr int64_t kAlertNs = 50 * kNanosPerMilli;  // a new process is likely to run another program by then
constexpr int kMostFailures = 5;
constexpr useconds_t kMomentUs = 20'000;
constexpr int64_t kSlackNs = 100'000;
constexpr int kMostSamples = 4;
constexpr int64_t kLongestSampleGapNs = 25 * kNanosPerMilli;

/// The last number given to a process on this node: it changes with every new process and thread.
std::string last_process() {
  const std::string load = read_proc_file("/proc/loadavg");
  return load.substr(load.rfind(' ') + 1);
}

/// Whether this system call waits until a time of the real-time clock.
bool waits_for_a_time(long number, const uint64_t (&arguments)[4]) {
  constexpr uint64_t kFutexClockRealtime = 256, kTimerAbsolute = 1;
  if (number == SYS_futex) return (arguments[1] & kFutexClockRealtime) != 0 && arguments[3] != 0;
  return number == SYS_clock_nanosleep && arguments[0] == CLOCK_REALTIME &&
         (arguments[1] & kTimerAbsolute) != 0;
}

/// The latest fault for each owner and name of a process: only that one follows new processes.
class Latest {
 public:
  static void set(const ClockOrder& order) {
    const std::lock_guard lock(mutex());
    for (const std::string& name : order.processes) table()[{order.owner, name}] = order.fault;
  }
  static bool is(const ClockOrder& order) {
    const std::lock_guard lock(mutex());
    return std::all_of(order.processes.begin(), order.processes.end(), [&](const std::string& name) {
      return table()[{order.owner, name}] == order.fault;
    });
  }

 private:
  static std::mutex& mutex() {
    static std::mutex instance;
    return instance;
  }
  static std::map<std::pair<std::string, std::string>, std::string>& table() {
    static std::map<std::pair<std::string, std::string>, std::string> instance;
    return instance;
  }
};

}  // namespace

HookBlock ClockKeeper::block() const {
  return hook_block(began_real_ns_ ? order_.shape : ClockShape{}, began_real_ns_.value_or(0), order_.fault);
}

/// Under mutex_.
Status ClockKeeper::adopt(const ProcessId& id) {
  Result<ClockTarget> target = ClockTarget::open(id.pid);
  if (!target) return target.error();
  if (!order_.watch_only) {
    if (const auto hook = target->hook()) {
      if (hook->owner != order_.owner) {
        return Error{"the clock of process " + std::to_string(id.pid) + " is bent by " + hook->owner +
                     " already (riven heal undoes that)"};
      }
      if (began_real_ns_ && order_.fault != hook->block.fault) return Error{"a later fault has this clock"};
    } else {
      std::optional<Result<ClockTarget::Patched>> patched;
      TracingThread::instance().call([&] { patched = target->patch(order_.owner, block()); });
      if (!*patched) return patched->error();
      longest_stop_ns_ = std::max(longest_stop_ns_, (*patched)->stopped_ns);
      threads_ += (*patched)->threads;
      system_calls_ = system_calls_ || (*patched)->system_call;
    }
  }
  targets_.erase(id);
  targets_.emplace(id, std::move(*target));
  return ok_status();
}

Status ClockKeeper::arm() {
  const std::lock_guard lock(mutex_);
  for (const ProcessInfo& process : process_trees(order_.processes)) {
    Status adopted = adopt(process.id);
    // One that is about to end, or to run another program, has no memory for a moment, and is still alive.
    for (int i = 0; !adopted && is_alive(process.id); ++i) {
      if (i == kMostFailures) return adopted;
      usleep(kMomentUs);
      adopted = adopt(process.id);
    }
  }
  return ok_status();
}

Json ClockKeeper::begin() {
  const std::lock_guard lock(mutex_);
  began_real_ns_ = realtime_ns();
  const HookBlock setting = block();
  size_t set = 0;
  if (!order_.watch_only) Latest::set(order_);
  for (const auto& [id, target] : targets_) set += order_.watch_only || target.set(setting) ? 1 : 0;
  if (!follower_.joinable()) follower_ = std::thread([this] { follow(); });
  return {{"processes", set},
          {"threads", threads_},
          {"stopped_us", longest_stop_ns_ / 1000},
          {"began_real_ns", *began_real_ns_}};
}

void ClockKeeper::stop_following() {
  stop_ = true;
  if (follower_.joinable()) follower_.join();
}

void ClockKeeper::look_for_new() {
  const std::vector<ProcessInfo> trees = process_trees(order_.processes);
  const std::lock_guard lock(mutex_);
  if (!order_.watch_only && !Latest::is(order_)) return;
  std::erase_if(targets_, [](const auto& entry) { return !entry.second.is_same_program(); });
  for (const ProcessInfo& process : trees) {
    if (targets_.count(process.id) > 0 || failures_[process.id] >= kMostFailures) continue;
    if (Status adopted = adopt(process.id); adopted) {
      ++followed_;
      failures_.erase(process.id);
    } else if (is_alive(process.id)) {
      ++failures_[process.id];
      last_failure_ = adopted.error().message;
    }
  }
  std::erase_if(failures_, [](const auto& entry) { return !is_alive(entry.first); });
}

void ClockKeeper::note_down() {
  const std::lock_guard lock(mutex_);
  if (!began_real_ns_) return;
  const int64_t elapsed_ns = realtime_ns() - *began_real_ns_;
  const std::optional<int64_t> set_ns = setting_in_place(elapsed_ns);
  if (!set_ns) return;
  largest_seen_ns_ = std::max(largest_seen_ns_, std::abs(*set_ns));
  series_.add(elapsed_ns / kNanosPerMilli, *set_ns / 1000);
}

/// Under mutex_: how far off the oldest process's clock is by what stands in its memory. Its threads are not
/// asked, again and again: one whose tracer is killed in the middle of that is lost, and the process with it.
std::optional<int64_t> ClockKeeper::setting_in_place(int64_t elapsed_ns) const {
  for (const auto& [id, target] : targets_) {
    if (!target.is_same_program()) continue;
    const auto hook = target.hook();
    if (!hook) return 0;
    const HookBlock expected = block();
    if (std::memcmp(&hook->block, &expected, sizeof expected) != 0) return std::nullopt;
    return skew_ns(order_.shape, elapsed_ns);
  }
  return std::nullopt;
}

void ClockKeeper::follow() {
  std::string last = last_process();
  int64_t alert_until_ns = 0, looked_ns = monotonic_now_ns(), noted_ns = 0;
  for (; !stop_; usleep(kTickUs)) {
    const std::string now_last = last_process();
    const int64_t now_ns = monotonic_now_ns();
    if (now_ns - noted_ns >= series_.gap_ns()) {
      note_down();
      noted_ns = now_ns;
    }
    if (now_last != last) alert_until_ns = now_ns + kAlertNs;
    last = now_last;
    if (now_ns > alert_until_ns && now_ns - looked_ns < kRareLookNs) continue;
    look_for_new();
    looked_ns = monotonic_now_ns();
  }
}

/// Under mutex_: the oldest process that still answers.
Result<ClockKeeper::Sample> ClockKeeper::sample() {
  Error last{"none of the processes runs"};
  for (const auto& [id, target] : targets_) {
    std::optional<Result<ClockTarget::Reading>> reading;
    TracingThread::instance().call(
        [&reading, &reads = target] { reading = reads.read_clock(CLOCK_REALTIME); });
    if (!*reading) {
      last = reading->error();
      continue;
    }
    const ClockTarget::Reading& told = **reading;
    Sample sample;
    const int64_t middle_ns = told.before_ns + (told.after_ns - told.before_ns) / 2;
    sample.seen_ns = told.told_ns - middle_ns;
    sample.error_ns = told.after_ns - middle_ns;
    if (began_real_ns_) sample.wanted_ns = skew_ns(order_.shape, middle_ns - *began_real_ns_);
    largest_seen_ns_ = std::max(largest_seen_ns_, std::abs(sample.seen_ns));
    return sample;
  }
  return last;
}

/// Near the edge of a strobe or a step the moment of the reading decides: either side is right. A drift of a
/// half makes half as much again of not knowing the moment.
bool ClockKeeper::fits(const Sample& sample) const {
  const auto near = [&](int64_t wanted_ns) {
    return std::abs(sample.seen_ns - wanted_ns) <= sample.error_ns + sample.error_ns / 2 + kSlackNs;
  };
  const int64_t strobe = order_.shape.strobe_ns, step = order_.shape.step_ns;
  const int64_t wanted = sample.wanted_ns;
  return near(wanted) || (strobe != 0 && (near(wanted + strobe) || near(wanted - strobe))) ||
         (step != 0 && (near(wanted + step) || near(wanted - step)));
}

Json ClockKeeper::observe() {
  const std::lock_guard lock(mutex_);
  std::vector<ProcessId> ids;
  size_t bent = 0;
  for (const auto& [id, target] : targets_) {
    if (!target.is_same_program()) continue;
    ids.push_back(id);
    const auto hook = target.hook();
    bent += hook && order_.fault == hook->block.fault ? 1 : 0;
  }
  Json proof = {{"processes", ids.size()},
                {"bent", bent},
                {"followed", followed_},
                {"absolute_waits", absolute_waits(ids)},
                {"stopped_us", longest_stop_ns_ / 1000}};
  if (system_calls_) proof["slow_readings"] = true;
  if (!failures_.empty()) proof["unbent"] = {{"processes", failures_.size()}, {"why", last_failure_}};
  // A strobe is seen by chance: looked at more than once.
  const int samples = order_.shape.strobe_ns != 0 ? kMostSamples : 1;
  bool right = true;
  for (int i = 0; i < samples; ++i) {
    if (i > 0)
      usleep(
          static_cast<useconds_t>(std::min(order_.shape.strobe_period_ns / 3, kLongestSampleGapNs) / 1000));
    const Result<Sample> sampled = sample();
    if (!sampled) {
      proof["error"] = sampled.error().message;
      return proof;
    }
    right = right && fits(*sampled);
    proof["offset_ns"] = sampled->seen_ns;
    proof["wanted_ns"] = sampled->wanted_ns;
    proof["error_ns"] = sampled->error_ns;
  }
  proof["series"] = series_.json();
  proof["largest_ns"] = largest_seen_ns_;
  proof["right"] = right;
  return proof;
}

size_t absolute_waits(const std::vector<ProcessId>& processes) {
  size_t waits = 0;
  for (const ProcessId& id : processes) {
    const std::string tasks = "/proc/" + std::to_string(id.pid) + "/task";
    DIR* dir = opendir(tasks.c_str());
    if (dir == nullptr) continue;
    while (const dirent* entry = readdir(dir)) {
      if (entry->d_name[0] == '.') continue;
      const std::string call = read_proc_file(tasks + "/" + entry->d_name + "/syscall");
      long number = -1;
      uint64_t arguments[4] = {};
      if (std::sscanf(call.c_str(), "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &number,
                      &arguments[0], &arguments[1], &arguments[2], &arguments[3]) == 5) {
        waits += waits_for_a_time(number, arguments) ? 1 : 0;
      }
    }
    closedir(dir);
  }
  return waits;
}

}  // namespace riven::agent
