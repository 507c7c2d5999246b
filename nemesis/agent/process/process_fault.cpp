#include "nemesis/agent/process/process_fault.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <set>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/process/freezer.h"
#include "nemesis/agent/process/process_table.h"
#include "nemesis/agent/process/tracing_thread.h"

namespace riven::agent {
namespace {

constexpr int64_t kPatienceNs = 2 * kNanosPerSecond;
constexpr useconds_t kRoundUs = 200;
constexpr char kBySignal[] = "signal";
constexpr char kByFreezer[] = "freezer";

Result<std::vector<std::string>> names_in(const Json& params) {
  std::vector<std::string> names = texts_of(params, "processes");
  std::erase(names, std::string());
  if (names.empty()) return Error{"no names of processes were given"};
  return names;
}

/// A signal to the process only if it is still the same one. Between the look and the signal the number could
/// pass to another process, but only after 4 million new ones.
bool signal_process(const ProcessId& id, int signal) { return is_alive(id) && kill(id.pid, signal) == 0; }

std::vector<ProcessId> ids_of(const std::vector<ProcessInfo>& processes) {
  std::vector<ProcessId> ids;
  for (const ProcessInfo& process : processes) ids.push_back(process.id);
  return ids;
}

/// `known`: what was stopped when the fault began. Where none of it is left, what runs now came after it (a
/// restart, while the fault was in force) and is no sign that the fault did not hold.
Json stopped_proof(const std::vector<ProcessInfo>& trees, const std::vector<ProcessId>& known) {
  const bool ended = !known.empty() && std::none_of(known.begin(), known.end(), is_alive);
  if (ended) return {{"stopped", 0}, {"running", 0}, {"ended", known.size()}};
  const auto stopped =
      std::count_if(trees.begin(), trees.end(), [](const ProcessInfo& p) { return p.stopped; });
  return {{"stopped", stopped}, {"running", static_cast<std::ptrdiff_t>(trees.size()) - stopped}};
}

}  // namespace

/// A look is not atomic: who is seen stopped may have forked, just before, a child that the look had passed
/// already. Hence two looks in a row must find everything stopped.
Frozen freeze(const std::vector<std::string>& names, const std::vector<ProcessId>& known) {
  std::set<ProcessId> hit;
  for (const ProcessId& id : known) {
    if (signal_process(id, SIGSTOP)) hit.insert(id);
  }
  Frozen frozen;
  frozen.signalled_ns = monotonic_now_ns();
  const size_t at_once = hit.size();
  const int64_t until = monotonic_now_ns() + kPatienceNs;
  for (int quiet = 0; quiet < 2;) {
    frozen.trees = process_trees(names);
    ++quiet;
    for (const ProcessInfo& process : frozen.trees) {
      if (process.stopped) continue;
      quiet = 0;
      if (signal_process(process.id, SIGSTOP)) hit.insert(process.id);
    }
    if (quiet > 0) continue;
    if (monotonic_now_ns() > until) return frozen;
    usleep(kRoundUs);
  }
  frozen.whole = true;
  frozen.found_later = hit.size() - at_once;
  return frozen;
}

size_t thaw(const std::vector<std::string>& names) {
  size_t woken = 0;
  for (const ProcessInfo& process : process_trees(names)) {
    if (process.state == 'T' && signal_process(process.id, SIGCONT)) ++woken;
  }
  return woken;
}

StopTurns& stop_turns() {
  static StopTurns turns;
  return turns;
}

namespace {

class Pause final : public Fault {
 public:
  Pause(std::vector<std::string> names, std::vector<ProcessId> known, std::vector<std::string> folders)
      : names_(std::move(names)), known_(std::move(known)), folders_(std::move(folders)) {}

  Json undo_record() const override {
    return {{"processes", names_}, {"known", to_json(known_)}, {"folders", folders_}};
  }

  Status arm() override {
    if (folders_.empty() || enter_freezer(folders_, names_)) return ok_status();
    const Status left = leave_freezer(folders_);
    folders_.clear();  // by signals, then
    return left;
  }

