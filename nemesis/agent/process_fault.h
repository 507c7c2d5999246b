// Kinds "pause" and "kill": what happens to the database's processes.
#pragma once

#include "nemesis/agent/fault.h"

namespace riven::agent {

/// params: {processes: [names]}. Stops every process of these names and all their descendants with SIGSTOP,
/// looking again until two looks in a row found all of them stopped in /proc (a process that forks meanwhile
/// is caught by a later look: its parent can fork no more once it is stopped). Undone by SIGCONT to all of
/// them. Proof: {stopped, running, forked: found in later rounds}.
FaultKind pause_kind();

/// params: {processes: [names], signal: "KILL" (default) or "TERM"}. KILL: stops every process of
/// these names and all their descendants as "pause" does, then kills them until none is left (up to 2 s).
/// TERM: asks each of them once. There is nothing to undo: whoever manages the database starts it again. The
/// details say how many were hit; the proof {alive} how many of these names run when it is asked.
FaultKind kill_kind();

}  // namespace riven::agent
