#include "nemesis/agent/clock/clock_fault.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <memory>
#include <optional>
#include <set>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/clock_keeper.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/process/tracing_thread.h"

namespace riven::agent {
namespace {

constexpr int64_t kPatienceNs = 10 * kNanosPerSecond;
constexpr useconds_t kRoundUs = 1'000;

class ClockFault final : public Fault {
 public:
  explicit ClockFault(const ClockOrder& order) : order_(order), keeper_(order) {}
  Json undo_record() const override {
    return {{"owner", order_.owner}, {"fault", order_.fault}, {"processes", order_.processes}};
  }
  Status arm() override { return keeper_.arm(); }
  Result<Json> apply() override { return keeper_.begin(); }
  Json observe() override { return keeper_.observe(); }
  void retire() override { keeper_.stop_following(); }

 private:
  ClockOrder order_;
  ClockKeeper keeper_;
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  ClockOrder order;
  order.owner = context.owner;
  order.fault = id;
  order.processes = texts_of(params, "processes");
  std::erase(order.processes, std::string());
  if (order.processes.empty()) return Error{"no names of processes were given"};
  order.watch_only = flag_of(params, "watch");
  const Result<ClockShape> shape = clock_shape_from(params);
  if (!shape) return shape.error();
  order.shape = *shape;
  if (order.watch_only == (order.shape != ClockShape{})) {
    return Error{order.watch_only ? "who only watches bends nothing" : "a clock fault that changes nothing"};
  }
  return std::unique_ptr<Fault>(std::make_unique<ClockFault>(order));
}

struct Found {
  ClockTarget target;
  VdsoHook hook;
};

/// Every process on the node with a hook of this owner's; of one fault, unless that is empty. By looking into
/// the processes themselves: children carry it on under any name and parent.
std::vector<Found> find_lenses(const std::string& owner, const std::string& fault) {
  std::vector<Found> found;
  DIR* dir = opendir("/proc");
  if (dir == nullptr) return found;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || pid == getpid()) continue;
    Result<ClockTarget> target = ClockTarget::open(pid);
    if (!target) continue;
    std::optional<VdsoHook> hook = target->hook();
    if (!hook || hook->owner != owner || (!fault.empty() && fault != hook->block.fault)) continue;
    found.push_back({std::move(*target), std::move(*hook)});
  }
  closedir(dir);
  return found;
}

/// Twice without finding one: who was being forked during the first look is found by the second.
Result<Json> remove_lenses(const std::string& owner, const std::string& fault) {
  size_t restored = 0, pages_left = 0;
  std::string error;
  const int64_t until_ns = monotonic_now_ns() + kPatienceNs;
  for (int quiet = 0; quiet < 2;) {
    const std::vector<Found> found = find_lenses(owner, fault);
    quiet = found.empty() ? quiet + 1 : 0;
    for (const Found& each : found) {
      (void)each.target.set(hook_block({}, 0, fault.empty() ? each.hook.block.fault : fault));
    }
    for (const Found& each : found) {
      std::optional<Result<ClockTarget::Restored>> done;
      TracingThread::instance().call([&] { done = each.target.restore(each.hook); });
      if (*done) {
        ++restored;
        pages_left += (*done)->unmapped ? 0 : 1;
      } else if (each.target.is_same_program()) {
        error = done->error().message;
      }
    }
    if (found.empty()) continue;
    if (monotonic_now_ns() > until_ns) {
      return Error{error.empty() ? "processes with a skewed clock start as fast as Riven repairs them"
                                 : error};
    }
    usleep(kRoundUs);
  }
  return Json{{"restored", restored}, {"pages_left", pages_left}};
}

Result<Json> undo(const Context&, const Json& record) {
  return remove_lenses(text_of(record, "owner"), text_of(record, "fault"));
}

Result<Json> sweep(const Context& context) {
  Result<Json> removed = remove_lenses(context.owner, "");
  if (!removed) return removed;
  if (integer_of(*removed, "restored") == 0) return Json::object();
  return Json{{"hooks", *removed}};
}

bool may_trace_others() {
  constexpr uint64_t kSysPtrace = uint64_t{1} << 19;  // CAP_SYS_PTRACE
  const std::string status = read_proc_file("/proc/self/status");
  const size_t at = status.find("CapEff:");
  if (at == std::string::npos) return false;
  return (std::strtoull(status.c_str() + at + 7, nullptr, 16) & kSysPtrace) != 0;
}

/// The whole of it on a child of this process: skewed, read, restored.
Status try_on(pid_t child) {
  constexpr int64_t kTrialNs = 3600 * kNanosPerSecond;
  const Result<ClockTarget> target = ClockTarget::open(child);
  if (!target) return target.error();
  ClockShape shape;
  shape.offset_ns = kTrialNs;
  Status outcome = ok_status();
  TracingThread::instance().call([&] {
    const auto patched = target->patch("probe", hook_block(shape, 0, "probe"));
    if (!patched) {
      outcome = patched.error();
      return;
    }
    const auto told = target->read_clock(CLOCK_REALTIME);
    const auto hook = target->hook();
    const auto restored = hook ? target->restore(*hook) : Error{"the hook is gone"};
    if (!told || std::abs(told->told_ns - told->after_ns - kTrialNs) > kNanosPerSecond) {
      outcome = Error{"a process with a bent clock does not see it: " +
                      (told ? "wrong time" : told.error().message)};
    } else if (!restored || !target->is_pristine()) {
      outcome = Error{"a skewed clock cannot be restored: " +
                      (restored ? "the vDSO differs" : restored.error().message)};
    }
  });
  return outcome;
}

Status probe(const Context&) {
  const pid_t child = fork();
  if (child < 0) return Error{"no process can be made to try it on"};
  if (child == 0) {
    while (true) pause();
  }
  const Status outcome = try_on(child);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  if (!outcome) return outcome;
  if (may_trace_others()) return ok_status();
  return Error{
      "other users' processes cannot be reached without CAP_SYS_PTRACE (riven cluster up --faults clock "
      "gives it)"};
}

}  // namespace

bool has_skewed_clock(pid_t pid) {
  const Result<ClockTarget> target = ClockTarget::open(pid);
  return target && target->hook().has_value();
}

FaultKind clock_kind() { return {"clock", make, undo, sweep, probe}; }

}  // namespace riven::agent
