// One run from a dirty cluster to a recorded history.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "harness/api/nemesis.h"
#include "harness/api/workload.h"
#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/run/fault_driver.h"
#include "harness/run/scheduler.h"

namespace riven {

struct LifecycleOptions {
  std::string directory;  ///< the run's folder; history.riven is written there
  Json metadata;          ///< into the journal's head
  uint64_t seed = 0;
  size_t concurrency = 1;
  bool faults_together = false;  ///< all fault packages at once; else in turns, one fault after the other
  GeneratorPtr schedule;         ///< of the nemesis, instead of the packages' own generators
  /// All faults in force together never break more nodes (see FaultDriver); what would is left out.
  std::optional<size_t> max_broken;
  int64_t time_limit_ns = 0;       ///< of the phase with faults
  int64_t op_timeout_ns = 0;       ///< one client operation
  int64_t nemesis_timeout_ns = 0;  ///< one fault being applied or undone
  int64_t final_limit_ns = 0;      ///< for the final operations together
  Milliseconds setup_deadline{120'000};
  Milliseconds ready_deadline{60'000};
};

/// What the person at the keyboard wants; set from a signal handler. 0: go on; 1: stop the clients, heal,
/// save, judge; 2 and more: heal and leave.
using StopRequests = std::atomic<int>;

/// Tears the database down on all nodes, then sets it up on all of them, each at once, and waits until it
/// serves: a node that is set up while another still runs what was there before would be told that it is a
/// member already. After an error no server runs that can be killed; its logs are kept.
Status bring_up(Database& database, const std::vector<Node>& nodes, Milliseconds ready_deadline);

struct LifecycleHooks {
  std::function<void(const std::string& line)> say;  ///< one line of progress; any thread
  std::function<void(const Progress&)> progress;     ///< while clients run, about five times a second
  std::function<void(const std::vector<std::string>&)>
      in_force;                                      ///< names of the faults in force, when they change
  std::function<void(const FaultStep&)> fault_step;  ///< after each; the nemesis thread
  const StopRequests* stop = nullptr;                ///< borrowed
};

/// How the recording went. The history is in `directory`/history.riven whatever happened after its first
/// entry.
struct Recorded {
  bool interrupted = false;             ///< by the person
  std::string cut_short;                ///< why the recording ended early; empty: it did not
  std::vector<std::string> complaints;  ///< what went wrong and cost no verdict, one line each
  std::string version;                  ///< of the database
  int64_t first_operation_ns = 0;       ///< monotonic; 0: none
  int64_t last_operation_ns = 0;
};

/// Set-up, the phase with faults, healing, the wait until the cluster is whole, final operations. One object
/// for one run; not thread-safe. Faults are undone on every way out, also by the destructor.
class Lifecycle {
 public:
  /// Everything is borrowed and outlives the object. `faults` are given over.
  Lifecycle(FaultTarget target, Database& database, const Workload& workload,
            std::vector<FaultPackage> faults, const LifecycleOptions& options, LifecycleHooks hooks);
  ~Lifecycle();
  Lifecycle(const Lifecycle&) = delete;
  Lifecycle& operator=(const Lifecycle&) = delete;

  /// Prepares the faults and brings the database up. An error is the cluster's.
  Status set_up();
  /// Drives clients and faults and records. Errors: the history could not be written (what was, is readable),
  /// or the run could not go on; there may be a history all the same.
  Result<Recorded> drive();
  /// Log files into `directory`/nodes/<name>/. Returns complaints.
  std::vector<std::string> download_logs();
  /// Tears the database down. Returns complaints.
  std::vector<std::string> tear_down();
  /// Clients that never returned, not even when cancelled. While there are any, the database must stay alive
  /// until the process ends; this object leaks its own part of it.
  size_t stragglers() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace riven
