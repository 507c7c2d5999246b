// Kind "fd-limit": the database's processes can open nothing any more.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: {processes: [names], spare (default 0)}. Lowers the soft RLIMIT_NOFILE of each process of these
/// trees to its lowest free descriptor plus `spare`: what is open stays open, and accept, open and socket
/// fail with EMFILE. Undone by putting the soft limit back, also for children that inherited the low one.
/// Works across users without CAP_SYS_RESOURCE: a process of the target's own user sets the limit. Proof:
/// {limited: processes whose limit is ours, full: of these, those that can open nothing now}.
FaultKind fd_limit_kind();

}  // namespace riven::agent