  Result<Json> apply() override {
    const std::lock_guard<std::mutex> lock(stop_turns().mutex);
    ++stop_turns().pauses;
    counted_ = true;
    // Where threads are borrowed, so that none is frozen while it runs a call for somebody.
    Status held = ok_status();
    if (!folders_.empty()) TracingThread::instance().call([&] { held = freeze_groups(folders_); });
    if (!held) return held.error();
    // Whoever is not in the groups is stopped by a signal.
    const Frozen frozen = freeze(names_, folders_.empty() ? known_ : std::vector<ProcessId>());
    if (!frozen.whole) return Error{"the processes could not all be stopped within 2 s"};
    if (frozen.trees.empty()) return Error{"none of the processes runs"};
    Json done = stopped_proof(frozen.trees, {});
    done["forked"] = frozen.found_later;
    done["by"] = folders_.empty() ? kBySignal : kByFreezer;
    return done;
  }

  Json observe() override {
    Json seen = stopped_proof(process_trees(names_), known_);
    seen["by"] = folders_.empty() ? kBySignal : kByFreezer;
    return seen;
  }

  void retire() override {
    const std::lock_guard<std::mutex> lock(stop_turns().mutex);
    if (counted_) --stop_turns().pauses;
    counted_ = false;
  }

 private:
  std::vector<std::string> names_;
  std::vector<ProcessId> known_;
  std::vector<std::string> folders_;
  bool counted_ = false;
};

bool any_clock_is_skewed(const Context& context, const std::vector<ProcessId>& processes) {
  return context.has_skewed_clock != nullptr &&
         std::any_of(processes.begin(), processes.end(),
                     [&](const ProcessId& id) { return context.has_skewed_clock(id.pid); });
}

Result<std::unique_ptr<Fault>> make_pause(const Context& context, const std::string& id, const Json& params) {
  Result<std::vector<std::string>> names = names_in(params);
  if (!names) return names.error();
  const std::string by = text_of(params, "by", "auto");
  if (by != "auto" && by != kBySignal && by != kByFreezer)
    return Error{"processes are paused by signal, freezer or auto, not by " + by};
  const std::vector<ProcessInfo> trees = process_trees(*names);
  if (trees.empty()) return Error{"no process called " + names->front() + " runs"};
  const std::vector<ProcessId> known = ids_of(trees);
  std::vector<std::string> folders;
  // For an agent on the host, the group's path differs inside and outside of the container. And a skewed
  // clock can be neither read nor set back while its process is frozen.
  if (by != kBySignal && context.container.empty() && !any_clock_is_skewed(context, known))
    folders = freezer_folders(known, context.owner + "." + id);
  if (by == kByFreezer && folders.empty())
    return Error{
        "no control group of version 2 can be frozen here (mounted read-only, an older kernel, or a "
        "skewed clock)"};
  return std::unique_ptr<Fault>(std::make_unique<Pause>(*names, known, std::move(folders)));
}

Result<Json> undo_pause(const Context&, const Json& record) {
  const std::vector<std::string> names = texts_of(record, "processes");
  const std::vector<ProcessId> known = process_ids_from(record, "known");
  Json proof = stopped_proof(process_trees(names), known);
  if (Status thawed = leave_freezer(texts_of(record, "folders")); !thawed) return thawed.error();
  const int64_t until = monotonic_now_ns() + kPatienceNs;
  while (true) {
    // By number what the ledger knows, by name and descent what was found later. Leaves first would be
    // no better: a parent that goes on early only sees children that are still stopped.
    for (const ProcessId& id : known) signal_process(id, SIGCONT);
    bool quiet = true;
    for (const ProcessInfo& process : process_trees(names)) {
      if (process.state != 'T') continue;
      quiet = false;
      signal_process(process.id, SIGCONT);
    }
    if (quiet) return proof;
    if (monotonic_now_ns() > until) return Error{"some processes stay stopped"};
    usleep(kRoundUs);
  }
}

class Kill final : public Fault {
 public:
  Kill(std::vector<std::string> names, std::vector<ProcessId> known, int signal)
      : names_(std::move(names)), known_(std::move(known)), signal_(signal) {}

