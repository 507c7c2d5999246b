// A database's data set back to an earlier state.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// Kind "snapshot": a copy of a directory, as it is at one moment. Params: directory (absolute), processes
/// (stopped meanwhile; may be none). Details: copy (its path), bytes. Undone: the copy is removed.
FaultKind snapshot_kind();

/// Kind "rollback": the directory becomes what a copy says, durably. Params: directory, copy, processes (an
/// error if any runs). Details: stale (files that were otherwise), bytes. Nothing is undone.
FaultKind rollback_kind();

}  // namespace riven::agent
