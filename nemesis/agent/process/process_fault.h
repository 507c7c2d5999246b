// Kinds "pause" and "kill": what happens to the database's processes.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "nemesis/agent/core/fault.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {

struct Frozen {
  bool whole = false;              ///< everything is stopped
  std::vector<ProcessInfo> trees;  ///< all of it
  size_t found_later = 0;          ///< how many were not among the known
  int64_t signalled_ns = 0;        ///< monotonic_now_ns() when the known had their signal
};

/// Stops the trees of `names` by SIGSTOP, those already `known` first: the exact moment matters, and a look
/// through /proc takes a while. Gives up after 2 s.
Frozen freeze(const std::vector<std::string>& names, const std::vector<ProcessId>& known);
/// SIGCONT to those of the trees that are stopped; how many.
size_t thaw(const std::vector<std::string>& names);

/// Faults that stop the same processes, in turn or for good, must not wake them for each other: whoever sends
/// SIGCONT holds `mutex` and sends none while a pause is in force.
struct StopTurns {
  std::mutex mutex;
  int pauses = 0;
};
StopTurns& stop_turns();

/// params: {processes: [names], by: "auto" (default), "freezer" or "signal"}. Every process of these names
/// and all their descendants are stopped: in frozen control groups (freezer.h), where that is possible or
/// asked for, and whoever is not in them by SIGSTOP, looking again until two looks in a row found all of them
/// stopped in /proc (a process that forks meanwhile is caught by a later look: its parent can fork no more
/// once it is stopped). Undone by thawing the groups and SIGCONT to all of them. Proof: {stopped, running,
/// by}, and at the beginning {forked: found in later rounds}.
FaultKind pause_kind();

/// params: {processes: [names], signal: "KILL" (default) or "TERM"}. KILL: stops every process of
/// these names and all their descendants as "pause" does, then kills them until none is left (up to 2 s).
/// TERM: asks each of them once. There is nothing to undo: whoever manages the database starts it again. The
/// details say how many were hit; the proof {alive} how many of these names run when it is asked.
FaultKind kill_kind();

/// Whether this process may send signals to all others, and see them.
Status can_signal_processes(const Context& context);

}  // namespace riven::agent