  Json undo_record() const override { return {{"processes", names_}}; }

  Result<Json> apply() override {
    std::set<ProcessId> hit;
    if (signal_ == SIGTERM) {
      for (const ProcessId& id : known_) {
        if (signal_process(id, SIGTERM)) hit.insert(id);
      }
      const int64_t took_effect_ns = monotonic_now_ns();
      for (const ProcessInfo& process : process_trees(names_)) {
        if (hit.count(process.id) == 0 && signal_process(process.id, SIGTERM)) hit.insert(process.id);
      }
      return Json{{"killed", hit.size()}, {kTookEffectAt, took_effect_ns}};
    }
    // Stopped first, so that no child gets away as an orphan of a parent that died before it was seen.
    const int64_t took_effect_ns = freeze(names_, known_).signalled_ns;
    const int64_t until = monotonic_now_ns() + kPatienceNs;
    for (int quiet = 0; quiet < 2;) {
      const std::vector<ProcessInfo> left = process_trees(names_);
      quiet = left.empty() ? quiet + 1 : 0;
      for (const ProcessInfo& process : left) {
        if (signal_process(process.id, SIGKILL)) hit.insert(process.id);
      }
      if (left.empty()) continue;
      if (monotonic_now_ns() > until) return Error{"processes come back as fast as they are killed"};
      usleep(kRoundUs);
    }
    return Json{{"killed", hit.size()}, {kTookEffectAt, took_effect_ns}};
  }

  Json observe() override { return {{"alive", process_trees(names_).size()}}; }

 private:
  std::vector<std::string> names_;
  std::vector<ProcessId> known_;
  int signal_;
};

Result<std::unique_ptr<Fault>> make_kill(const Context&, const std::string&, const Json& params) {
  Result<std::vector<std::string>> names = names_in(params);
  if (!names) return names.error();
  const std::string word = text_of(params, "signal", "KILL");
  if (word != "KILL" && word != "TERM") return Error{"the signal must be KILL or TERM, not " + word};
  return std::unique_ptr<Fault>(
      std::make_unique<Kill>(*names, ids_of(process_trees(*names)), word == "KILL" ? SIGKILL : SIGTERM));
}

Result<Json> undo_kill(const Context&, const Json& record) {
  return Json{{"alive", process_trees(texts_of(record, "processes")).size()}};
}

/// Signals go to other users' processes only with the right to it; and /proc must show them.
Status probe(const Context&) {
  if (geteuid() != 0) return Error{"signals to the database's processes need root (or sudo)"};
  if (access("/proc/1/stat", R_OK) != 0) return Error{"/proc is hidden on this node (hidepid)"};
  return ok_status();
}

/// A frozen process looks to /proc as one that sleeps.
Status probe_pause(const Context& context) {
  if (Status can = probe(context); !can) return can;
  for (const char* by : {"auto", kBySignal}) {
    const auto takes_effect = [](const Json& seen) {
      const bool all = integer_of(seen, "stopped") == 1 && integer_of(seen, "running") == 0;
      return all ? ok_status() : Status(Error{"a process that it was tried on ran on"});
    };
    if (Status works = self_test_on_dummy(pause_kind(), context, {{"by", by}}, takes_effect); !works)
      return works;
  }
  return ok_status();
}

std::string means_of_pause(const Context& context) {
  const bool freezes = context.container.empty() && !freezer_folders({{getpid(), 0}}, "fact").empty();
  return freezes ? "freezer" : "SIGSTOP";
}

Status probe_kill(const Context& context) {
  const Status can = probe(context);
  return can ? self_test_on_dummy(kill_kind(), context, Json::object(), '?') : can;
}

}  // namespace

FaultKind pause_kind() { return {"pause", make_pause, undo_pause, nullptr, probe_pause, means_of_pause}; }
FaultKind kill_kind() { return {"kill", make_kill, undo_kill, nullptr, probe_kill}; }
Status can_signal_processes(const Context& context) { return probe(context); }

}  // namespace riven::agent
