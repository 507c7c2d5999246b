// Kinds "disk-layer" and "disk": a layer under the database's files, and what it does to them.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: {directory: absolute path, names: "journal" (default) or "strict"}. Makes the directory where it
/// is missing and mounts a layer over it (see disk_pending.h for what the words promise). Programs that have
/// files of it open already keep the bare ones. Undone by detaching the mount (programs keep the files that
/// they have open; all was written through) and removing the directory if it was made and is empty. Proof:
/// {requests, reads, writes, syncs, written_bytes, pending_bytes, pending_names}.
FaultKind disk_layer_kind();

/// params: {directory: of a layer that this agent mounted, and either
///   rules: [...]  (disk_rules.h): in force until undone; proof {seen, refused, delayed}
///   crash: {loss: all|torn|reordered|files, seed, damage}: the power fails, once: what was not durable is
///   lost
///          (disk_process.h). Nobody may have files of the directory open: kill the database first. Nothing
///          brings it back; proof: what was lost, and the layer's traffic}.
FaultKind disk_kind();

}  // namespace riven::agent
